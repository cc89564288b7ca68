"""Activations that are fused into a product, by their names in its attributes."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.contrib.node import FusedNode

NAMES: dict[str, tuple[str, ...]] = {
    "": (),
    "Relu": (),
    "Sigmoid": (),
    "Tanh": (),
    "Softplus": (),
    "Softsign": (),
    "LeakyRelu": ("alpha",),
    "Elu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Selu": ("alpha", "gamma"),
    "Softmax": ("axis",),
    "Clip": ("low", "high"),
    "HardSwish": (),
    "ScaledTanh": ("alpha", "beta"),
    "ParametricSoftplus": ("alpha", "beta"),
}
"""Activation -> what its numbers are called; activation_params gives them in this order."""
DEFAULTS = {"LeakyRelu": (0.01,), "Elu": (1.0,), "ThresholdedRelu": (1.0,), "HardSigmoid": (0.2, 0.5)}


def activated(draft: FusedNode, value: ir.Value) -> ir.Value:
    """`value` behind the activation that the node names."""
    name = draft.text("activation", "")
    if name not in NAMES:
        draft.refuse(
            f"the activation {name!r} has no standard form here",
            "Export the model without ONNX Runtime's optimizer",
        )
    numbers = _numbers(draft, name)
    if name == "":
        return value
    if name == "Clip":
        ends = [draft.constant(numbers[each], value.dtype) for each in ("low", "high")]
        return draft.op("Clip", [value, *ends], None, value.dtype)
    if name in ("ScaledTanh", "ParametricSoftplus"):
        return _scaled(draft, value, name, numbers)
    attributes: dict[str, object] = dict(numbers)
    if name == "Softmax":
        attributes = {"axis": int(numbers.get("axis", -1))}
    return draft.unary(name, value, **attributes)


def _scaled(draft: FusedNode, value: ir.Value, name: str, numbers: dict[str, float]) -> ir.Value:
    """alpha * tanh(beta x), alpha * log(1 + exp(beta x))."""
    factor, inner = (draft.constant(numbers[each], value.dtype) for each in ("alpha", "beta"))
    scaled = draft.op("Mul", [value, inner], None, value.dtype)
    result = draft.unary("Tanh" if name == "ScaledTanh" else "Softplus", scaled)
    return draft.op("Mul", [result, factor], None, value.dtype)


def _numbers(draft: FusedNode, name: str) -> dict[str, float]:
    """From activation_params, else from activation_alpha and its kin, else the defaults."""
    names = NAMES[name]
    listed = draft.node.attributes.get_floats("activation_params")
    if listed:
        return dict(zip(names, map(float, listed), strict=False))
    found = dict(zip(names, DEFAULTS.get(name, ()), strict=False))
    for each in names:
        attribute = draft.node.attributes.get(f"activation_{each}")
        if attribute is not None:
            found[each] = float(attribute.value)
    if name in ("Clip", "ScaledTanh", "ParametricSoftplus") and len(found) < len(names):
        draft.refuse(f"the activation {name} without its numbers", "Export the model again")
    return found
