"""Segment vectors on disk: computed once, read by any number of predictions; knows no model.

Here are the names to choose from: they import nothing, so that a help page does not wait for the library.
"""

STORE_DTYPES = {"float32": 4, "float16": 2, "bfloat16": 2}
"""Types of stored vectors, and their bytes."""
