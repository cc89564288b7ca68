"""`edgemm inspect`."""

from __future__ import annotations

import argparse
from typing import Any

from edgemm.cli.columns import printable
from edgemm.cli.output import emit_json, size, table

SHOWN_LABELS = 5
KEPT = {
    "name": "output",
    "snr_db": "SNR dB",
    "max_abs_error": "max error",
    "top1_agreement": "same class",
    "accuracy": "accuracy",
    "accuracy_float": "of float",
}
"""Key of the measured fidelity -> the head of its column."""
SHARES = frozenset({"top1_agreement", "accuracy", "accuracy_float"})
"""Those that are 0..1, and shown in percent as `edgemm convert` does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `inspect`."""
    parser.epilog = """\
examples:
  edgemm inspect digits.tflite
  edgemm inspect digits.onnx --json

Reads the file's structure; nothing of it is run."""
    parser.add_argument(
        "file", metavar="FILE", help="what to look into: a .tflite or .onnx file, or a bundle"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints what is in the file."""
    from edgemm.artifact.bundle import is_bundle
    from edgemm.inspection import inspect

    if is_bundle(options.file):
        return _run_bundle(options)
    content = inspect(options.file).to_json()
    if options.json:
        emit_json("edgemm.inspect/1", content)
    else:
        _print(options.file, content)
    return 0


def _run_bundle(options: argparse.Namespace) -> int:
    from edgemm.inspection.bundle import bundle_to_json, inspect_parts
    from edgemm.model.find_bundle import find_bundle

    with find_bundle(options.file) as bundle:
        parts = inspect_parts(bundle)
        content = bundle_to_json(bundle, parts)
    if options.json:
        emit_json("edgemm.inspect/1", content)
        return 0
    card = bundle.card
    print(f"{options.file}: bundle, {size(bundle.size_bytes)}")
    if bundle.origin:
        print(f"no bundle.json, but the layout of {printable(bundle.origin)}")
    rows = [("name", f"{card.name} {card.version}"), ("task", card.task), ("driver", card.driver)]
    print(table([*rows, ("goldens", str(len(card.goldens)))], ("card", "")))
    print()
    told = [
        (role, card.parts[role].file, size(each.size_bytes), _precisions(each.to_json()["operators"]))
        for role, each in parts.items()
    ]
    print(table(told, ("part", "file", "size", "operators")))
    if card.assets:
        print()
        print(table([(name, each.file) for name, each in card.assets.items()], ("asset", "file")))
    return 0


def _precisions(operators: list[dict[str, Any]]) -> str:
    """ "41 int8, 2 float"."""
    found: dict[str, int] = {}
    for each in operators:
        found[each["precision"]] = found.get(each["precision"], 0) + each["count"]
    return ", ".join(f"{count} {precision}" for precision, count in found.items())


def _print(file: str, content: dict[str, Any]) -> None:
    print(f"{file}: {content['format']}, {size(content['size_bytes'])}")
    _print_card(content["card"], content["foreign"])
    print()
    tensors = [
        (what[:-1], tensor["name"], f"{tensor['dtype']}{tensor['shape']}", _grid(tensor))
        for what in ("inputs", "outputs")
        for tensor in content[what]
    ]
    print(table(tensors, ("tensor", "name", "type", "quantization")))
    print()
    rows = [(o["name"], o["count"], o["precision"]) for o in content["operators"]]
    print(table(rows, ("operator", "count", "computes in")))
    left = content["float_operators"]
    named = ", ".join(f"{printable(o['name'])} x{o['count']}" for o in left)
    print(f"left in float: {named or 'none'}")


def _print_card(card: dict[str, Any] | None, foreign: dict[str, Any] | None) -> None:
    if card is None and foreign is not None:
        print(f"no card of edgemm's, but its {foreign['origin']} says enough to run it:")
        print("\n".join(f"  {printable(each)}" for each in foreign["said"]))
        card = foreign["card"]
    if card is None:
        print("no card: what it takes and gives is not known. `edgemm card new` begins one")
        return
    quantization = card.get("quantization", {})
    rows = [
        ("name", f"{card.get('name', 'model')} {card.get('version', '')}".strip()),
        ("task", card.get("task", "tensors")),
        ("family", card.get("family", "")),
        ("labels", _labels(card.get("labels", []))),
        ("made by", ", then ".join(str(each.get("step", "")) for each in card.get("history", []))),
        ("scheme", _scheme(quantization)),
    ]
    print(table([row for row in rows if row[1]], ("card", "")))
    kept = card.get("fidelity", {}).get("outputs", [])
    if isinstance(kept, list) and kept and all(isinstance(each, dict) for each in kept):
        keys = [key for key in KEPT if any(key in each for each in kept)]
        print()
        print("kept, as measured at conversion:")
        print(
            table([[_cell(key, each.get(key)) for key in keys] for each in kept], [KEPT[key] for key in keys])
        )


def _scheme(quantization: dict[str, Any]) -> str:
    """ "static for cpu"; "" where the card does not say how the model was quantized."""
    scheme, target = quantization.get("scheme"), quantization.get("target")
    return f"{scheme} for {target}" if scheme and target else str(scheme or "")


def _labels(labels: list[str]) -> str:
    """The first few of them."""
    if len(labels) <= SHOWN_LABELS:
        return ", ".join(labels)
    return f"{', '.join(labels[:SHOWN_LABELS])} ... ({len(labels)})"


def _grid(tensor: dict[str, Any]) -> str:
    return f"scale {tensor['scale']:.6g}, zero point {tensor['zero_point']}" if tensor["scale"] else ""


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if key in SHARES:
        return f"{value:.1%}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
