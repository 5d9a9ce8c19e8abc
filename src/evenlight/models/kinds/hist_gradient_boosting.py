"""Trees that correct each other, on binned columns."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evenlight.models.kind_base import Counts, Positives, TableOptions

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

_MODULE = "sklearn.ensemble._hist_gradient_boosting"
TRUSTED_TYPES = (
    f"{_MODULE}.gradient_boosting.HistGradientBoostingClassifier",
    f"{_MODULE}.predictor.TreePredictor",
    "sklearn.preprocessing._label.LabelEncoder",
)


class Options(TableOptions):
    """Trees that correct each other; strong on few columns, slow with many classes."""

    kind: Literal["hist_gradient_boosting"]
    iterations: Counts = Field(100, description="trees per class; more fits closer")
    learning_rate: Positives = Field(
        0.1, description="how much one tree corrects; smaller needs more iterations"
    )
    leaves: int = Field(15, ge=2, le=255, description="most leaves of a tree")
    column_share: float = Field(
        0.1, gt=0, le=1, description="columns that a split chooses from, drawn at random; fewer is faster"
    )


def build(options: Options, shape: tuple[int, int], seed: int) -> "HistGradientBoostingClassifier":
    """All iterations: scikit-learn's early stopping would hold out rows at random and tear sources apart."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=options.iterations,
        learning_rate=options.learning_rate,
        max_leaf_nodes=options.leaves,
        max_features=options.column_share,
        early_stopping=False,
        random_state=seed,
    )
