"""Running a campaign: prepare, run, resume, stop."""
