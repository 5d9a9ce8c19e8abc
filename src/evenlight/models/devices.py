"""Where a network is trained, and in which precision. Results are promised to repeat on CPUs only."""

from typing import TYPE_CHECKING

from evenlight.errors import UserError

if TYPE_CHECKING:
    import torch


def choose_device(asked: str) -> "torch.device":
    """`auto`: a GPU where torch finds one, else the CPU.

    Raises:
        UserError: `cuda` is asked for, and torch finds no GPU.
    """
    import torch

    found = torch.cuda.is_available()
    if asked == "cuda" and not found:
        raise UserError(
            "params.yaml: `device: cuda`, but torch finds no GPU here; use `device: auto`, or install a GPU's driver"
        )
    return torch.device("cuda" if found and asked != "cpu" else "cpu")


def forward_precision(device: "torch.device", precision: str) -> "torch.autocast":
    """A context for the forward pass: bfloat16 where it is asked for, and on every GPU that computes in it."""
    import torch

    half = precision == "bfloat16"
    if device.type == "cuda":
        half = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=half)
