"""Stage `plot-history`: a network's history -> learning curves."""

from pathlib import Path

import pandas as pd

from evenlight.report import charts
from evenlight.storage import write_bytes


def plot_history(history: Path, picture: Path) -> None:
    """Draw loss and accuracy per epoch."""
    write_bytes(picture, charts.history_picture(pd.read_csv(history)))
