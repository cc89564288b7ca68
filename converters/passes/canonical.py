"""`canonicalize`: runs all passes in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from edgemm.converters.passes.axes import normalize_axes
from edgemm.converters.passes.batch_norm import fold_batch_norms
from edgemm.converters.passes.cast_like import name_types
from edgemm.converters.passes.clip import normalize_clips
from edgemm.converters.passes.contract import check_canonical, refuse_inexpressible
from edgemm.converters.passes.contrib import adopt_operators, expand_fused, require_expanded
from edgemm.converters.passes.control import (
    put_time_first,
    refuse_control,
    resolve_sequences,
    scans_to_cells,
    take_branches,
    unroll_loops,
    unroll_maps,
    unroll_scans,
)
from edgemm.converters.passes.conv import normalize_convs
from edgemm.converters.passes.dead_code import remove_dead_code, sort_nodes
from edgemm.converters.passes.draws import refuse_draws
from edgemm.converters.passes.express import express_newer
from edgemm.converters.passes.factors import fold_factors
from edgemm.converters.passes.folding import fold_constants, lift_constants
from edgemm.converters.passes.foreign import refuse_strings
from edgemm.converters.passes.functions import expand_operators, inline_functions
from edgemm.converters.passes.gemm import normalize_gemms
from edgemm.converters.passes.hardmax import settle_hardmaxes
from edgemm.converters.passes.identity import remove_identities
from edgemm.converters.passes.matmul import matmuls_to_gemms
from edgemm.converters.passes.names import strip_metadata, unique_names
from edgemm.converters.passes.nan_guard import remove_nan_guards
from edgemm.converters.passes.open_shapes import refuse_open_shapes
from edgemm.converters.passes.opset import lower_opset, upgrade_opset
from edgemm.converters.passes.pad import normalize_pads
from edgemm.converters.passes.pad_folding import fold_pads
from edgemm.converters.passes.pool import normalize_pools, round_up_pools
from edgemm.converters.passes.precision import to_float32
from edgemm.converters.passes.quantized import change_grids_at_joins, read_quantized, read_runtime_operators
from edgemm.converters.passes.recognize import recognize_functions
from edgemm.converters.passes.reduce_mean import means_to_global_pools
from edgemm.converters.passes.reshape import merge_reshapes, normalize_reshapes
from edgemm.converters.passes.resize import settle_resizes, settle_sizes
from edgemm.converters.passes.shapes import infer_shapes, name_defaults
from edgemm.converters.passes.transpose import merge_transposes
from edgemm.errors import ConversionError

Pass = Callable[[ir.Model], int]

MAX_ROUNDS = 32
"""Of shape inference and folding: each round must settle something, real models take two or three."""


CONTROL: tuple[Pass, ...] = (
    take_branches,
    unroll_loops,
    scans_to_cells,
    unroll_scans,
    unroll_maps,
    resolve_sequences,
)
"""What resolves control flow; without it they do nothing."""


def settle_shapes(model: ir.Model) -> int:
    """Infers shapes, folds constants, takes known branches, writes out loops and resolves sequences, in turns,
    until there is nothing left to do.

    Returns:
        How many nodes went.
    """
    return _settled(model, lambda each: 0)


def settle_fused(model: ir.Model) -> int:
    """The same, and writes out fused operators of runtimes as soon as the shapes of their inputs are known.

    Returns:
        How many nodes went.
    """
    return _settled(model, _write_out)


def _settled(model: ir.Model, write_out: Pass) -> int:
    total, rounds = 0, 0
    while rounds < MAX_ROUNDS:
        infer_shapes(model)
        written = write_out(model)
        rounds += not written  # a round that writes nodes out leaves fewer of them
        while round_up_pools(model) + settle_sizes(model):
            infer_shapes(model)
        folded = fold_constants(model)
        taken = sum(each(model) for each in CONTROL)
        if not folded + taken:
            taken = resolve_sequences(model, computed=True)
        if taken:
            unique_names(model)
            remove_dead_code(model)
        if not written + folded + taken:
            return total
        total += written + folded + taken
    raise ConversionError(f"shapes are not settled after {MAX_ROUNDS} rounds of constant folding")


def _write_out(model: ir.Model) -> int:
    """Fused operators, those behind others too."""
    total = 0
    while count := expand_fused(model):
        total += count
        unique_names(model)
        infer_shapes(model)
    return total


def known_shapes(model: ir.Model) -> list[ir.Value]:
    """Settles shapes as far as the passes do before anything but operators of runtimes is rewritten; the model changes.

    Returns:
        The tensors that are left, those of the source by their own names.

    Raises:
        EdgemmError: an operator that is refused, or a shape that is open.
    """
    for each in PASSES[: PASSES.index(require_expanded)]:
        each(model)
    return [value for node in model.graph for value in node.outputs]


PASSES: tuple[Pass, ...] = (
    strip_metadata,
    sort_nodes,
    inline_functions,
    adopt_operators,
    unique_names,
    read_runtime_operators,
    unique_names,
    upgrade_opset,
    unique_names,
    lift_constants,
    refuse_inexpressible,
    refuse_strings,
    name_defaults,
    settle_fused,
    require_expanded,
    settle_resizes,
    settle_hardmaxes,
    refuse_control,
    refuse_draws,
    read_quantized,
    express_newer,
    expand_operators,
    unique_names,
    lift_constants,
    settle_shapes,
    name_types,
    settle_shapes,
    refuse_control,
    refuse_open_shapes,
    put_time_first,
    lower_opset,
    to_float32,
    settle_shapes,
    remove_identities,
    remove_nan_guards,
    recognize_functions,
    normalize_convs,
    normalize_gemms,
    matmuls_to_gemms,
    fold_batch_norms,
    fold_factors,
    means_to_global_pools,
    normalize_pools,
    normalize_pads,
    fold_pads,
    normalize_clips,
    normalize_axes,
    normalize_reshapes,
    merge_reshapes,
    merge_transposes,
    change_grids_at_joins,
    unique_names,
    settle_shapes,
    remove_dead_code,
    sort_nodes,
    unique_names,
)
"""In the order that they run in; each one's docstring says what it takes for granted."""


@dataclass(frozen=True, slots=True)
class CanonicalReport:
    """What canonicalizing changed."""

    changes: tuple[tuple[str, int], ...]
    """(pass, how many changes), in the order that they ran in, passes that changed nothing left out."""

    def __getitem__(self, name: str) -> int:
        """Changes by the pass of that name, over all its runs."""
        return sum(count for each, count in self.changes if each == name)

    @property
    def total(self) -> int:
        """Changes by all passes."""
        return sum(count for _, count in self.changes)


def canonicalize(model: ir.Model) -> CanonicalReport:
    """Brings a model to the canonical form, in place, and checks that it is there.

    Raises:
        UnsupportedOperator: an operator or a form of it that cannot be expressed; nothing is guessed.
        ConversionError: the model contradicts itself.
        InputError: a shape is left open.
    """
    changes = []
    for each in PASSES:
        count = each(model)
        if count:
            changes.append((each.__name__, count))
    check_canonical(model)
    return CanonicalReport(tuple(changes))
