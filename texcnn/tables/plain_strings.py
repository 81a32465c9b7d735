"""Strings that every AnnData can write."""

from __future__ import annotations

import pandas as pd


def plain_strings(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the frame with its texts, also those of index and columns, as Python objects.

    pandas 3 keeps texts in an Arrow type, which AnnData before 0.13 refuses to write.
    """
    texts = [name for name in frame if pd.api.types.is_string_dtype(frame[name])]
    plain = frame.astype(dict.fromkeys(texts, object))
    return plain.set_axis(frame.index.astype(object), axis=0).set_axis(frame.columns.astype(object), axis=1)
