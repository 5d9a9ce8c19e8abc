"""What settings ask for, and what may be published of them."""

from evenlight.outline import is_network, networks, result_settings, spaces

PARAMS = {
    "dataset": "a",
    "datasets": {"a": {"source": "camera", "groups": [], "folder": "/home/me/a"}, "b": {"source": None}},
    "models": {"z": {"kind": "cnn"}, "forest": {"kind": "random_forest"}, "b": {"kind": "cnn"}},
    "embed": {"features": ["hog"]},
    "tracking": {"uri": "http://user:secret@host"},
    "seed": 1,
}


def test_networks_are_known_by_their_kind() -> None:
    assert networks(PARAMS["models"]) == ["b", "z"]
    assert is_network("cnn")
    assert not is_network("random_forest")


def test_spaces_are_those_of_the_settings() -> None:
    assert spaces(PARAMS) == ["features", "b", "z"]
    assert spaces(PARAMS | {"embed": None}) == []


def test_published_settings_hold_no_address_no_folder_and_no_other_data_set() -> None:
    published = result_settings(PARAMS, "a")
    assert published["data"] == {"source": "camera", "groups": []}
    assert published["dataset"] == "a"
    assert published["seed"] == 1
    assert not {"tracking", "datasets"} & set(published)
    assert "secret" not in str(published)
