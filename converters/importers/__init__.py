"""Importers: a model file or a torch module as an ONNX graph with static input shapes.

read_onnx("model.onnx", {"image": (1, 3, 224, 224)})   an .onnx file
export_torch(module, (example,))                       a torch module
export_program("model.pt2")                            an exported program

Each gives an `onnx_ir.Model`; `edgemm.converters.passes.canonicalize` brings it to the canonical form.
"""

from __future__ import annotations

from edgemm.converters.importers.onnx_file import read_onnx
from edgemm.converters.importers.torch_module import export_program, export_torch

__all__ = ["export_program", "export_torch", "read_onnx"]
