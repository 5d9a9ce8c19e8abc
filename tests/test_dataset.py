"""What cross-validation keeps together."""

import pandas as pd

from evenlight.dataset import kept_together


def table(**columns: list) -> pd.DataFrame:
    rows = pd.DataFrame(columns)
    defaults = {
        "source": "",
        "component": range(len(rows)),
        "content_hash": [f"c{i}" for i in range(len(rows))],
    }
    for name, values in (defaults | {"pixel_hash": ""}).items():
        if name not in rows:
            rows[name] = values
    return rows


def test_sources_else_near_duplicates():
    keys = kept_together(table(source=["a", "", "a", ""], component=[0, 1, 2, 1]))
    assert keys[0] == keys[2]
    assert keys[1] == keys[3]
    assert keys[0] != keys[1]


def test_copies_join_sources():
    by_bytes = kept_together(table(source=["a", "b", "c"], content_hash=["x", "x", "y"]))
    by_pixels = kept_together(table(source=["a", "b", "c"], pixel_hash=["p", "", "p"]))
    assert by_bytes[0] == by_bytes[1]
    assert by_bytes[0] != by_bytes[2]
    assert by_pixels[0] == by_pixels[2]
    assert by_pixels[0] != by_pixels[1]
