"""Parts that stay as they are, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgemm.converters.bundles.options import KEEP, BundleOptions
from edgemm.inspection import inspect_artifact

if TYPE_CHECKING:
    from edgemm.artifact.bundle import Bundle

GROWS = (
    "its state {!r} grows with each step, and a converted file has fixed sizes; it runs in ONNX Runtime alone. Export "
    "it with a cache of a fixed length and a mask to convert it"
)

CANNOT = ".{} cannot express it: {}"
DEPENDS = "depends on the data"
FIXED = ". A decoder's cache that is cut at a position cannot be converted: export it whole, with a mask laid over it"


def why_not(error: Exception, model: Any, format_: str) -> str:
    """A sentence without its end: the format cannot express the part.

    Args:
        error: which operator it is that it lacks.
        model: the part, loaded.
        format_: "tflite" or "onnx".
    """
    said = CANNOT.format(format_, error)
    return said + FIXED if model.card.states and DEPENDS in said else said


def why_kept(bundle: Bundle, role: str, model: Any, options: BundleOptions) -> str:
    """A sentence without its end; "" where the part can be tried.

    Args:
        bundle: the source.
        model: the part, loaded.
    """
    asked = options.parts.get(role, "")
    if asked == KEEP:
        return "as asked for"
    suffix = bundle.part_path(role).suffix.lower()
    if suffix not in (".onnx", ".tflite"):
        return f"{suffix} files are only run"
    with model.part() as part:
        if len(part.signatures) > 1:
            return f"it has {len(part.signatures)} signatures ({', '.join(part.signatures)}); a converted file has one"
    growing = _growing(model)
    if growing:
        return GROWS.format(growing)
    if not asked:
        kinds = _integer(bundle, role)
        if kinds:
            return f"it is quantized already ({kinds}); --part {role}=SCHEME converts it all the same"
    return ""


def _growing(model: Any) -> str:
    """The first state that grows, or is given by the first step; "" where none is."""
    for pair in model.card.states:
        if getattr(pair, "kind", "replace") != "replace":
            return str(pair.input)
    states = {pair.input for pair in model.card.states}
    for spec in model.inputs:
        if spec.name in states and -1 in spec.shape[1:]:
            return str(spec.name)
    return ""


def _integer(bundle: Bundle, role: str) -> str:
    """The precisions of its operators, but for float; "" where all are that."""
    entry = bundle.card.parts[role]
    artifact = bundle.read_part(role)
    if entry.card is not None and entry.card.quantization:
        return str(entry.card.quantization.get("scheme", "int8"))
    kinds = {each.precision for each in inspect_artifact(artifact).operators}
    return ", ".join(sorted(kinds & {"int8", "dynamic"}))
