"""Part of stage `explain-network`: the layers, what they weigh, what they give and what they answer to most."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from evenlight.dataset import MappedImages
from evenlight.explain.inside_pictures import cut_out, filters_picture, maps_picture, patches_picture
from evenlight.explain.layers import Layer, convolution_layers, feature_maps, filters
from evenlight.explain.receptive_field import receptive_field
from evenlight.explain.top_patches import crop_error, patch_boxes, top_patches
from evenlight.sampling import sample
from evenlight.stages.explain_subject import Subject
from evenlight.standardize import to_rgb
from evenlight.storage import write_bytes, write_json

if TYPE_CHECKING:
    from evenlight.models.cnn import Network

_MAPPED = 4  # images whose feature maps are shown
_PATCHED = 3  # layers whose strongest patches are shown, the first and the last among them
_SEARCHED = 20_000  # training images that these are looked for in


def overview(subject: Subject) -> None:
    """The layers with weights, in the order in which they are computed."""

    network, shape = subject.network, subject.input_shape
    layers = [
        {
            "name": layer.name,
            "kind": "convolution",
            "shape": list(layer.shape),
            "weights": _weights(network.get_submodule(layer.convolution)),
            **_sight(network, layer.name, shape),
        }
        for layer in convolution_layers(network, shape)
    ]
    layers += [
        {
            "name": name,
            "kind": "linear",
            "shape": [module.out_features],
            "weights": _weights(module),
            "receptive_field": None,
            "stride": None,
        }
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    facts = {
        "network": subject.description["options"]["network"],
        "parameters": _weights(network),
        "layers": layers,
    }
    write_json(subject.folder / "overview.json", facts)


def _weights(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _sight(network: "Network", name: str, shape: tuple[int, int, int]) -> dict[str, Any]:
    """Receptive field and stride of a layer, as the page wants them; None where a unit sees the whole image."""
    height, width = receptive_field(network, name, shape)
    whole = not (height.exact and width.exact)
    return {
        "receptive_field": None if whole else [height.size, width.size],
        "stride": None if whole else [height.stride, width.stride],
    }


def layers(subject: Subject) -> None:
    """Filters of the first layer, maps of the first and the last, image parts that some layers answer to most."""
    found = convolution_layers(subject.network, subject.input_shape)
    facts = {
        "filters": _filters(subject, found[0]),
        "maps": _maps(subject, [found[0], found[-1]] if len(found) > 1 else found),
        "patches": _patches(subject, [found[place] for place in _spread(len(found), _PATCHED)]),
    }
    write_json(subject.folder / "layers.json", facts)


def _spread(count: int, most: int) -> list[int]:
    """At most `most` numbers below `count`, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def _filters(subject: Subject, layer: Layer) -> dict[str, Any]:
    weights = filters(subject.network, layer)
    title = f"{subject.name}: filters of {layer.convolution}"
    write_bytes(subject.folder / "filters.png", filters_picture(weights, subject.color, title))
    return {"layer": layer.convolution, "count": len(weights)}


def _maps(subject: Subject, layers: list[Layer]) -> list[dict[str, Any]]:
    """One picture per layer, of a few of the shown images."""
    few = subject.shown[_spread(len(subject.shown), _MAPPED)]
    maps = feature_maps(subject.network, subject.pixels(few), [layer.name for layer in layers])
    pictures, captions = subject.pictures(few), subject.captions(few)
    facts = []
    for number, layer in enumerate(layers, start=1):
        title, file = f"{subject.name}: maps of {layer.name}", f"maps_{number}.png"
        picture = maps_picture(maps[layer.name], pictures, captions, title, subject.settings.channels)
        write_bytes(subject.folder / file, picture)
        facts.append({"layer": layer.name, "picture": file})
    return facts


def _patches(subject: Subject, layers: list[Layer]) -> list[dict[str, Any]]:
    """One picture per layer, of training images: from these it has learned what excites it."""
    rows = subject.rows[subject.rows["split"] == "train"]
    rows = rows.drop_duplicates("component")  # a row of near-duplicates would show one patch over and over
    rows = rows.iloc[sample(len(rows), _SEARCHED, subject.seed("patches"))]
    images = MappedImages(rows, subject.images)
    network, shape = subject.network, subject.input_shape
    found = top_patches(network, images, [layer.name for layer in layers], subject.settings.patches)
    facts = []
    for number, layer in enumerate(layers, start=1):
        # spread over the layer: neighbouring channels are no more alike than others
        channels = _spread(layer.shape[0], subject.settings.channels)
        best = found[layer.name].of_channels(channels)
        boxes = patch_boxes(network, layer.name, best, shape)
        field = receptive_field(network, layer.name, shape)
        crops = [
            [
                cut_out(picture, box, field)
                for picture, box in zip(to_rgb(images[of_channel], subject.color), its_boxes, strict=True)
            ]
            for of_channel, its_boxes in zip(best.images, boxes, strict=True)
        ]
        title, file = f"{subject.name}: what channels of {layer.name} answer to most", f"patches_{number}.png"
        write_bytes(subject.folder / file, patches_picture(best, crops, channels, field, title))
        error = crop_error(network, layer.name, images, best, boxes, channels, subject.seed("noise"))
        sight = _sight(network, layer.name, shape)
        facts.append(
            {"layer": layer.name, **sight, "picture": file, "images": len(rows), "crop_error": error}
        )
    return facts
