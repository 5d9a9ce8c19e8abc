"""What an interrupted training goes on from: one file, written whole after every epoch, removed at the end."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenlight.progress import say
from evenlight.storage import write_bytes

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Checkpoint:
    """A file (safetensors), and a fingerprint of all that the result depends on: of another one it is ignored."""

    file: Path
    fingerprint: str

    def save(self, tensors: Mapping[str, "torch.Tensor"], facts: Any) -> None:
        """Write tensors, and facts that JSON can hold.

        Raises:
            UserError: the file can't be written.
        """
        import safetensors.torch

        plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        # one key: safetensors writes several in random order
        content = {"fingerprint": self.fingerprint, "facts": facts, "digest": _digest(plain, facts)}
        write_bytes(self.file, safetensors.torch.save(plain, {"training": json.dumps(content)}))

    def load(self) -> tuple[dict[str, "torch.Tensor"], Any] | None:
        """Tensors and facts; None where there is no such file, or, said in a line, where it is of no use."""
        from safetensors import safe_open

        if not self.file.exists():
            return None
        try:
            with safe_open(self.file, framework="pt") as stored:
                content = json.loads(stored.metadata()["training"])
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            fingerprint, facts = content["fingerprint"], content["facts"]
            whole = content["digest"] == _digest(tensors, facts)
        except Exception:  # damaged files raise many types
            whole = False
        if not whole:
            say(f"  {self.file} is damaged: training starts over")
            return None
        if fingerprint != self.fingerprint:
            say(f"  {self.file} is of other settings, data or code: training starts over")
            return None
        return tensors, facts

    def remove(self) -> None:
        """Delete the file where there is one."""
        self.file.unlink(missing_ok=True)


def _digest(tensors: Mapping[str, "torch.Tensor"], facts: Any) -> str:
    """sha256 of the content: safetensors notices a missing byte, but not a wrong one."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
