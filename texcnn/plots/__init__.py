"""What every picture has in common."""
