"""A random forest on what the manifest says about the files: it never looks into an image.

Where it does well, the files give the label away, through the cameras or collections that they come from.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evenlight.models.kind_base import KindOptions

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

TRUSTED_TYPES = (
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._tree.Tree",
)


class Options(KindOptions):
    """A random forest on image height, width and file size: what the files alone give away."""

    kind: Literal["metadata"]
    file_data: list[Literal["height", "width", "bytes"]] = Field(
        ["height", "width", "bytes"], min_length=1, description="what the forest is told of a file"
    )
    trees: int = Field(300, ge=1, le=5000, description="more is steadier and slower")


def build(options: Options, shape: tuple[int, int], seed: int) -> "RandomForestClassifier":
    """An unlimited forest: three columns make small trees."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=options.trees, random_state=seed)
