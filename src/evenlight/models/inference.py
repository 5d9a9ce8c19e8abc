"""Networks at work: images in, logits and features out, the same numbers at any `--cores`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    from evenlight.dataset import MappedImages
    from evenlight.models.cnn import Network

# a fixed number for a size, because the last digits of a result depend on it: 32 images of 64 x 64 stay in the
# processor's cache, and are computed up to three times as fast as 256
_PIXELS = 2**17


def prepare_torch(seed: int, threads: int = 1) -> None:
    """Fix everything that torch's results depend on."""
    import torch

    torch.set_num_threads(threads)
    # the same switch as use_deterministic_algorithms(True), which imports torch's compiler: 5 CPU seconds
    torch.set_deterministic_debug_mode("error")
    torch.manual_seed(seed)


def to_tensor(images: np.ndarray, device: "torch.device | str" = "cpu") -> "torch.Tensor":
    """uint8 (N, H, W, C) -> float32 (N, C, H, W) in 0 to 1.

    In memory channels stay last, with which torch computes about 1.5 times as fast on CPUs and GPUs.
    """
    import torch

    return torch.tensor(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float() / 255


def evaluate_network(
    network: "Network", images: "np.ndarray | MappedImages", codes: np.ndarray
) -> tuple[float, float]:
    """Mean cross entropy and accuracy; NaN without images."""
    if len(codes) == 0:
        return float("nan"), float("nan")
    logits = network_logits(network, images)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_shares[np.arange(len(codes)), codes].mean()
    return float(loss), float((logits.argmax(axis=1) == codes).mean())


def network_logits(network: "Network", images: "np.ndarray | MappedImages") -> np.ndarray:
    """Logits, float64 (N, K), of uint8 images (N, H, W, C); at least one.

    A `mirrored` network is asked about every image and its mirror image, and the mean counts.
    """
    logits = np.concatenate([logits for logits, _ in _outputs(network, images)])
    if network.mirrored:
        logits = (logits + np.concatenate([found for found, _ in _outputs(network, images, True)])) / 2
    return logits


def run_network(network: "Network", images: "np.ndarray | MappedImages") -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, K) and last-layer features (N, D) of uint8 images (N, H, W, C), both float64; at least one image."""
    logits, features = zip(*_outputs(network, images), strict=True)
    return np.concatenate(logits), np.concatenate(features)


def _outputs(
    network: "Network", images: "np.ndarray | MappedImages", mirror: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Logits and features of one batch after the other, or of their mirror images, in evaluation mode."""
    import torch

    network.eval()
    size = max(1, _PIXELS // (images.shape[1] * images.shape[2]))
    for start in range(0, len(images), size):
        block = images[start : start + size]
        with torch.inference_mode():
            features = network.features(
                to_tensor(block[:, :, ::-1] if mirror else block, network.mean.device)
            )
            logits = network.classifier(features)
        yield logits.double().cpu().numpy(), features.double().cpu().numpy()
