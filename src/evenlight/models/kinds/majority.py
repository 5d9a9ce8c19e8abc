"""Always the most frequent class of the training images: what accuracy is worth here."""

from typing import TYPE_CHECKING, Literal

from evenlight.models.kind_base import KindOptions

if TYPE_CHECKING:
    from sklearn.dummy import DummyClassifier

TRUSTED_TYPES = ("sklearn.dummy.DummyClassifier",)


class Options(KindOptions):
    """Always the most frequent class of the training images; looks at nothing."""

    kind: Literal["majority"]


def build(options: Options, shape: tuple[int, int], seed: int) -> "DummyClassifier":
    """Scores are the shares of the classes among the training images; the first of equally frequent ones wins."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")
