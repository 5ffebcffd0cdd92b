"""What the project measures of itself: each loader beside the least that its driver needs, reading beside a bare loop."""
