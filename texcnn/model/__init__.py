"""What lies on disk for a model, and what a user holds."""
