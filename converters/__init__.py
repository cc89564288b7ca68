"""Converters: from a trained float model to an artifact.

from edgemm.converters import convert
done = convert("digits.onnx", output="digits.tflite", calibrate="pictures/")
done.size_bytes, done.fidelity.outputs[0].snr_db

importers/     file or torch module       -> an ONNX graph
passes/        any ONNX graph             -> the canonical graph
(edgemm.quantize: the canonical graph     -> a plan)
tflite/        canonical graph and plan   -> .tflite
onnx_writer/   canonical graph and plan   -> .onnx with Q/DQ nodes
measure.py     the file against the float source
pruning/       a float .onnx file         -> a smaller float .onnx file: `prune_file`
aware/         a model                    -> a torch module that rounds as the device does, and its file
shrinking/     a float .onnx file         -> pruned, trained, int8: `shrink_file`
bundles/       a bundle                   -> a bundle of converted parts: `convert_bundle`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgemm.converters.conversion import Conversion as Conversion
    from edgemm.converters.conversion import convert as convert
    from edgemm.converters.pruning import PrunedFile as PrunedFile
    from edgemm.converters.pruning import file_sensitivity as file_sensitivity
    from edgemm.converters.pruning import prune_file as prune_file
    from edgemm.converters.tflite.signatures import MergedSignatures as MergedSignatures
    from edgemm.converters.tflite.signatures import merge_signatures as merge_signatures

_HOMES = {
    "BundleConversion": "edgemm.converters.bundles.conversion",
    "Conversion": "edgemm.converters.conversion",
    "MergedSignatures": "edgemm.converters.tflite.signatures",
    "PrunedFile": "edgemm.converters.pruning",
    "convert": "edgemm.converters.conversion",
    "convert_bundle": "edgemm.converters.bundles.conversion",
    "file_sensitivity": "edgemm.converters.pruning",
    "merge_signatures": "edgemm.converters.tflite.signatures",
    "prune_file": "edgemm.converters.pruning",
}
"""Name -> the module that it is in, which is imported when the name is asked for."""
__all__ = [
    "BundleConversion", "Conversion", "MergedSignatures", "PrunedFile", "convert", "convert_bundle", "file_sensitivity",
    "merge_signatures", "prune_file",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'edgemm.converters' has no attribute {name!r}")
    from importlib import import_module, util

    for package in ("onnx", "onnx_ir", "onnxruntime"):
        if util.find_spec(package) is None:
            from edgemm.errors import MissingDependency

            raise MissingDependency(f"{package}, which conversion needs,", "all")
    module = import_module(_HOMES[name])
    for each, home in _HOMES.items():
        if home == _HOMES[name]:
            globals()[each] = getattr(module, each)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
