"""The harness: plans, launches, observes, records and publishes the experiment matrix."""
