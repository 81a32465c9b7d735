"""Text that users bring: lines and tables, whatever they are packed in."""
