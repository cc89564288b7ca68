"""What may be asked of `prune_file`, checked before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgemm.errors import InputError

SAMPLES = 512
"""Calibration samples that are used at most, where nothing else is said."""


def check_source(source: Any, example_inputs: Any, calibrate: Any) -> None:
    """Refuses what cannot be pruned.

    Raises:
        InputError: a module without example inputs, or no data.
    """
    if hasattr(source, "state_dict") and example_inputs is None:
        raise InputError("a torch module needs example_inputs: a tuple of tensors of the shapes to prune for")
    if calibrate is None:
        raise InputError(
            "calibrate (--calibrate): pruning needs data to see which channels matter: a folder of pictures or "
            "recordings, or an .npz of tensors; right answers are not needed"
        )


def check_low_rank(source: Any, energy: float | None) -> None:
    """Raises:
    InputError: low ranks are asked for of a torch module.
    """
    if energy is not None and hasattr(source, "state_dict"):
        raise InputError(
            "low_rank: a torch module is pruned as a module, which has no low ranks. Give an .onnx or .pt2 file of it"
        )


def check_cut(source: Any, outputs: Any, inputs: Any) -> None:
    """Raises:
    InputError: a part is asked for of a torch module.
    """
    if hasattr(source, "state_dict") and (outputs is not None or inputs is not None):
        raise InputError(
            "outputs, inputs: a torch module is pruned as a module, of which there are no parts. Give an .onnx or .pt2 "
            "file of it"
        )


def output_of(output: Any) -> Any:
    """The path of the file to write; `Options` refuses what is no path.

    Raises:
        InputError: its name does not end in .onnx.
    """
    path = Path(output) if isinstance(output, str) else output
    if isinstance(path, Path) and path.suffix.lower() != ".onnx":
        raise InputError(
            f"{path}: pruning writes a float .onnx file. Name the output *.onnx; edgemm convert makes a .tflite or an "
            "int8 file of it"
        )
    return path


def check_keep(keep: Any) -> tuple[str, ...]:
    """Names of layers.

    Raises:
        InputError: it is one text, or holds something else.
    """
    if isinstance(keep, str) or not all(isinstance(each, str) for each in keep):
        raise InputError("keep: expected a sequence of names of layers")
    return tuple(keep)
