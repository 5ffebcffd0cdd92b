"""The queueing model: fitted to measurements, predicts other settings."""
