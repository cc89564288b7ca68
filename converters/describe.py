"""The card of the artifact: the source's card, with the names, layouts and types of the artifact's tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgemm.card import ModelCard
from edgemm.converters.described_tensors import described_tensors
from edgemm.converters.fidelity import Fidelity
from edgemm.converters.prepare import Prepared
from edgemm.converters.repair import Repaired
from edgemm.converters.written import Written
from edgemm.quantize.constants import weight_kinds
from edgemm.quantize.plan import Plan, Precision
from edgemm.version import __version__

ACTIVATIONS = {"static": "int8", "mixed": "int8 or float", "dynamic": "dynamic"}
"""Scheme -> what activations are stored as."""


def describe(
    prepared: Prepared, written: Written, plan: Plan, fidelity: Fidelity, repaired: Repaired | None = None
) -> ModelCard:
    """The card to put in the file; `write_artifact` adds the payload's hash."""
    card = described_tensors(prepared.card, written)
    return card.with_(
        min_edgemm=card.min_edgemm or __version__,
        quantization=_quantization(prepared, written, plan) | _repairs(repaired),
        fidelity=fidelity.to_json(),
        source_sha256=prepared.sha256,
        payload_sha256="",
    )


def _repairs(repaired: Repaired | None) -> dict[str, Any]:
    """What was repaired, why, and what that costs."""
    if repaired is None or not (repaired.steps or repaired.out_of_time):
        return {}
    late = {"repair_stopped_at_its_time_limit": True} if repaired.out_of_time else {}
    return {
        **late,
        "repairs": list(repaired.steps),
        "repaired_because": list(repaired.reasons),
        "float_layers": list(repaired.layers),
        "float_share": float(f"{repaired.float_share:.3g}"),
    }


def _quantization(prepared: Prepared, written: Written, plan: Plan) -> dict[str, Any]:
    if plan.scheme == "float":
        return {"scheme": "float", "target": plan.target.name}
    count = {precision.value: 0 for precision in Precision}
    for precision in plan.precision.values():
        count[precision.value] += 1
    return {
        "scheme": plan.scheme,
        "target": plan.target.name,
        "operators": {name: number for name, number in count.items() if number},
        "activations": ACTIVATIONS[plan.scheme],
        "weights": _weights(
            weight_kinds(prepared.model, plan) if written.format == "onnx" else {"int8": 1}, plan
        ),
    }


def _weights(kinds: Mapping[str, int], plan: Plan) -> str:
    """ "int8 of 7 bits per channel", and the other kinds that there are, the most frequent first."""
    ordered = sorted(kinds, key=lambda kind: (-kinds[kind], kind)) or ["int8"]
    scales = "per channel" if plan.target.per_channel else "per tensor"
    return ", ".join([f"{ordered[0]} {scales}", *(f"{kinds[kind]} {kind}" for kind in ordered[1:])])
