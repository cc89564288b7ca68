"""`canonicalize`: runs all passes in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from edgemm.converters.passes.axes import normalize_axes
from edgemm.converters.passes.batch_norm import fold_batch_norms
from edgemm.converters.passes.branches import refuse_branches, take_branches
from edgemm.converters.passes.clip import normalize_clips
from edgemm.converters.passes.contract import check_canonical, refuse_inexpressible
from edgemm.converters.passes.conv import normalize_convs
from edgemm.converters.passes.dead_code import remove_dead_code, sort_nodes
from edgemm.converters.passes.draws import refuse_draws
from edgemm.converters.passes.express import express_newer
from edgemm.converters.passes.folding import fold_constants, lift_constants
from edgemm.converters.passes.functions import expand_operators, inline_functions
from edgemm.converters.passes.gemm import normalize_gemms
from edgemm.converters.passes.hardmax import settle_hardmaxes
from edgemm.converters.passes.identity import remove_identities
from edgemm.converters.passes.matmul import matmuls_to_gemms
from edgemm.converters.passes.names import strip_metadata, unique_names
from edgemm.converters.passes.nan_guard import remove_nan_guards
from edgemm.converters.passes.opset import lower_opset, upgrade_opset
from edgemm.converters.passes.pad import normalize_pads
from edgemm.converters.passes.pad_folding import fold_pads
from edgemm.converters.passes.pool import normalize_pools, round_up_pools
from edgemm.converters.passes.precision import to_float32
from edgemm.converters.passes.quantized import change_grids_at_joins, read_quantized, read_runtime_operators
from edgemm.converters.passes.recognize import recognize_functions
from edgemm.converters.passes.reduce_mean import means_to_global_pools
from edgemm.converters.passes.reshape import merge_reshapes, normalize_reshapes
from edgemm.converters.passes.resize import settle_resizes
from edgemm.converters.passes.shapes import infer_shapes, name_defaults
from edgemm.converters.passes.transpose import merge_transposes
from edgemm.errors import ConversionError

Pass = Callable[[ir.Model], int]

MAX_ROUNDS = 32
"""Of shape inference and folding: each round must settle something, real models take two or three."""


def settle_shapes(model: ir.Model) -> int:
    """Infers shapes, folds constants and takes known branches, in turns, until there is nothing left to do.

    Returns:
        How many nodes went.
    """
    total = 0
    for _ in range(MAX_ROUNDS):
        infer_shapes(model)
        while round_up_pools(model):
            infer_shapes(model)
        folded = fold_constants(model)
        taken = take_branches(model)
        if taken:
            unique_names(model)
            remove_dead_code(model)
        if not folded + taken:
            return total
        total += folded + taken
    raise ConversionError(f"shapes are not settled after {MAX_ROUNDS} rounds of constant folding")


PASSES: tuple[Pass, ...] = (
    strip_metadata,
    sort_nodes,
    inline_functions,
    unique_names,
    read_runtime_operators,
    unique_names,
    upgrade_opset,
    unique_names,
    lift_constants,
    refuse_inexpressible,
    name_defaults,
    settle_shapes,
    settle_resizes,
    settle_hardmaxes,
    refuse_branches,
    refuse_draws,
    read_quantized,
    express_newer,
    expand_operators,
    unique_names,
    lift_constants,
    settle_shapes,
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
