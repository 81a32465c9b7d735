"""From files to a table of predictions, and to the embedding store between the two."""
