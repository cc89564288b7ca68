"""A source that kills its own runtime is said to, and is compared with its graph in standard operators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest
from onnx import helper, numpy_helper

from edgemm.converters import convert
from edgemm.converters.halving import first_failing
from edgemm.converters.reference import Outputs, answers_of
from edgemm.converters.samples import Samples
from edgemm.converters.worker import RunFailed, opened
from edgemm.errors import ConversionError
from tests.converters.passes.conftest import Array, from_text

HEADS, WIDTH = 2, 8


def attention(weights: Array) -> onnx.ModelProto:
    """Attention without its bias, which the standard of the operator allows; behind it a Neg."""
    nodes = [
        helper.make_node("Attention", ["x", "w"], ["a"], "att", domain="com.microsoft", num_heads=HEADS),
        helper.make_node("Neg", ["a"], ["y"], "minus"),
    ]
    ends = [helper.make_tensor_value_info(name, 1, [1, 4, WIDTH]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def by_hand(x: Array, weights: Array) -> Array:
    parts = np.split(x[0].astype(np.float64) @ weights, 3, axis=-1)
    query, key, value = (each.reshape(4, HEADS, -1).transpose(1, 0, 2) for each in parts)
    scores = np.exp(query @ key.transpose(0, 2, 1) / np.sqrt(WIDTH // HEADS))
    mixed = scores / scores.sum(-1, keepdims=True) @ value
    found: Array = -mixed.transpose(1, 0, 2).reshape(x.shape)
    return found


def kills_its_runtime(proto: onnx.ModelProto, x: Array) -> bool:
    try:
        with opened(proto.SerializeToString(), "onnx", "written") as session:
            session.run([x])
    except RunFailed as error:
        return error.died
    return False


def test_the_node_is_named_and_the_file_is_right(tmp_path: Path) -> None:
    weights = (np.random.default_rng(0).standard_normal((WIDTH, 3 * WIDTH)) * 0.3).astype(np.float32)
    proto, x = attention(weights), np.random.default_rng(1).standard_normal((1, 4, WIDTH)).astype(np.float32)
    onnx.save(proto, tmp_path / "source.onnx")
    if not kills_its_runtime(proto, x):
        pytest.skip("this onnxruntime survives Attention without a bias")
    made = convert(tmp_path / "source.onnx", output=tmp_path / "made.onnx", scheme="float", gate="off")
    notes = [note for note in made.notes if "does not run the source" in note]
    assert len(notes) == 1
    assert "node 'att' (Attention): the runtime's process was killed by" in notes[0]
    with opened((tmp_path / "made.onnx").read_bytes(), "onnx", "written") as session:
        np.testing.assert_allclose(session.run([x])[0], by_hand(x, weights), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fatal", ["Exp", "Abs", "Neg", "Sin", None])
def test_halving_finds_the_first_node_of_a_kind(fatal: str | None) -> None:
    model = from_text(
        "g (float[2] x) => (float[2] y) { a = Exp(x)  b = Abs(a)  c = Neg(b)  d = Abs(c)  y = Sin(d) }"
    )
    asked: list[int] = []

    def runs(part: ir.Model) -> bool:
        asked.append(len(list(part.graph)))
        assert part.graph.outputs
        return fatal not in [node.op_type for node in part.graph]

    found = first_failing(model, runs)
    assert (found and found.op_type) == fatal
    assert found is None or found is next(node for node in model.graph if node.op_type == fatal)
    assert len(asked) <= 4  # the whole, and halves of five


class Refusing:
    """A source whose runtime refuses it, in many words."""

    def answers(self, samples: Samples) -> tuple[Outputs, ...]:
        error = RunFailed("Non-zero status code returned while running LSTM node. " + "Input initial_h " * 40)
        error.kind = "Fail"
        raise error


def test_what_a_runtime_says_ends_at_a_word_and_the_remedy_fits() -> None:
    with pytest.raises(
        ConversionError, match=r"ran badly \(Non-zero .* LSTM node\. .* (Input|initial_h) \.\.\.\)\. Do this$"
    ):
        answers_of([(Refusing(), "ran badly")], Samples(()), "Do this")
