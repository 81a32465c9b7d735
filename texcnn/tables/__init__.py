"""Every table's columns, types and units, and their readers and writers."""
