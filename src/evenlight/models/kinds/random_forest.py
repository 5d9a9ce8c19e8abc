"""Many trees on random parts of the table; needs no tuning."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evenlight.models.kind_base import Counts, TableOptions

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

TRUSTED_TYPES = (
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._tree.Tree",
)


class Options(TableOptions):
    """Many trees on random parts of the table; needs no tuning."""

    kind: Literal["random_forest"]
    trees: Counts = Field(300, description="more is steadier and slower")
    max_depth: int | None = Field(None, ge=1, description="deepest level of a tree; null for no limit")
    min_leaf: Counts = Field(1, description="fewest training images in a leaf; more is smoother and smaller")
    rows_per_tree: int = Field(
        10_000, ge=1, description="most training images that one tree draws; bounds time and size of the file"
    )


def build(options: Options, shape: tuple[int, int], seed: int) -> "RandomForestClassifier":
    """A forest whose trees draw with replacement."""
    from sklearn.ensemble import RandomForestClassifier

    # parallelism is over models: `n_jobs` would be stored in the file
    return RandomForestClassifier(
        n_estimators=options.trees,
        max_depth=options.max_depth,
        min_samples_leaf=options.min_leaf,
        max_samples=options.rows_per_tree if shape[0] > options.rows_per_tree else None,
        random_state=seed,
    )
