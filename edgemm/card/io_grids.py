"""Scale and zero point of integer inputs and outputs of an .onnx file, which ONNX itself has no place for.

They stand in the model's own `metadata_props`, key "io_quantization", as JSON: {"image": [0.0078125, 128]}. A
`.tflite` file tells its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from edgemm.errors import DamagedArtifact
from edgemm.strict_json import parse
from edgemm.tensors import TensorSpec, integer_limits

KEY = "io_quantization"
_LIMIT = 1 << 20


def tell(specs: Iterable[TensorSpec]) -> str:
    """The text of the record for these inputs and outputs; "" where none is quantized."""
    told = {each.name: [each.scale, each.zero_point] for each in specs if each.quantized}
    return json.dumps(told, sort_keys=True) if told else ""


def read(text: str) -> Mapping[str, tuple[float, int]]:
    """Name -> scale and zero point.

    Raises:
        DamagedArtifact: the record is not what `tell` writes.
    """
    if not text:
        return {}
    try:
        found = parse(text, _LIMIT)
    except ValueError as error:
        raise DamagedArtifact(f"{KEY}: expected JSON in the file's metadata: {error}") from error
    if not isinstance(found, dict):
        raise DamagedArtifact(
            f"{KEY}: expected an object of names in the file's metadata, found {found!r:.80}"
        )
    for name, grid in found.items():
        if not (isinstance(grid, list) and len(grid) == 2 and _is_grid(*grid)):
            raise DamagedArtifact(
                f"{KEY}: tensor {name!r}: expected a scale above 0 and a whole zero point, found {grid!r:.80}"
            )
    return {name: (float(scale), zero_point) for name, (scale, zero_point) in found.items()}


def quantized(spec: TensorSpec, grids: Mapping[str, tuple[float, int]]) -> TensorSpec:
    """The same tensor with its grid, where it has one.

    Raises:
        DamagedArtifact: it has one and holds no integers, or not its zero point.
    """
    if spec.name not in grids:
        return spec
    scale, zero_point = grids[spec.name]
    if not spec.dtype.startswith(("int", "uint")):
        raise DamagedArtifact(f"{KEY}: tensor {spec.name!r}: expected integers, found {spec.dtype}")
    low, high = integer_limits(spec.dtype)
    if not low <= zero_point <= high:
        raise DamagedArtifact(
            f"{KEY}: tensor {spec.name!r}: expected a zero point that {spec.dtype} holds, found {zero_point}"
        )
    return replace(spec, scale=scale, zero_point=zero_point)


def _is_grid(scale: object, zero_point: object) -> bool:
    if isinstance(scale, bool) or isinstance(zero_point, bool):
        return False
    return isinstance(scale, (int, float)) and isinstance(zero_point, int) and 0 < scale < math.inf
