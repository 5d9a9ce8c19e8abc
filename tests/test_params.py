"""params.yaml: every mistake at once, with its line, and never a traceback."""

import contextlib
import copy
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from evenlight import params
from evenlight.params import ParamsError

REPOSITORY = Path(__file__).resolve().parents[1]
SMALL = """\
dataset: pets
datasets:
  pets:
    source: camera
standardize:
  size:
    - 32
    - 24
features:
  brightness: {}
  hog:
    cell: 8
models:
  rule:
    kind: threshold
    feature: brightness_v_mean
  svm:
    kind: rbf_svm
    features:
      - brightness
      - hog
    C: 2.0
  net:
    kind: cnn
    epochs: 3
embed:
  features:
    - hog
"""


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(text: str | bytes, **overrides: Any) -> dict[str, Any]:
        """Check a file, with the merge that Snakemake's --config makes where overrides are given."""
        file = tmp_path / "params.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        if not overrides:
            return params.check(file)
        config = yaml.safe_load(text)
        for key, value in overrides.items():
            if isinstance(value, dict) and isinstance(config.get(key), dict):
                config[key] = config[key] | value
            else:
                config[key] = value
        return params.check(file, config)

    return run


def _problems(check: Callable, text: str | bytes, **overrides: Any) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        check(text, **overrides)
    first, *lines = str(caught.value).splitlines()
    assert first.endswith(f"{len(lines)} problem(s)")
    return [line.strip() for line in lines]


def _sentence(check: Callable, text: str | bytes) -> str:
    with pytest.raises(ParamsError) as caught:
        check(text)
    assert "\n" not in str(caught.value)
    return str(caught.value).partition("params.yaml: ")[2]


def test_the_repositorys_own_file_is_fine() -> None:
    settings = params.check(REPOSITORY / "params.yaml")
    assert settings["dataset"] in settings["datasets"]


def test_defaults_are_filled_in(check: Callable) -> None:
    settings = check(SMALL)
    assert settings["split"] == {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 0}
    assert settings["datasets"]["pets"] == {
        "folder": None,
        "layout": "auto",
        "source": "camera",
        "groups": [],
    }
    assert list(settings["features"]) == ["brightness", "hog"]
    assert settings["models"]["svm"]["gamma"] == "scale"
    other = check(SMALL.replace("dataset: pets", "dataset: unlisted"))
    assert other["datasets"]["unlisted"]["layout"] == "auto"


def test_a_family_with_nothing_behind_it_has_all_defaults(check: Callable) -> None:
    settings = check(SMALL.replace("brightness: {}", "brightness:"))
    assert settings["features"]["brightness"] == check(SMALL)["features"]["brightness"]


def test_all_mistakes_at_once_in_line_order(check: Callable) -> None:
    text = SMALL.replace("source:", "sorce:").replace("cell: 8", "cell: x").replace("epochs: 3", "epochs: 0")
    text = text.replace("rbf_svm", "rbf_swm") + "sed: 3\n"
    problems = _problems(check, text)
    assert problems[0] == "line 4: datasets.pets.sorce: unknown key; did you mean 'source'?"
    assert problems[1].startswith("line 12: features.hog.cell: Input should be a valid integer")
    assert problems[2] == "line 18: models.svm.kind: unknown kind 'rbf_swm'; did you mean 'rbf_svm'?"
    assert problems[3].startswith(
        "line 25: models.net.epochs: Input should be greater than or equal to 1 (got 0)"
    )
    assert problems[4] == "line 29: sed: unknown key; did you mean 'seed'?"
    assert len(problems) == 5


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("epochs: 3", "epoch: 3", "line 25: models.net.epoch: unknown key; did you mean 'epochs'?"),
        (
            "  hog:\n    cell: 8",
            "  hogg:\n    cell: 8",
            "line 11: features.hogg: there is no feature family 'hogg'; did you mean 'hog'?",
        ),
        ("C: 2.0", "gamma: wide", "line 22: models.svm.gamma: Input should be 'scale' (got 'wide')"),
        ("C: 2.0", "C: .nan", "line 22: models.svm.C: Input should be a finite number (got nan)"),
        ("  net:", "  my net:", "line 23: models.my net: 'my net' must be letters, digits, _ and - only"),
        ("kind: cnn", "kind: [cnn]", "line 24: models.net.kind: unknown kind"),
        ("    kind: cnn\n", "", "line 23: models.net.kind: missing; one of "),
        ("dataset: pets\n", "", "line 1: dataset: missing; add it"),
        ("- 24", "- 7", "line 8: standardize.size.1: Input should be greater than or equal to 8 (got 7)"),
        ("dataset: pets", "dataset: ../pets", "line 1: dataset: '../pets' must be letters"),
        ("dataset: pets", "dataset: 007", "line 1: dataset: Input should be a valid string (got 7)"),
        ("      - hog\n", "      - color\n", "line 21: models.svm.features.1: 'color' is not under `features`"),
        ("embed:\n  features:\n    - hog", "embed:\n  features:\n    - hogg",
         "line 28: embed.features.0: 'hogg' is not under `features`; did you mean 'hog'?"),
        ("feature: brightness_v_mean", "feature: color_x", "line 16: models.rule.feature: no family under `features`"),
        ("embed:", "split: {train: 0.9}\nembed:", "line 26: split: train + validation + test is 1.2, not 1"),
    ],
)  # fmt: skip
def test_one_mistake_one_line(check: Callable, old: str, new: str, expected: str) -> None:
    assert SMALL.count(old) == 1
    problems = _problems(check, SMALL.replace(old, new))
    assert any(problem.startswith(expected) for problem in problems), problems
    assert not any(problem.startswith("--config") for problem in problems)


def test_a_family_that_is_not_computed_cannot_be_used(check: Callable) -> None:
    problems = _problems(check, SMALL.replace("  hog:\n    cell: 8\n", ""))
    assert [problem.partition(";")[0] for problem in problems] == [
        "line 19: models.svm.features.1: 'hog' is not under `features`",
        "line 26: embed.features.0: 'hog' is not under `features`",
    ]


SECTIONS = ["datasets", "standardize", "features", "models", "split", "evaluate", "tracking"]


def test_checks_use_the_families_that_are_computed(check: Callable) -> None:
    assert check(SMALL)["audit"]["checks"]["labels"]["features"] == ["brightness", "hog"]
    no_hog = SMALL.replace("  hog:\n    cell: 8\n", "").replace("      - hog\n", "")
    no_hog = no_hog.replace("    - hog\n", "    - brightness\n")
    assert check(no_hog)["audit"]["checks"]["split_check"]["features"] == ["brightness"]
    wrong = SMALL + "audit:\n  checks:\n    labels:\n      features: [brightness, color]\n"
    line = wrong[: wrong.index("[brightness, color]")].count("\n") + 1
    assert _problems(check, wrong) == [
        f"line {line}: audit.checks.labels.features.1: 'color' is not under `features`; known: brightness, hog"
    ]
    # naming some checks leaves out the others
    assert set(check(SMALL + "audit:\n  checks:\n    files:\n")["audit"]["checks"]) == {"files"}


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("region: {method: crap}", "region.method: unknown method 'crap'; did you mean 'crop'?"),
        ("region: {box: [0, 0, 1, 1]}", "region.method: missing; one of none, crop, "),
        ("region: {method: crop, box: [0, 0, 1, 1], bx: 1}", "region.bx: unknown key; did you mean 'box'?"),
        ("audit: {checks: {qualty: {}}}", "audit.checks.qualty: unknown key; did you mean 'quality'?"),
        (
            "audit: {checks: {labels: {shwn: 3}}}",
            "audit.checks.labels.shwn: unknown key; did you mean 'shown'?",
        ),
        (
            "audit: {checks: {labels: {rate: []}}}",
            "audit.checks.labels.rate: List should have at least 3 items",
        ),
        ("audit: {checks: {labels: {rate: [3, 2, 1]}}}", "audit.checks.labels.rate: levels must rise from 0"),
        ("audit: {near_duplicates: {radius: 99}}", "audit.near_duplicates.radius: Input should be less than"),
    ],
)
def test_settings_with_branches_name_their_own_tags(check: Callable, section: str, expected: str) -> None:
    (problem,) = _problems(check, SMALL + section)
    assert f"line {SMALL.count(chr(10)) + 1}: {expected}" in problem


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("[{step: trimm}]", "standardize.prepare.0.step: unknown step 'trimm'; did you mean 'trim'?"),
        ("[negate]", "standardize.prepare.0: "),
        (
            "[{step: negate}, {step: sharpen, amont: 2}]",
            "prepare.1.amont: unknown key; did you mean 'amount'?",
        ),
        ("[{step: resize}, {step: trim}]", "standardize.prepare: `trim` changes the size of a picture"),
    ],
)
def test_preparations_are_checked_one_by_one(check: Callable, steps: str, expected: str) -> None:
    (problem,) = _problems(check, SMALL.replace("standardize:\n", f"standardize:\n  prepare: {steps}\n"))
    assert expected in problem


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize(
    ("value", "shown"), [("", "nothing"), ("[1]", "[1]"), ("text", "'text'"), ("3", "3")]
)
def test_sections_that_are_none(check: Callable, section: str, value: str, shown: str) -> None:
    content = yaml.safe_load(SMALL)
    content.pop(section, None)
    problems = _problems(check, yaml.safe_dump(content) + f"{section}: {value}\n")
    last = len(yaml.safe_dump(content).splitlines()) + 1
    assert f"line {last}: {section}: must hold `key: value` lines (got {shown})" in problems


# --config


def test_config_text_is_made_what_the_setting_needs(check: Callable) -> None:
    settings = check(
        SMALL, standardize={"size": ["64", "64"]}, seed="3", tracking={"enabled": "False"}, dataset="other"
    )
    assert settings["standardize"]["size"] == [64, 64]
    assert (settings["seed"], settings["tracking"]["enabled"], settings["dataset"]) == (3, False, "other")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"standardize": {"fit": "strech"}}, "--config: standardize.fit: Input should be 'stretch', 'pad' or 'crop'"),
        ({"standardize": {"fitt": "pad"}}, "--config: standardize.fitt: unknown key; did you mean 'fit'?"),
        ({"sed": 1}, "--config: sed: unknown key; did you mean 'seed'?"),
        ({"seed": "x"}, "--config: seed: Input should be a valid integer"),
        ({"models": {"net": {"kind": "cnn", "epochs": "0"}}}, "--config: models.net.epochs: Input should be greater"),
        ({"tracking": "false"}, "--config: tracking: must hold `key: value` lines (got 'false')"),
        ({"embed": {"features": ["thumb"]}}, "--config: embed.features.0: 'thumb' is not under `features`"),
    ],
)  # fmt: skip
def test_config_is_named_where_it_is_to_blame(check: Callable, overrides: dict, expected: str) -> None:
    problems = _problems(check, SMALL, **overrides)
    assert len(problems) == 1
    assert problems[0].startswith(expected)


def test_the_file_is_named_where_it_is_to_blame(check: Callable) -> None:
    problems = _problems(check, SMALL.replace("epochs: 3", "epochs: 0"), seed="x")
    assert [problem.partition(": ")[0] for problem in problems] == ["--config", "line 25"]


# files that are no settings at all


def test_duplicate_keys(check: Callable) -> None:
    assert _sentence(check, SMALL + "dataset: x\n") == "line 29: a second 'dataset'; keep one"
    nested = SMALL.replace("    epochs: 3\n", "    epochs: 3\n    epochs: 4\n")
    assert _sentence(check, nested) == "line 26: a second 'models.net.epochs'; keep one"


def test_syntax_errors_have_a_place(check: Callable) -> None:
    assert _sentence(check, "a: [1\nb: 2\n").startswith("line 2, column 2: expected ',' or ']'")
    assert _sentence(check, "a: 1\n\tb: 2\n").startswith("line 2, column 1: ")


def _bomb(merge: str) -> str:
    lines = ["a0: &a0 {x: 1, y: 2}" if merge else "a0: &a0 [x, x]"]
    for number in range(1, 12):
        inside = ", ".join([f"*a{number - 1}"] * 8)
        lines.append(
            f"a{number}: &a{number} {{<<: [{inside}]}}" if merge else f"a{number}: &a{number} [{inside}]"
        )
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must hold `key: value` lines"),
        ("# only a comment\n", "must hold"),
        ("- a\n- b\n", "must hold"),
        ("just text", "must hold"),
        (b"a: caf\xe9\n", "not UTF-8"),
        ("a: \0", "not valid YAML"),
        ("a: 2024-13-45", "not valid YAML (month must be in 1..12)"),
        ("a: !!bool maybe", "not valid YAML"),
        ("a: !!timestamp x", "not valid YAML"),
        ("a: " + "9" * 5000, "not valid YAML"),
        (
            "a: !!python/object/apply:os.system [touch x]",
            "line 1, column 4: could not determine a constructor",
        ),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: but found another document"),
        ("a: *nowhere", "line 1, column 4: found undefined alias"),
        ("a: &a [*a]", "nested too deeply"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        (_bomb(merge=""), "more than 10,000 values"),
        (_bomb(merge="merge"), "more than 10,000 values"),
        ("a: " + "x" * 2**20, "larger than 1 MiB"),
    ],
    ids=range(18),
)
def test_no_settings_at_all(check: Callable, text: str | bytes, words: str) -> None:
    assert _sentence(check, text).startswith(words)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "no.yaml", tmp_path):
        with pytest.raises(ParamsError, match="can't be read"):
            params.read(path)


def test_anchors_and_a_byte_order_mark_are_fine(check: Callable) -> None:
    text = SMALL.replace("    features:\n      - brightness\n", "    features: &all\n      - brightness\n")
    text = text.replace("embed:\n  features:\n    - hog\n", "embed:\n  features: *all\n")
    assert check("\ufeff" + text)["embed"]["features"] == ["brightness", "hog"]


# whatever is in the file

_ODD: st.SearchStrategy = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**12), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.lists(st.sampled_from(["hog", 1, None]), max_size=3), st.dictionaries(st.text(max_size=3), st.none()),
    st.just({"kind": "cnn"}), st.just({"kind": ["x"]}), st.just({1: 2, None: 3, False: 4}), st.dates(),
)  # fmt: skip


def _places(node: Any, path: tuple = ()) -> list[tuple]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, value in inner for place in _places(value, (*path, key)))]


def _expect_verdict(file: Path, config: Any = None) -> None:
    with contextlib.suppress(ParamsError):
        params.check(file, config)


@given(st.data())
@examples(max_examples=60)
def test_any_value_anywhere(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = yaml.safe_load(SMALL)
    changed = copy.deepcopy(content)
    *above, key = data.draw(st.sampled_from(_places(content)[1:]))
    node = changed
    for part in above:
        node = node[part]
    if isinstance(node, dict) and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(["", "kind", 7, None, "x" * 200, "a b", key]))
    node[key] = data.draw(_ODD)
    file = tmp_path_factory.getbasetemp() / "params.yaml"
    file.write_text(SMALL)
    _expect_verdict(file, changed)
    file.write_text(yaml.safe_dump(changed, allow_unicode=True))
    _expect_verdict(file)


@given(st.lists(st.tuples(st.integers(0, len(SMALL)), st.binary(max_size=3), st.integers(0, 20)), max_size=3))
@examples(max_examples=120)
def test_any_edit_of_the_text(tmp_path_factory: pytest.TempPathFactory, edits: list) -> None:
    text = SMALL.encode()
    for place, new, removed in edits:
        text = text[:place] + new + text[place + removed :]
    file = tmp_path_factory.getbasetemp() / "params.yaml"
    file.write_bytes(text)
    _expect_verdict(file)


# the schema


def test_the_schema_file_is_in_step() -> None:
    stored = (REPOSITORY / "workflow" / "schemas" / "params.schema.json").read_text()
    assert stored == params.json_schema(), "run `evenlight schema > workflow/schemas/params.schema.json`"


def test_checking_imports_nothing_heavy() -> None:
    code = "import sys, evenlight.params, evenlight.listing, evenlight.sources; evenlight.params.check(sys.argv[1])"
    command = [sys.executable, "-c", f"{code}; print(*sys.modules)", str(REPOSITORY / "params.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    heavy = {"torch", "torchvision", "sklearn", "pandas", "matplotlib", "mlflow", "scipy", "PIL"}
    assert not heavy & set(re.split(r"\s", done.stdout))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            "feature: brightness_v_mean",
            "feature: brightness_v_mea",
            "models.brightness_threshold.feature: there is no column 'brightness_v_mea'; did you mean"
            " 'brightness_v_mean'?",
        ),
        (
            "cell: 8",
            "cell: 200",
            "features.hog: HOG: images of 64 x 64 pixels hold no block of 2 x 2 cells of 200 pixels",
        ),
        (
            "cnn_small:",
            "embeddings:",
            "models.embeddings: the name 'embeddings' is taken; call the model otherwise",
        ),
    ],
)
def test_what_keys_demand_of_each_other(tmp_path: Path, before: str, after: str, words: str) -> None:
    text = (Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8")
    assert text.count(before) == 1
    file = tmp_path / "params.yaml"
    file.write_text(text.replace(before, after), encoding="utf-8")
    line = text[: text.index(before)].count("\n") + 1
    with pytest.raises(ParamsError) as caught:
        params.check(file)
    assert words in str(caught.value)
    assert "1 problem(s)" in str(caught.value)
    assert abs(int(str(caught.value).split("line ")[1].split(":")[0]) - line) <= 1


def test_entries_whose_columns_could_be_taken_for_each_other_s(check: Callable) -> None:
    text = SMALL.replace("  hog:\n", "  canny: {}\n  canny_100_200:\n    kind: canny\n  hog:\n")
    [problem] = _problems(check, text)
    assert problem.startswith("line 12: features.canny_100_200: its name begins like columns of 'canny'")


def test_an_ablation_of_nothing(check: Callable) -> None:
    text = "dataset: pets\nfeatures: {}\nablation: {}\nmodels:\n  net:\n    kind: cnn\n"
    assert check(text.replace("ablation: {}\n", ""))["features"] == {}
    assert _problems(check, text.replace("ablation: {}", "ablation:\n  folds: 3")) == [
        "line 3: ablation: there are no `features` to compare; remove the section"
    ]


# networks


NETS = (
    SMALL.replace("    source: camera\n", "    source: camera\n    groups: [weather]\n")
    + """\
explain:
  models:
    - net
"""
)


def _fair(group: str = "weather", before: str = "net") -> str:
    fair = f"\n    epochs: 3\n    fair: {{method: reweighing, group: {group}, before: {before}}}"
    return NETS.replace("models:\n  rule:", f"models:\n  fair_net:\n    kind: cnn{fair}\n  rule:")


def test_networks_and_what_names_them_pass(check: Callable) -> None:
    found = check(_fair())
    assert found["models"]["fair_net"]["fair"]["before"] == "net"
    assert found["explain"]["models"] == ["net"]


def test_columns_of_a_network_are_known_when_it_is_trained(check: Callable) -> None:
    deep = NETS.replace("  brightness: {}\n", "  brightness: {}\n  deep: {kind: cnn, model: net}\n")
    check(deep.replace("feature: brightness_v_mean", "feature: deep_0003"))
    (problem,) = _problems(check, deep.replace("v_mean", "v_meen"))
    assert "there is no column 'brightness_v_meen'; did you mean 'brightness_v_mean'?" in problem
    (problem,) = _problems(check, deep.replace("model: net", "model: svm"))
    assert "features.deep.model: 'svm' is no network under `models`" in problem


def test_a_network_that_is_not_there_is_named_with_its_line(check: Callable) -> None:
    assert _problems(check, NETS.replace("    - net\n", "    - nett\n")) == [
        "line 32: explain.models.0: 'nett' is no network under `models`; did you mean 'net'?"
    ]
    (problem,) = _problems(check, _fair(before="svm"))
    assert "models.fair_net.fair.before: 'svm' is no network under `models`" in problem
    (problem,) = _problems(check, NETS + "  methods: [saliensy]\n")
    assert "explain.methods.0: there is no method 'saliensy'; did you mean 'saliency'?" in problem
    (problem,) = _problems(check, NETS.replace("epochs: 3", "network: smal"))
    assert "there is no network 'smal'; did you mean 'small'?" in problem


def test_a_group_that_the_data_set_lacks_is_named_with_those_it_has(check: Callable) -> None:
    (problem,) = _problems(check, _fair(group="season"))
    assert "the data set 'pets' has no group 'season'; its `groups`: weather" in problem
    (problem,) = _problems(check, _fair(), dataset="day_night")
    assert "'day_night' has no group 'weather'; its `groups`: none" in problem


def test_a_frozen_network_can_not_unlearn_a_group(check: Callable) -> None:
    frozen = (
        _fair()
        .replace("method: reweighing", "method: adversarial")
        .replace(
            "    epochs: 3\n",
            "    epochs: 3\n    freeze: true\n    network: resnet18\n    weights: default\n",
        )
        .replace("- 24", "- 32")
    )
    (problem,) = _problems(check, frozen)
    assert "models.fair_net.fair.method: adversarial training has nothing to change" in problem


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        ("before: fair_net", "", "a network can't be compared with itself; name the same one without `fair`"),
        ("before: net", "fair: {method: balanced, group: weather}", "'net' has fair training itself; name a network"),
        ("before: net", "learning_rate: 0.1", "'net' has another learning_rate, so the difference would not be that"),
        ("before: net", "seed: 1", "'net' has another seed, so"),
    ],
)  # fmt: skip
def test_fair_training_is_compared_with_the_same_network(
    check: Callable, own: str, other: str, words: str
) -> None:
    text = _fair().replace("before: net", own)
    if other:
        text = text.replace("  net:\n    kind: cnn\n", f"  net:\n    kind: cnn\n    {other}\n")
    (problem,) = _problems(check, text)
    line = text[: text.index("fair: {")].count("\n") + 1
    assert problem.startswith(f"line {line}: models.fair_net.fair.before: {words}")


def test_a_seed_that_is_that_of_all_training_is_the_same(check: Callable) -> None:
    check(_fair().replace("  net:\n    kind: cnn\n", "  net:\n    kind: cnn\n    seed: 0\n"))


def _with_network(options: str, side: int) -> str:
    """SMALL with such a network, for images of 64 x `side` pixels."""
    text = SMALL.replace("    kind: cnn\n    epochs: 3\n", f"    {{kind: cnn, {options}}}\n")
    return text.replace("- 32\n    - 24", f"- 64\n    - {side}").replace("cell: 8", "cell: 4")


@pytest.mark.parametrize(
    ("options", "side", "words"),
    [
        ("weights: default", 32, "weights: there are no published weights of 'small', only of alexnet, res"),
        ("network: vgg16", 31, "network: 'vgg16' needs images of at least 32 pixels a side, standardize.size gives 31"),
        ("network: vgg16, small_first: 0.5", 42, "small_first: small_first makes images of 31 pixels a side, and"),
        ("network: course, small_first: 0.5", 32, "small_first: 'course' takes images of one size only"),
        ("freeze: true", 32, "freeze: frozen weights would be random ones; choose weights: default, or freeze: false"),
        ("width: 0.5", 32, "width: 'small' has one width; leave it out, as it is for fast_resnet"),
        ("optimizer: muon, network: course", 32, "optimizer: muon needs batch normalization after every convolution"),
        ("optimizer: muon, network: vgg16", 32, "optimizer: muon needs batch normalization after every convolution"),
    ],
)  # fmt: skip
def test_what_a_network_can_not_do_is_said_before_training(
    check: Callable, options: str, side: int, words: str
) -> None:
    (problem,) = _problems(check, _with_network(options, side))
    assert problem.startswith(f"line 24: models.net.{words}")


@pytest.mark.parametrize(
    ("options", "side"),
    [
        ("network: vgg16, small_first: 0.5", 43),
        ("network: resnet18, weights: default, freeze: true, optimizer: muon", 32),
        ("network: fast_resnet, width: 0.5, optimizer: muon, small_first: 0.5", 12),
        ("optimizer: muon, small_first: 0.5", 11),
    ],
)
def test_what_a_network_can_do_passes(check: Callable, options: str, side: int) -> None:
    check(_with_network(options, side))


def test_a_method_named_twice(check: Callable) -> None:
    (problem,) = _problems(check, NETS + "  methods: [saliency, occlusion, saliency]\n")
    assert problem == "line 33: explain.methods.2: a second 'saliency'; keep one"


@pytest.mark.parametrize("key", ["crop", "cutout"])
def test_augmentation_stays_within_the_images(check: Callable, key: str) -> None:
    check(SMALL.replace("epochs: 3", f"{key}: 23"))
    (problem,) = _problems(check, SMALL.replace("epochs: 3", f"{key}: 24"))
    assert f"models.net.{key}: {key} must be less than the side of the images, 24 pixels" in problem
