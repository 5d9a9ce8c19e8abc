"""Two checks of heat maps: do they depend on what the network learned, and do they find the pixels that count?"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenlight.errors import UserError
from evenlight.evaluation.intervals import Estimate
from evenlight.evaluation.resampling import FEWEST_KEYS, Bootstrap, mean_estimates
from evenlight.explain.attribution import BATCH_PIXELS, METHODS, for_inference, signed_maps
from evenlight.explain.settings import Explain
from evenlight.runtime import seed_for

if TYPE_CHECKING:
    import torch

    from evenlight.models.cnn import Network

# rankings that know nothing of the network; a heat map should beat them
BASELINES = {
    "pixel_value": "Baseline: bright pixels",
    "sobel": "Baseline: edges (Sobel)",
    "random": "Baseline: random",
}
# a method whose maps correlate more than this with those of random weights shows the picture, not the network
SAME = 0.5
_DEPTHS = 6  # at most, spread evenly over the layers: every one costs as much as all maps


@dataclass(frozen=True)
class Images:
    """Images that heat maps are checked on.

    `pixels` is float32 (N, C, H, W) in 0 to 1, `targets` the code of the class whose score is explained (N,). Images
    with equal `keys` (N,), such as those of one source, are resampled together.
    """

    pixels: "torch.Tensor"
    targets: np.ndarray
    keys: np.ndarray


@dataclass(frozen=True)
class Randomization:
    """What is left of a method's maps when layers get random weights, from the classifier down.

    `layers` names the lowest layer replaced so far, `correlations` the mean Spearman correlation of the signed maps
    with the original ones. `verdict` is `passes`, `fails` or `not_enough_data`; `sentence` says why.
    """

    layers: list[str]
    correlations: list[Estimate]
    verdict: str
    sentence: str


@dataclass(frozen=True)
class Finding:
    """Whether a method finds the pixels that count, against the best baseline.

    `gains` are mean differences of deletion and of insertion, signed so that more is better. `verdict` is `better` (at
    both), `worse` (at one at least, better at none), `not_shown` or `not_enough_data`; `sentence` says why.
    """

    gains: list[Estimate]
    verdict: str
    sentence: str


def randomization(
    network: "Network", images: Images, method: str, settings: Explain, bootstrap: Bootstrap, seed: int
) -> Randomization:
    """Cascading parameter randomization (Adebayo et al. 2018, arXiv:1810.03292).

    Layers of weights are drawn anew as before training, in reverse order of use, each on top of those before it;
    normalization goes with the layer before it. The largest of the mean correlations decides, with its interval
    against `SAME`. Images whose original map is the same everywhere have no ranks and don't count; a map that random
    weights make flat counts as 0.

    Args:
        network: stays as it is; copies are changed.
        images: at least 10 different keys for a verdict.
        method: a key of `METHODS`.
        settings: those of the maps.
        bootstrap: how intervals are made.
        seed: of weights and resamples; methods compared with the same seed see the same weights.

    Raises:
        UserError: `attribute` refuses the method, or a layer can't draw its weights anew.
    """
    original = signed_maps(network, images.pixels, images.targets, method, settings)
    ranked = np.ptp(original, axis=(1, 2)) > 0
    if not ranked.any():
        sentence = (
            f"{METHODS[method].title}: every map is the same everywhere, so there is nothing to compare."
        )
        return Randomization([], [], "not_enough_data", sentence)
    copy, layers = deepcopy(network), _layers(network, images.pixels[:1])
    depths = {round(depth) for depth in np.linspace(0, len(layers) - 1, min(_DEPTHS, len(layers)))}
    names, columns = [], []
    for depth, modules in enumerate(layers):
        _draw_anew(copy, modules, seed)
        if depth in depths:
            changed = signed_maps(copy, images.pixels, images.targets, method, settings)
            names.append(modules[0])
            columns.append(rank_correlations(original[ranked], changed[ranked]))
    keys = images.keys[ranked]
    correlations = mean_estimates(np.column_stack(columns), keys, bootstrap, seed)
    return Randomization(names, correlations, *_verdict(method, names, correlations, len(np.unique(keys))))


def _verdict(method: str, layers: Sequence[str], correlations: list[Estimate], keys: int) -> tuple[str, str]:
    worst = max(range(len(layers)), key=lambda place: correlations[place]["value"])
    found = correlations[worst]
    numbers = (
        f"with random weights down to {layers[worst]} the maps correlate {found['value']:.2f}"
        f" ({found['low']:.2f} to {found['high']:.2f}) with the original ones"
    )
    title = METHODS[method].title
    if keys < FEWEST_KEYS:
        return "not_enough_data", f"{title}: {numbers}; {keys} images or sources are too few for a verdict."
    if found["low"] > SAME:
        return "fails", f"{title} shows little of what the network learned: {numbers}."
    if found["high"] < SAME:
        return "passes", f"{title} depends on what the network learned: {numbers}, no depth more."
    return "not_enough_data", f"{title}: {numbers}; more images are needed to tell."


def rank_correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's correlation of the values of each image: two (N, H, W) -> float64 (N,); 0 where one is constant."""
    from scipy.stats import rankdata

    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second)]
    one, other = (values - values.mean(axis=1, keepdims=True) for values in ranks)
    scale = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return np.divide((one * other).sum(axis=1), scale, out=np.zeros(len(scale)), where=scale > 0)


def _layers(network: "Network", image: "torch.Tensor") -> list[list[str]]:
    """Names of modules with weights, in reverse order of use; each with the normalization that follows it."""
    import torch

    used: list[list[str]] = []

    def note(name: str, module: "torch.nn.Module") -> None:
        is_normalization = all(weight.ndim == 1 for weight in module.parameters(recurse=False))
        if used and is_normalization:
            used[-1].append(name)
        else:
            used.append([name])

    hooks = [
        module.register_forward_hook(lambda module, *_, name=name: note(name, module))
        for name, module in network.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    try:
        with torch.no_grad():
            network.eval()(image)
    finally:
        for hook in hooks:
            hook.remove()
    return used[::-1]


def _draw_anew(network: "Network", names: Sequence[str], seed: int) -> None:
    """Initial weights for these modules, from generators of their own."""
    import torch

    for name in names:
        draw = getattr(network.get_submodule(name), "reset_parameters", None)
        if draw is None:
            raise UserError(
                f"heat maps can't be checked: layer {name!r} of the network has no `reset_parameters`"
                " to draw its weights anew"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for(seed, "randomization", name))
            draw()


def baseline_maps(pictures: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Maps that know nothing of the network: gray level, length of the Sobel gradient, noise.

    Args:
        pictures: uint8 RGB (N, H, W, 3).
        seed: of the noise.

    Returns:
        By the keys of `BASELINES`: float32 (N, H, W), 0 or more.
    """
    from evenlight.features.sobel import gradients
    from evenlight.pixels import gray

    levels = gray(pictures) if len(pictures) else np.zeros(pictures.shape[:3], dtype=np.uint8)
    along_x, along_y = (along.astype(np.float32) for along in gradients(levels))
    noise = np.random.Generator(np.random.PCG64(seed)).random(levels.shape, dtype=np.float32)
    return {"pixel_value": levels.astype(np.float32), "sobel": np.hypot(along_x, along_y), "random": noise}


def removal_areas(
    network: "Network", images: Images, maps: Mapping[str, np.ndarray], steps: int, seed: int
) -> dict[str, np.ndarray]:
    """Area under the probability of the class while pixels go black, or come back (Petsiuk et al. 2018, RISE).

    Pixels with the largest values go first; equal ones in random order. A map that ranks well makes the probability
    fall early (small area of deletion) and rise early (large area of insertion).

    Args:
        network: is not changed.
        images: N of them, at least one.
        maps: float (N, H, W) by name: methods and baselines.
        steps: parts in which the pixels go.
        seed: of equal pixels' order.

    Returns:
        By name, the areas of deletion and of insertion: float64 (N, 2), 0 to 1.
    """
    count, pixels = len(images.pixels), images.pixels.shape[2] * images.pixels.shape[3]
    cuts = np.rint(np.linspace(0, pixels, steps + 1)).astype(np.int64)
    fast = for_inference(network)
    random = np.random.Generator(np.random.PCG64(seed)).random((count, pixels))
    found = {}
    for name, values in maps.items():
        order = np.lexsort((random, -values.reshape(count, -1).astype(np.float64)), axis=1)
        places = np.empty_like(order)
        np.put_along_axis(places, order, np.arange(pixels)[None], axis=1)
        found[name] = np.trapezoid(_curves(fast, images, places, cuts), cuts / pixels, axis=2).T
    return found


def deletion_and_insertion(
    areas: Mapping[str, np.ndarray], keys: np.ndarray, bootstrap: Bootstrap, seed: int
) -> dict[str, dict[str, Estimate]]:
    """`deletion` and `insertion` by name: the mean of `removal_areas` over images, resampled by keys (N,)."""
    estimates = mean_estimates(np.column_stack(list(areas.values())), keys, bootstrap, seed)
    return {
        name: {"deletion": estimates[2 * number], "insertion": estimates[2 * number + 1]}
        for number, name in enumerate(areas)
    }


def finding(
    areas: Mapping[str, np.ndarray], method: str, keys: np.ndarray, bootstrap: Bootstrap, seed: int
) -> Finding:
    """Compare a method with the best of the baselines, image by image.

    The best at deletion is that with the smallest mean area, at insertion that with the largest. The mean difference
    of both tells by its interval.

    Args:
        areas: of the method and of the `BASELINES`, (N, 2) each.
        method: a key of `METHODS`.
        keys: images with equal keys are resampled together (N,); at least 10 different ones for a verdict.
        bootstrap: how intervals are made.
        seed: of the resamples.
    """
    gains, numbers = [], []
    for column, (measure, sign) in enumerate((("deletion", -1), ("insertion", 1))):
        best = max(BASELINES, key=lambda name: sign * areas[name][:, column].mean())
        gains.append(sign * (areas[method][:, column] - areas[best][:, column]))
        numbers.append((measure, BASELINES[best].removeprefix("Baseline: ")))
    estimates = mean_estimates(np.column_stack(gains), keys, bootstrap, seed)
    compared = "; ".join(
        f"{measure} gains {gain['value']:+.2f} ({gain['low']:+.2f} to {gain['high']:+.2f}) over {best}"
        for (measure, best), gain in zip(numbers, estimates, strict=True)
    )
    title, found = METHODS[method].title, len(np.unique(keys))
    if found < FEWEST_KEYS:
        sentence = f"{title}: {compared}; {found} images or sources are too few for a verdict."
        return Finding(estimates, "not_enough_data", sentence)
    if all(gain["low"] > 0 for gain in estimates):
        return Finding(
            estimates,
            "better",
            f"{title} finds the pixels that count better than every baseline: {compared}.",
        )
    if any(gain["high"] < 0 for gain in estimates) and not any(gain["low"] > 0 for gain in estimates):
        return Finding(
            estimates, "worse", f"{title} finds the pixels that count worse than a baseline does: {compared}."
        )
    sentence = f"{title} is not shown to find the pixels that count better than every baseline: {compared}."
    return Finding(estimates, "not_shown", sentence)


def _curves(network: "Network", images: Images, places: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Probability of the target after each cut, for deletion and insertion: float64 (2, N, cuts).

    Args:
        network: as `for_inference` gives it.
        images: N of them.
        places: of each pixel in the order, from 0: int (N, H * W).
        cuts: numbers of pixels that have gone, rising from 0 to all.
    """
    import torch

    count, _, height, width = images.pixels.shape
    curves = np.empty((2, count, len(cuts)))
    at_once = max(1, BATCH_PIXELS // (2 * height * width))
    with torch.inference_mode():
        for start in range(0, count, at_once):
            some = slice(start, start + at_once)
            whole = images.pixels[some].contiguous(memory_format=torch.channels_last)
            order = torch.from_numpy(places[some].reshape(-1, 1, height, width))
            targets = torch.as_tensor(images.targets[some], dtype=torch.int64).repeat(2)[:, None]
            for number, cut in enumerate(cuts):
                first = (order < int(cut)).to(whole.dtype)
                logits = network(torch.cat([whole * (1 - first), whole * first]))
                scores = logits.double().softmax(dim=1).gather(1, targets)
                curves[:, some, number] = scores.view(2, -1).numpy()
    return curves
