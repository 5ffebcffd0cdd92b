"""The local engine: interpreters of this machine in venvs of their own, PostgreSQL from a wheel, cores by affinity."""
