"""What the page of a network shows, worked out for its templates: scores, shades and one-line summaries.

Facts come in as the JSON files of `results/<dataset>/<model>/explanations/`:

- overview.json: `network`, `parameters`, `layers` [{`name`, `kind`, `shape` [D, h, w] or [F], `weights`,
  `receptive_field` [height, width], `stride` [vertical, horizontal; None where too few units tell]}]; the last two are
  None for layers that see the whole image.
- checks.json, of the model itself: findings [{`check`, `severity`, `subject`, `sentence`, `numbers`}].
- attributions.json: `n` images checked; `methods` [{`name`, `title`, `meaning`, `sanity`, `deletion`, `insertion`,
  `randomization` [{`layer`, `correlation`}], `passes` (that randomization: True, False or None: could not be judged),
  `sentence`, `finds` (deletion and insertion against the best baseline: `better`, `not_shown`, `worse` or
  `not_enough_data`), `finds_sentence`}]; `baselines` [{`name`, `deletion`, `insertion`}]; `rows_chosen` and
  `rows_wrong` [{`path`, `true_label`, `predicted_label`}]. Scores are {`value`, `low`, `high`}.
- layers.json: `filters` {`layer`, `count`}, `maps` [{`layer`, `picture`}], `patches` [{`layer`, `receptive_field`,
  `stride`, `picture`, `images` searched, `crop_error`: the largest change of an activation, as a share of it, when
  noise replaces all that lies outside of the patches}].
- neighbours.json: `k`, `n`, `metric`, `baseline`, `pixel` and `features` {`precision`: {`value`, `low`, `high`}},
  `wrong_shown`: the misclassified images of neighbours_wrong.png, as in `rows_wrong`.
- dream.json: `classes` [{`name`, `probability`}], `layer` and `steps` of the dream; style.json: anything; its picture
  is shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenlight.audit.findings import SEVERITIES
from evenlight.report.axis import Axis
from evenlight.report.rendering import percent

_SHADES = 9  # classes h1 to h9 of the style sheet


@dataclass(frozen=True)
class Score:
    """A line of the table of deletion and insertion; a `baseline` looks at no network."""

    title: str
    deletion: Mapping[str, Any]
    insertion: Mapping[str, Any]
    baseline: bool


@dataclass(frozen=True)
class Randomization:
    """Correlations of one method by layer, each with its CSS class: the darker, the less the map heeds weights."""

    title: str
    cells: Sequence[tuple[float | None, str]]


@dataclass(frozen=True)
class Attributions:
    """Checks of the heat maps; `axis` holds all scores, `layers` are those made random, the last one first."""

    n: int
    methods: Sequence[Mapping[str, Any]]
    scores: Sequence[Score]
    axis: Axis
    layers: Sequence[str]
    randomizations: Sequence[Randomization]
    chosen: Sequence[Mapping[str, Any]]
    wrong: Sequence[Mapping[str, Any]]


def attributions_view(facts: Mapping[str, Any]) -> Attributions:
    """Methods keep their order; in the table of scores the baselines come last."""
    methods = facts["methods"]
    scores = [Score(m["title"], m["deletion"], m["insertion"], False) for m in methods]
    scores += [Score(b["name"], b["deletion"], b["insertion"], True) for b in facts["baselines"]]
    layers = [step["layer"] for step in methods[0]["randomization"]] if methods else []
    return Attributions(
        n=facts["n"],
        methods=methods,
        scores=scores,
        axis=Axis.around([measure for score in scores for measure in (score.deletion, score.insertion)]),
        layers=layers,
        randomizations=[
            Randomization(
                method["title"],
                [(step["correlation"], _shade(step["correlation"])) for step in method["randomization"]],
            )
            for method in methods
        ],
        chosen=facts["rows_chosen"],
        wrong=facts["rows_wrong"],
    )


def sorted_findings(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The most severe first, else in their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding["severity"]))


def trusted_line(attributions: Mapping[str, Any]) -> str:
    """How many methods depend on the network, and how many of these find what counts, in a sentence."""
    methods = attributions["methods"]
    verdicts = [method["passes"] for method in methods]
    finders = sum(method["passes"] is True and method["finds"] == "better" for method in methods)
    unjudged = verdicts.count(None)
    aside = f" ({unjudged} could not be judged)" if unjudged else ""
    return (
        f"{verdicts.count(True)} of {len(verdicts)} heat-map methods depend on what the network learned{aside};"
        f" {finders} of them find the pixels that count better than every baseline."
    )


def neighbours_line(neighbours: Mapping[str, Any]) -> str:
    """What the network's features know that pixels don't, in a sentence."""
    features, pixel = (neighbours[space]["precision"]["value"] for space in ("features", "pixel"))
    return (
        f"Of the {neighbours['k']} training images that it finds most alike, {percent(features)} are of the class of"
        f" the test image; by pixels {percent(pixel)}, by chance {percent(neighbours['baseline'])}."
    )


def summary_line(attributions: Mapping[str, Any], neighbours: Mapping[str, Any]) -> str:
    """What index.html says beside the link to this page."""
    return f"{neighbours_line(neighbours)} {trusted_line(attributions)}"


def _shade(correlation: float | None) -> str:
    """White up to 0, darkest at 1."""
    if correlation is None or correlation <= 0:
        return ""
    return f"h{min(_SHADES, 1 + int(correlation * _SHADES))}"
