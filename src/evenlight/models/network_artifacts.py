"""Files of networks: weights in safetensors, everything else in model.json.

Apart from artifacts.py, so that editing a network reruns no classical model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch

from evenlight.errors import UserError
from evenlight.models.artifacts import DESCRIPTION_FILE, load_description
from evenlight.models.cnn import SmallNetwork, build_network
from evenlight.storage import write_bytes, write_json

NETWORK_FILE = "model.safetensors"


def save_network(folder: Path, network: SmallNetwork, description: Mapping[str, Any]) -> None:
    """Write model.safetensors and model.json."""
    write_bytes(folder / NETWORK_FILE, safetensors.torch.save(dict(network.state_dict())))
    write_json(folder / DESCRIPTION_FILE, description)


def load_network(folder: Path) -> SmallNetwork:
    """Read model.safetensors into the network that model.json describes, in evaluation mode.

    Raises:
        UserError: missing or damaged.
    """
    description = load_description(folder)
    options = description["options"]
    shape, classes = tuple(description["input_shape"]), description["classes"]
    network = build_network(options["network"], shape, len(classes), options["dropout"])
    file = folder / NETWORK_FILE
    try:
        network.load_state_dict(safetensors.torch.load(file.read_bytes()))
    except Exception as problem:  # damaged files raise many types
        raise UserError(f"{file}: not a network that can be read ({problem})") from None
    return network.eval()
