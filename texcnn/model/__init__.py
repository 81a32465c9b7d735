"""What a model is: its bundle on disk, and the object in memory."""
