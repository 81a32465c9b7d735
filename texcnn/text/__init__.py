"""Text that users bring: lines and tables, compressed or not."""
