"""The docker engine: pinned images for interpreters and PostgreSQL, containers for every run."""
