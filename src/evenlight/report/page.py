"""The page people open: `results/<dataset>/index.html`, one file without network and without scripts.

`build_page` is pure: facts in, HTML out. `write_page` reads the files described in docs/output.md. Every text
from a file name, a label or metadata passes `visible_text` and Jinja's escaping. The wording of findings
lives in `verdicts.py` and in the checks of the audit, that of definitions in the templates.
"""

import csv
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenlight import storage
from evenlight.errors import UserError
from evenlight.models.artifacts import load_description
from evenlight.outline import is_network
from evenlight.report import files_view
from evenlight.report.audit_view import Check, audit_checks
from evenlight.report.charts import visible_text
from evenlight.report.comparison_view import comparison_view
from evenlight.report.explain_view import summary_line
from evenlight.report.fair_view import fair_view
from evenlight.report.features_view import Features, features_view, importance_view
from evenlight.report.files_view import Files
from evenlight.report.inline import Room, Thumbnails, chart_uri
from evenlight.report.models_view import Model, baseline, model_view
from evenlight.report.rendering import environment
from evenlight.report.verdicts import Rules, Strip, findings, from_audit, strip
from evenlight.splits import SPLITS

# What keeps the page under 5 MB however large the data set is
_LARGEST = 4_900_000  # bytes
_ROWS = (200, 60, 20, 6)  # rows of any table of files, classes, groups or evidence: the first that fits
_WRONG_ROOM, _AUDIT_ROOM, _PICTURE_ROOM = 1_000_000, 1_000_000, 1_300_000  # characters of data URIs


@dataclass(frozen=True)
class Embedding:
    """`info` is embeddings/<space>.json; the pictures are data URIs, empty when there was no room."""

    info: dict[str, Any]
    pca: str = ""
    tsne: str = ""


@dataclass(frozen=True)
class PageInputs:
    """Everything the page is made of; the shapes are those of docs/output.md.

    `models` come best validation accuracy first; `comparison` is comparison.json; `audit` holds findings.json,
    `checks` its sections; `versions` maps names to versions or hashes; `region` is a data URI of the area of interest
    before and after.
    """

    dataset: str
    summary: dict[str, Any]
    models: Sequence[Model]
    comparison: Mapping[str, Any]
    best: str
    params: dict[str, Any]
    versions: dict[str, Any]
    files: Files
    audit: Sequence[dict[str, Any]]
    checks: Sequence[Check]
    features: Features | None = None
    embeddings: Sequence[Embedding] = ()
    region: str = ""


def build_page(inputs: PageInputs) -> str:
    """The report of one dataset as a complete HTML document; equal inputs give an equal text."""
    page = ""
    for rows in _ROWS:
        page = _render(inputs, rows)
        if len(page.encode()) <= _LARGEST:
            break
    return page


def _render(inputs: PageInputs, rows: int) -> str:
    best = next((model for model in inputs.models if model.name == inputs.best), None)
    evaluate = inputs.params["evaluate"]
    rules = Rules(minimum_group=inputs.params["audit"]["minimum_group"], confidence=evaluate["confidence"])
    return (
        environment()
        .get_template("page.html")
        .render(
            dataset=inputs.dataset,
            summary=inputs.summary,
            splits=SPLITS,
            best=best,
            verdict=_verdict(inputs, best, rules),
            files=inputs.files,
            checks=inputs.checks,
            region=inputs.region,
            region_method=inputs.params["region"]["method"],
            models=[model_view(model, best, rules, rows) for model in inputs.models],
            compared=comparison_view(inputs.comparison, inputs.models, rules, rows),
            baseline=baseline(inputs.models),
            features=inputs.features,
            rules=rules,
            confidence=f"{100 * rules.confidence:g}\N{NO-BREAK SPACE}%",
            embeddings=inputs.embeddings,
            params_lines=_pretty(inputs.params),
            versions=sorted(_flat(inputs.versions)),
            data_hash=next((model.metrics["data_hash"] for model in inputs.models), None),
            rows=rows,
        )
    )


def _verdict(inputs: PageInputs, best: Model | None, rules: Rules) -> Strip:
    """Findings of the audit and of the models in one list."""
    titles = {check.name: check.short for check in inputs.checks}
    own = findings(inputs.summary, inputs.models, best, inputs.comparison, rules, audited="files" in titles)
    return strip([*from_audit(inputs.audit, titles), *own])


def _pretty(value: Any) -> list[str]:
    import yaml

    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=None, width=100)
    return [visible_text(line) for line in text.splitlines()]


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, entry in value.items():
        name = f"{prefix}{key}"
        pairs += _flat(entry, f"{name} ") if isinstance(entry, dict) else [(name, str(entry))]
    return pairs


@dataclass(frozen=True)
class Shown:
    """What there is of the models; asked of the settings, because a file may be left from earlier ones.

    At most `gallery` wrong images of each are shown; the sets name the models with boundary.png, importance.json,
    explanations.html and fair.json.
    """

    gallery: int
    boundaries: Set[str] = frozenset()
    importances: Set[str] = frozenset()
    explained: Set[str] = frozenset()
    fair: Set[str] = frozenset()


# ---------------------------------------------------------------------------------------------------- files


def write_page(
    *,
    dataset: str,
    standardized: Path,
    manifest: Path,
    summary: Path,
    audit: Path,
    region: Path | None,
    params_json: str,
    model_folders: Sequence[Path],
    trained: Path,
    leaderboard: Path,
    best: Path,
    comparison: Path,
    features: Path | None,
    shown: Shown,
    embeddings: Sequence[Path],
    code_version: dict[str, Any],
    page: Path,
) -> None:
    """Read the results of a dataset and write its page.

    Args:
        dataset: its name.
        standardized: folder of the arrays `<shard>.npy`, for thumbnails.
        manifest, summary: manifest.parquet and summary.json.
        audit: folder with findings.json and evidence.json.
        region: picture of the area of interest before and after, or None without one.
        params_json: the resolved params as JSON text; `standardize.color`, `region.method`, `audit.minimum_group`
            and `evaluate.confidence` are read from it.
        model_folders: results/<dataset>/<model> of each model, with metrics.json, misclassified.csv and, for
            networks, history.png.
        trained: folder of the models, each with model.json and, for networks, checks.json.
        leaderboard, best, comparison: leaderboard.csv, best.json and comparison.json.
        features: folder with summary.json, ablation.json where there is one, and their pictures; or None.
        shown: what there is of each model.
        embeddings: embeddings/<space>.json files; the pictures lie beside them.
        code_version: names to versions, commits or hashes; shown as it is, so it must hold no time.
        page: where to write.

    Raises:
        UserError: a file is missing or damaged.
    """
    params = json.loads(params_json)
    table = storage.read_table(manifest, list(files_view.COLUMNS)).sort_values("path", kind="stable")
    facts = storage.read_json(summary)
    chosen = storage.read_json(best)["model"]
    audit_findings = storage.read_json(audit / "findings.json")
    color, minimum_cell = params["standardize"]["color"], params["audit"]["minimum_group"]

    def thumbnails(room: int) -> Thumbnails:
        return Thumbnails(table, standardized, color, Room(room))

    pictures = Room(_PICTURE_ROOM)
    models = _read_models(
        model_folders, trained, leaderboard, chosen, shown, thumbnails(_WRONG_ROOM), pictures
    )
    inputs = PageInputs(
        dataset=dataset,
        summary=facts,
        models=models,
        comparison=storage.read_json(comparison),
        best=chosen,
        params=params,
        versions=code_version,
        files=files_view.files_view(facts, table, thumbnails(files_view.THUMBNAIL_ROOM)),
        audit=audit_findings,
        checks=audit_checks(
            audit_findings, storage.read_json(audit / "evidence.json"), thumbnails(_AUDIT_ROOM), minimum_cell
        ),
        features=_read_features(features, bool(params.get("ablation")), pictures) if features else None,
        region=pictures.take(chart_uri(region, photos=True)) if region else "",
        embeddings=[
            Embedding(
                storage.read_json(path),
                tsne=pictures.take(chart_uri(path.with_name(f"{path.stem}_tsne.png"))),
                pca=pictures.take(chart_uri(path.with_name(f"{path.stem}_pca.png"))),
            )
            for path in embeddings
        ],
    )
    storage.write_text(page, build_page(inputs))


def _read_features(folder: Path, ablated: bool, pictures: Room) -> Features:
    """The section on features; asked of the settings, because a file may be left from earlier ones."""
    return features_view(
        storage.read_json(folder / "summary.json"),
        storage.read_json(folder / "ablation.json") if ablated else None,
        telling=pictures.take(chart_uri(folder / "telling.png")),
        correlation=pictures.take(chart_uri(folder / "correlation.png")),
    )


def _read_models(
    folders: Sequence[Path],
    trained: Path,
    leaderboard: Path,
    chosen: str,
    shown: Shown,
    thumbnails: Thumbnails,
    pictures: Room,
) -> list[Model]:
    """Models in the order of the leaderboard; the chosen one has the first claim on room."""
    places = {row["model"]: place for place, row in enumerate(_read_csv(leaderboard))}
    read = [(storage.read_json(folder / "metrics.json"), folder) for folder in folders]
    read.sort(key=lambda pair: (places.get(pair[0]["model"], len(places)), pair[0]["model"]))
    models = {}
    for metrics, folder in sorted(read, key=lambda pair: pair[0]["model"] != chosen):
        name, wrong = metrics["model"], _read_csv(folder / "misclassified.csv")
        fit, network = load_description(trained / name)["fit"], is_network(metrics["kind"])
        models[name] = Model(
            metrics,
            wrong=thumbnails.wrong(wrong[: shown.gallery], metrics["classes"]),
            wrong_total=len(wrong),
            history=pictures.take(chart_uri(folder / "history.png")) if network else "",
            boundary=pictures.take(chart_uri(folder / "boundary.png")) if name in shown.boundaries else "",
            importance=importance_view(storage.read_json(folder / "importance.json"))
            if name in shown.importances
            else None,
            search=fit.get("search", ()),
            chosen=fit.get("chosen", {}),
            checks=storage.read_json(trained / name / "checks.json") if network else (),
            inside=_inside(folder / "explanations") if name in shown.explained else "",
            fair=fair_view(storage.read_json(folder / "fair.json")) if name in shown.fair else None,
        )
    return [models[metrics["model"]] for metrics, _ in read]


def _inside(folder: Path) -> str:
    """What the page about a network found, in a sentence."""
    facts = (storage.read_json(folder / f"{name}.json") for name in ("attributions", "neighbours"))
    return summary_line(*facts)


def _read_csv(path: Path) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as problem:
        raise UserError(f"{path}: can't be read ({problem}); run `snakemake --cores 8` to make it") from None
