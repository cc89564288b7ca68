"""`edgemm inspect`."""

from __future__ import annotations

import argparse
from typing import Any

from edgemm.cli.output import emit_json, size, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `inspect`."""
    parser.epilog = """\
examples:
  edgemm inspect digits.tflite
  edgemm inspect digits.onnx --json

Reads the file's structure; nothing of it is run."""
    parser.add_argument("file", metavar="FILE", help="the model file to look into: .tflite or .onnx")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints what is in the file."""
    from edgemm.inspection import inspect

    content = inspect(options.file).to_json()
    if options.json:
        emit_json("edgemm.inspect/1", content)
    else:
        _print(options.file, content)
    return 0


def _print(file: str, content: dict[str, Any]) -> None:
    card = content["card"]
    print(f"{file}: {content['format']}, {size(content['size_bytes'])}")
    if card is None:
        print("no card: edgemm does not know what it takes and gives")
    else:
        quantization = card.get("quantization", {})
        print(
            f"{card.get('name')} {card.get('version', '')}  {card.get('task', 'tensors')}  {card.get('family', '')}"
        )
        print(f"{quantization.get('scheme', 'unknown')} for {quantization.get('target', 'any machine')}")
        for output in card.get("fidelity", {}).get("outputs", []):
            print("kept: " + ", ".join(f"{key} {value}" for key, value in output.items()))
    for what in ("inputs", "outputs"):
        for tensor in content[what]:
            grid = (
                f"  scale {tensor['scale']:.6g} zero point {tensor['zero_point']}" if tensor["scale"] else ""
            )
            print(f"{what[:-1]} {tensor['name']} {tensor['dtype']}{tensor['shape']}{grid}")
    print(
        table(
            [(o["name"], o["count"], o["precision"]) for o in content["operators"]],
            ("operator", "count", "computes in"),
        )
    )
    left = content["float_operators"]
    print("left in float: " + (", ".join(f"{o['name']} x{o['count']}" for o in left) if left else "none"))
