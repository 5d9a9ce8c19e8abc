"""Which families pay: planted worlds with a known answer."""

import numpy as np
import pytest

from evenlight.errors import UserError
from evenlight.evaluation.ablation import Ablation, ablate, discriminant, verdict
from evenlight.evaluation.resampling import Bootstrap, mean_estimates, not_certain
from evenlight.report.feature_charts import ablation_picture
from evenlight.sampling import stratified_sample
from evenlight.stages.ablate import ablate as ablate_stage
from evenlight.storage import read_json, read_table, write_table
from model_world import World

EVALUATE = {"confidence": 0.95, "bootstrap": 100}
OPTIONS, BOOTSTRAP = Ablation(), Bootstrap(0.95, 500)


def planted(n: int = 400) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """A family that knows the class, a weaker one that knows something else of it, a copy and two of noise."""
    draws = np.random.default_rng(0)
    codes = np.arange(n) % 2
    strong = np.column_stack([codes + draws.normal(0, 0.6, n), draws.normal(size=(n, 3))])
    weak = np.column_stack([codes + draws.normal(0, 0.9, n)])
    noise = draws.normal(size=(n, 5))
    return {"strong": strong, "weak": weak, "noise": noise}, codes, np.arange(n)


def by_name(report: dict) -> dict[str, dict]:
    return {family["name"]: family for family in report["families"]}


def test_a_family_that_knows_the_class_pays_and_noise_is_not_established():
    report = ablate(*planted(), OPTIONS, BOOTSTRAP)
    found = by_name(report)
    assert list(found) == ["strong", "weak", "noise"]
    assert [found[name]["verdict_left_out"] for name in found] == ["pays", "pays", "not established"]
    assert report["base"]["features"] == ["strong"]  # the best alone, as there is no hog
    assert found["strong"]["added"] is found["strong"]["verdict_added"] is None
    assert found["weak"]["verdict_added"] == "pays"
    assert found["noise"]["verdict_added"] == "not established"
    assert found["strong"]["alone"]["value"] > 0.75 > 0.6 > found["noise"]["alone"]["value"] > 0.4
    assert report["chance"]["value"] == pytest.approx(0.5, abs=0.02)
    assert (report["n"], report["keys"], report["columns"]) == (400, 400, 10)


def test_a_copy_can_be_left_out_and_so_can_the_original_beside_it():
    families, codes, keys = planted()
    report = by_name(ablate({**families, "copy": families["strong"].copy()}, codes, keys, OPTIONS, BOOTSTRAP))
    assert report["strong"]["verdict_left_out"] == report["copy"]["verdict_left_out"] == "not established"
    assert report["copy"]["verdict_added"] == "not established"
    assert report["copy"]["alone"] == report["strong"]["alone"]


def test_many_columns_of_noise_cost():
    families, codes, keys = planted()
    codes, families = codes[:120], {name: values[:120] for name, values in families.items()}
    families["noise"] = 3 * np.random.default_rng(1).normal(size=(120, 400))
    found = by_name(ablate(families, codes, keys[:120], OPTIONS, BOOTSTRAP))
    assert found["noise"]["verdict_left_out"] == found["noise"]["verdict_added"] == "costs"


def test_images_of_one_source_are_asked_together_and_resampled_together():
    # every source has one class and a mark of its own: only a torn source could be recognised
    draws = np.random.default_rng(0)
    sources = np.repeat(np.arange(20), 10)
    codes = draws.permutation(np.repeat([0, 1], 10))[sources]
    mark = draws.normal(size=(20, 30))[sources] + draws.normal(0, 0.01, (200, 30))
    honest = ablate({"mark": mark}, codes, sources, OPTIONS, BOOTSTRAP)
    torn = ablate({"mark": mark}, codes, np.arange(200), OPTIONS, BOOTSTRAP)
    assert torn["all"]["value"] > 0.95
    assert honest["all"]["value"] < 0.75
    assert honest["keys"] == 20
    width = honest["all"]["high"] - honest["all"]["low"]
    assert width > 0.25  # twenty sources, not 200 images


def test_the_base_is_asked_for_else_hog_else_the_best():
    families, codes, keys = planted()
    assert ablate({"hog": families["noise"], **families}, codes, keys, OPTIONS, BOOTSTRAP)["base"][
        "features"
    ] == ["hog"]
    asked = Ablation(base=["noise", "weak", "gone"])
    report = ablate(families, codes, keys, asked, BOOTSTRAP)
    assert report["base"]["features"] == ["weak", "noise"]
    assert by_name(report)["strong"]["verdict_added"] == "pays"


def test_one_family_is_compared_with_chance():
    families, codes, keys = planted()
    report = ablate({"strong": families["strong"]}, codes, keys, OPTIONS, BOOTSTRAP)
    gain = report["families"][0]["left_out"]["value"]
    assert gain == pytest.approx(report["all"]["value"] - report["chance"]["value"])


@pytest.mark.parametrize("names", [["strong", "weak"], []], ids=["one key", "no family"])
def test_nothing_to_compare_is_a_report_that_says_so(names):
    families, codes, _ = planted()
    keys = np.zeros(400, int) if names else np.arange(400)
    report = ablate({name: families[name] for name in names}, codes, keys, OPTIONS, BOOTSTRAP)
    assert (report["n"], report["keys"]) == (400, 1 if names else 400)
    assert [report[key]["value"] for key in ("all", "chance")] == [None, None]
    assert report["families"] == report["base"]["features"] == []
    assert ablation_picture(report)[:4] == b"\x89PNG"


def test_two_sources_are_enough_to_ask_each_of_the_other():
    families, codes, _ = planted()
    report = ablate(families, codes, np.array([0] * 390 + [1] * 10), OPTIONS, BOOTSTRAP)
    assert report["all"]["value"] > 0.7


def test_equal_inputs_equal_reports_and_units_do_not_matter():
    families, codes, keys = planted()
    first = ablate(families, codes, keys, OPTIONS, BOOTSTRAP)
    assert ablate(families, codes, keys, OPTIONS, BOOTSTRAP) == first
    scaled = {**families, "strong": (families["strong"] * 1000 + 7).astype(np.float32)}
    assert ablate(scaled, codes, keys, OPTIONS, BOOTSTRAP)["all"]["value"] == pytest.approx(
        first["all"]["value"], abs=0.006
    )


def test_columns_that_do_not_vary_and_classes_that_a_fold_lacks_are_no_trouble():
    families, codes, keys = planted(100)
    families["flat"] = np.full((100, 2), 5.0)
    codes = codes.copy()
    codes[3] = 2
    report = by_name(ablate(families, codes, keys, OPTIONS, BOOTSTRAP))
    assert report["flat"]["left_out"] == {"value": 0.0, "low": 0.0, "high": 0.0, "n": 100}
    assert report["flat"]["verdict_left_out"] == "not established"


@pytest.mark.parametrize(
    ("low", "high", "keys", "said"),
    [
        (0.01, 0.2, 50, "pays"),
        (-0.2, -0.01, 50, "costs"),
        (0.0, 0.2, 50, "not established"),
        (-0.2, 0.0, 50, "not established"),
        (0.01, 0.2, 9, "not established"),
        (None, None, 50, "not established"),
    ],
)
def test_verdicts(low, high, keys, said):
    assert verdict({"value": 0.0, "low": low, "high": high, "n": 5}, keys) == said
    assert verdict(None, keys) is None


def test_the_discriminant_is_that_of_scikit_learn():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    draws = np.random.default_rng(0)
    codes = np.arange(90) % 3
    values = draws.normal(size=(90, 5)) + codes[:, None] * [1, 0, 2, 0, 0]
    means = np.stack([values[codes == k].mean(axis=0) for k in range(3)])
    centred = values - means[codes]
    weights, offsets = discriminant(centred.T @ centred / 90, means, 1e-9)
    scores = values @ weights + offsets
    peer = LinearDiscriminantAnalysis(solver="lsqr").fit(values, codes).decision_function(values)
    assert np.allclose(scores - scores[:, :1], peer - peer[:, :1], atol=1e-5)


def test_a_stratified_sample_keeps_the_shares_of_the_classes():
    codes = np.repeat([0, 1, 2], [6000, 3000, 1000])
    drawn = stratified_sample(codes, 100, 0)
    assert np.bincount(codes[drawn]).tolist() == [60, 30, 10]
    assert (np.diff(drawn) > 0).all()
    assert np.array_equal(drawn, stratified_sample(codes, 100, 0))
    assert not np.array_equal(drawn, stratified_sample(codes, 100, 1))
    assert stratified_sample(codes, 10_000, 0).tolist() == list(range(10_000))


def test_intervals_of_means_are_those_of_the_textbook_where_every_image_is_alone():
    right = np.random.default_rng(0).random((500, 1)) < 0.8
    found = mean_estimates(right.astype(int), np.arange(500), Bootstrap(0.95, 4000), 0)[0]
    half = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 500)
    assert found["value"] == pytest.approx(right.mean())
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.1)


def test_intervals_of_means_are_wider_where_images_repeat_each_other():
    right = np.random.default_rng(0).random(50) < 0.8
    alone = mean_estimates(right[:, None].astype(int), np.arange(50), Bootstrap(0.95, 2000), 0)[0]
    repeated = mean_estimates(
        np.repeat(right, 10)[:, None].astype(int), np.repeat(np.arange(50), 10), Bootstrap(0.95, 2000), 0
    )[0]
    assert (repeated["low"], repeated["high"]) == pytest.approx((alone["low"], alone["high"]))
    assert repeated["n"] == 500


def test_all_right_is_not_certain():
    estimate = {"value": 1.0, "low": 1.0, "high": 1.0, "n": 500}
    assert not_certain(estimate, 20, 0.95) == {
        "value": 1.0,
        "low": pytest.approx(0.839, abs=0.001),
        "high": 1.0,
        "n": 500,
    }
    assert not_certain({**estimate, "value": 0.0}, 20, 0.95)["high"] == pytest.approx(0.161, abs=0.001)
    assert not_certain({**estimate, "value": 0.9}, 20, 0.95) == {**estimate, "value": 0.9}


def stage(world: World, **settings) -> dict:
    folder = world.folder / "results"
    families = sorted(path.name for path in (world.folder / "features").iterdir())
    ablate_stage(
        world.manifest,
        world.folder / "classes.json",
        world.folder / "features",
        families,
        settings,
        EVALUATE,
        folder,
    )
    return read_json(folder / "ablation.json")


def test_the_stage_sees_training_images_only_and_few_sources_establish_nothing(tmp_path):
    world = World(tmp_path, ["a", "b"], {"train": 30, "validation": 4, "test": 6})
    report = stage(world)
    assert (report["n"], report["training_images"], report["keys"]) == (60, 60, 3)
    assert {family["verdict_left_out"] for family in report["families"]} == {"not established"}
    assert (tmp_path / "results" / "ablation.png").read_bytes()[:4] == b"\x89PNG"
    # the images that may not be looked at may be anything
    for path in (tmp_path / "features").glob("*/*.parquet"):
        table = read_table(path)
        other = ~table["path"].isin(world.table.loc[world.table["split"] == "train", "path"])
        table.loc[other, table.columns[1:]] = np.float32(-1e6)
        write_table(path, table)
    assert stage(world) == report


def test_the_stage_gets_through_with_one_camera(tmp_path):
    world = World(tmp_path, ["a", "b"], {"train": 30, "test": 6})
    write_table(world.manifest, world.table.assign(source="camera"))
    report = stage(world)
    assert (report["n"], report["keys"], report["families"]) == (60, 1, [])
    assert (tmp_path / "results" / "ablation.png").read_bytes()[:4] == b"\x89PNG"


def test_the_stage_takes_a_stratified_sample_and_the_families_asked_for(tmp_path):
    world = World(tmp_path, ["a", "b", "c"], {"train": 40, "test": 4})
    report = stage(world, maximum=60, features=["brightness"])
    assert (report["n"], report["training_images"]) == (60, 120)
    assert [family["name"] for family in report["families"]] == ["brightness"]
    assert report["chance"]["value"] == pytest.approx(1 / 3, abs=0.1)


def test_a_value_that_is_no_number_is_named(tmp_path):
    world = World(tmp_path, ["a", "b"], {"train": 10, "test": 4})
    path = tmp_path / "features" / "brightness" / "0001.parquet"
    table = read_table(path)
    table["brightness_v_std"] = np.float32(np.nan)
    write_table(path, table)
    with pytest.raises(UserError, match="'brightness_v_std' holds values that are no finite number"):
        stage(world)


def test_one_class_is_refused(tmp_path):
    world = World(tmp_path, ["a"], {"train": 10, "test": 4})
    with pytest.raises(UserError, match="one class only"):
        stage(world)
