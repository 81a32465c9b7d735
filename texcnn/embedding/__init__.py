"""Many genes' segments in, vectors out: fast, each distinct segment once."""
