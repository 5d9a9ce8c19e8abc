"""Files of networks: weights in safetensors, everything else in model.json.

Apart from artifacts.py, so that editing a network reruns no classical model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch

from evenlight.errors import UserError
from evenlight.models.artifacts import DESCRIPTION_FILE, load_description
from evenlight.models.cnn import Network, build_network
from evenlight.models.cnn_options import CnnOptions
from evenlight.outline import is_network
from evenlight.storage import write_bytes, write_json

NETWORK_FILE = "model.safetensors"


def save_network(folder: Path, network: Network, description: Mapping[str, Any]) -> None:
    """Write model.safetensors and model.json."""
    # in one order in memory, whatever training found fastest
    weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    write_bytes(folder / NETWORK_FILE, safetensors.torch.save(weights))
    write_json(folder / DESCRIPTION_FILE, description)


def load_network(folder: Path) -> Network:
    """Read model.safetensors into the network that model.json describes, in evaluation mode.

    Raises:
        UserError: missing or damaged, or no network.
    """
    description = load_description(folder)
    if not is_network(description["kind"]):
        raise UserError(f"{folder}: a model of kind {description['kind']!r}, not a network; name a network")
    # the weights come from the file, so none are downloaded
    options = CnnOptions(**description["options"] | {"weights": "none"})
    network = build_network(options, tuple(description["input_shape"]), len(description["classes"]))
    file = folder / NETWORK_FILE
    try:
        network.load_state_dict(safetensors.torch.load(file.read_bytes()))
    except Exception as problem:  # damaged files raise many types
        raise UserError(f"{file}: not a network that can be read ({problem})") from None
    return network.eval()
