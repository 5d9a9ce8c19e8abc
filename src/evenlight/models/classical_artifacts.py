"""Files of classical models: skops, never pickle.

They hold no time, address or path, so the same model gives the same bytes.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

from evenlight.errors import UserError
from evenlight.models.artifacts import DESCRIPTION_FILE
from evenlight.models.classical import kind_module, kind_names
from evenlight.storage import write_bytes, write_json

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

CLASSICAL_FILE = "model.skops"


def save_classical(folder: Path, estimator: "ClassifierMixin", description: Mapping[str, Any]) -> None:
    """Write model.skops and model.json."""
    write_bytes(folder / CLASSICAL_FILE, canonical_skops(_skops().dumps(estimator)))
    write_json(folder / DESCRIPTION_FILE, description)


def load_classical(folder: Path) -> "ClassifierMixin":
    """Read model.skops; only types on our list are built.

    Raises:
        UserError: missing, damaged, or it asks for another type.
    """
    file = folder / CLASSICAL_FILE
    try:
        return _skops().loads(file.read_bytes(), trusted=trusted_types())
    except Exception as problem:  # skops raises many types on damaged and on hostile files
        raise UserError(f"{file}: not a model that can be read safely ({problem})") from None


def trusted_types() -> list[str]:
    """All types that a model file may hold: what our kinds are made of, never what a file asks for itself."""
    return sorted({name for kind in kind_names() for name in kind_module(kind).TRUSTED_TYPES})


def _skops() -> ModuleType:
    """`skops.io` without its default trust in every estimator of scikit-learn.

    To build that list it imports all of scikit-learn, with torch and pytest behind it: 5 CPU seconds per job. Our
    own list names what our models are made of, so the default is not wanted in the first place.
    """
    import sklearn.utils

    with mock.patch.object(sklearn.utils, "all_estimators", list):
        import skops.io
    return skops.io


def canonical_skops(data: bytes) -> bytes:
    """The same skops archive without object addresses and times: equal models give equal bytes.

    skops names members after `id()` and stamps them with the clock. Ids are numbered by first appearance in the
    schema (keys sorted), members are named after running numbers and stored sorted with a fixed date.
    """
    source = zipfile.ZipFile(io.BytesIO(data))
    schema = json.loads(source.read("schema.json"))
    ids: dict[Any, int] = {}
    files: dict[str, str] = {}

    def renumber(node: Any) -> None:
        if isinstance(node, dict):
            if "__id__" in node:
                node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
            if isinstance(node.get("file"), str):
                suffix = Path(node["file"]).suffix
                node["file"] = files.setdefault(node["file"], f"{len(files) + 1:06d}{suffix}")
            for _, value in sorted(node.items()):
                renumber(value)
        elif isinstance(node, list):
            for value in node:
                renumber(value)

    renumber(schema)
    members = {new: source.read(old) for old, new in files.items()}
    unused = set(source.namelist()) - set(files) - {"schema.json"}
    if unused:
        raise ValueError(f"skops archive with members that its schema does not name: {sorted(unused)}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
        everything = {
            "schema.json": json.dumps(schema, sort_keys=True).encode(),
            **dict(sorted(members.items())),
        }
        for name, content in everything.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            target.writestr(entry, content)
    return buffer.getvalue()
