"""From matrix.yaml to a plan: read, validate, expand and shuffle; touches nothing but the text."""
