"""Passes: turn any ONNX graph into the canonical form that the plan and both writers expect.

report = canonicalize(model)     in place; report["fold_batch_norms"] says how many
check_canonical(model)           raises for a graph that breaks the contract

canonical.py lists the passes in order, one file for each. A pass takes an `onnx_ir.Model`, changes it in
place and returns how many changes it made; its docstring says what it takes for granted.
contract.py is the form itself, rewrite.py the vocabulary of graph edits, window.py the arithmetic of
sliding windows.
"""

from __future__ import annotations

from edgemm.converters.passes.canonical import CanonicalReport, canonicalize
from edgemm.converters.passes.contract import check_canonical

__all__ = ["CanonicalReport", "canonicalize", "check_canonical"]
