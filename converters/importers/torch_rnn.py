"""nn.RNN for torch's exporter, which keeps LSTM and GRU whole but takes an RNN apart, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """What torch.onnx.export takes as its custom_translation_table."""
    import torch
    from onnxscript import opset18

    return {
        torch.ops.aten.rnn_tanh.input: _translation(opset18, "Tanh"),
        torch.ops.aten.rnn_relu.input: _translation(opset18, "Relu"),
    }


def _translation(op: Any, function: str) -> Callable[..., Any]:
    """Every layer of aten::rnn_tanh or aten::rnn_relu as one ONNX RNN."""

    def rnn(
        input: Any,
        hx: Any,
        params: Sequence[Any],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> Any:
        directions = 2 if bidirectional else 1
        value = op.Transpose(input, perm=[1, 0, 2]) if batch_first else input
        each = 4 if has_biases else 2
        last = []
        for layer in range(num_layers):
            start = layer * directions
            own = [params[(start + way) * each : (start + way + 1) * each] for way in range(directions)]
            first = op.Slice(
                hx, op.Constant(value_ints=[start]), op.Constant(value_ints=[start + directions])
            )
            y, h = op.RNN(
                value,
                _stacked(op, [one[0] for one in own]),
                _stacked(op, [one[1] for one in own]),
                _stacked(op, [op.Concat(one[2], one[3], axis=0) for one in own]) if has_biases else None,
                None,
                first,
                hidden_size=own[0][1].shape[1],
                direction="bidirectional" if bidirectional else "forward",
                activations=[function] * directions,
            )
            turned = op.Transpose(y, perm=[0, 2, 1, 3])
            value = op.Reshape(turned, op.Constant(value_ints=[0, 0, -1]))
            last.append(h)
        final = op.Transpose(value, perm=[1, 0, 2]) if batch_first else value
        return final, (op.Concat(*last, axis=0) if len(last) > 1 else last[0])

    return rnn


def _stacked(op: Any, values: list[Any]) -> Any:
    """A new first dimension for the directions."""
    rows = [op.Unsqueeze(value, op.Constant(value_ints=[0])) for value in values]
    return op.Concat(*rows, axis=0) if len(rows) > 1 else rows[0]
