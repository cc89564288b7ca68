"""What may be asked of `prune_file`, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemm.card import ModelCard
from edgemm.converters.options import Options, Progress, silent
from edgemm.errors import InputError
from edgemm.quantize.prune.target import Target

SAMPLES = 512
"""Calibration samples that are used at most, where nothing else is said."""


def target_of(target: Target | str) -> Target:
    """A target, or its text.

    Raises:
        InputError: it is neither, or out of range.
    """
    if isinstance(target, Target):
        return target
    if not isinstance(target, str):
        raise InputError(f"target: expected a Target or text such as macs=0.6, found {type(target).__name__}")
    return Target.parse(target)


def options_of(
    source: Any,
    output: str | Path,
    calibrate: Any,
    evaluate: Any,
    card: ModelCard | str | Path | None,
    preset: str | None,
    shapes: Mapping[str, Sequence[int]] | None,
    constants: Mapping[str, float] | None,
    limit: int,
    progress: Progress | None,
) -> Options:
    """The options of a conversion to a float .onnx file, which the steps share with `convert`.

    Raises:
        InputError: something does not fit; nothing has been read.
    """
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".tflite":
        raise InputError(
            f"{Path(source).name}: a .tflite file cannot be pruned. Prune the ONNX model that it was made from, then "
            "run edgemm convert"
        )
    path = Path(output) if isinstance(output, str) else output
    if isinstance(path, Path) and path.suffix.lower() != ".onnx":
        raise InputError(
            f"{path}: pruning writes a float .onnx file. Name the output *.onnx; edgemm convert makes a .tflite or an "
            "int8 file of it"
        )
    if calibrate is None:
        raise InputError(
            "calibrate (--calibrate): pruning needs data to see which channels matter: a folder of pictures or "
            "recordings, or an .npz of tensors; right answers are not needed"
        )
    return Options(
        source, path, None, calibrate, evaluate, card, preset, "float", "cpu", "off", shapes=shapes,
        constants=constants, limit=limit, repair="off", keep_outputs=True, progress=progress or silent,
    )  # fmt: skip


def check_keep(keep: Any) -> tuple[str, ...]:
    """Names of layers.

    Raises:
        InputError: it is one text, or holds something else.
    """
    if isinstance(keep, str) or not all(isinstance(each, str) for each in keep):
        raise InputError("keep: expected a sequence of names of layers")
    return tuple(keep)
