"""The forms of a network that a conversion weighed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgemm.converters.fidelity import Fidelity
from edgemm.converters.latency import Latency


@dataclass(frozen=True, slots=True)
class Candidate:
    """One form: what was predicted of it, and what was measured where it was tried."""

    form: str
    """"float", "static", "dynamic" or "mixed"."""
    predicted_us: float
    """One inference on the machine of the cost table, one thread, in microseconds: for ranking forms."""
    size_bytes: int
    """Of the file; card and goldens count as those of the file that was written."""
    size_is_estimated: bool = False
    """It was not written, so its size is that of its constants and of what else was in the file that was written; of
    small networks, that of a file on ranges that nobody measured."""
    latency: Latency | None = None
    """One inference on this machine, one thread; None where it was not measured."""
    fidelity: Fidelity | None = None
    """None where it was not tried."""
    held: bool | None = None
    """Its fidelity holds the gate; None where it was not tried."""
    chosen: bool = False
    why: str = ""
    """Why it was taken, or was not."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; null for what was not measured."""
        kept = self.fidelity
        return {
            "form": self.form,
            "predicted_us": round(self.predicted_us, 1),
            "latency": None if self.latency is None else self.latency.to_json(),
            "size_bytes": self.size_bytes,
            "size_is_estimated": self.size_is_estimated,
            "worst_db": None if kept is None else round(kept.worst_db, 2),
            "fidelity": None if kept is None else kept.to_json(),
            "held": self.held,
            "chosen": self.chosen,
            "why": self.why,
        }

    def to_card(self) -> dict[str, Any]:
        """What the artifact's card says of it: without times of this machine, so that equal conversions give equal
        files."""
        kept = self.fidelity
        told: dict[str, Any] = {"form": self.form, "predicted_us": float(f"{self.predicted_us:.3g}")}
        if kept is not None:
            told["worst_db"] = float(f"{kept.worst_db:.4g}")
        return told | {"why": self.why}
