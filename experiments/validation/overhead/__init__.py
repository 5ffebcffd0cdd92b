"""What the project measures of itself: loaders beside the least code of their driver, reading beside a bare loop."""
