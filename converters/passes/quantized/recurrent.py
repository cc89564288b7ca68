"""DynamicQuantizeLSTM: an LSTM whose weights are integers, and stand the other way round."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import Array

PLAIN = 8
"""Inputs that it shares with LSTM: X, W, R, B, lengths, both initial states, peepholes; then scales and zero points."""


def read_lstm(node: ir.Node, numbers: Callable[[int, int, int], Array]) -> None:
    """DynamicQuantizeLSTM -> LSTM with real weights, in place.

    Args:
        numbers: (input, its scale, its zero point) -> real numbers, [directions, inputs, 4 * hidden].
    """
    draft = Draft(node)
    for index, scale, zero in ((1, 8, 9), (2, 10, 11)):
        turned = np.ascontiguousarray(numbers(index, scale, zero).transpose(0, 2, 1))
        node.replace_input_with(index, draft.constant(turned))
    node.resize_inputs(PLAIN)
    node.op_type, node.domain = "LSTM", ""
