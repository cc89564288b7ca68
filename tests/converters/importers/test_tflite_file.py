"""What .tflite files are refused for, and with which words; open sizes; layouts."""

from __future__ import annotations

import numpy as np
import pytest
from needs import package
from tflite_operators import Given, Model, Step, constant, one

package("ai_edge_litert.interpreter")
package("onnxruntime")

from edgemm.converters.file_source import FileSource  # noqa: E402
from edgemm.converters.importers.input_shapes import note_of_batch  # noqa: E402
from edgemm.converters.importers.tflite_graph import import_tflite  # noqa: E402
from edgemm.converters.importers.tflite_graph.sparse import densified  # noqa: E402
from edgemm.converters.passes import canonicalize  # noqa: E402
from edgemm.converters.reference import GraphSource  # noqa: E402
from edgemm.converters.samples import Samples  # noqa: E402
from edgemm.errors import ConversionError, DamagedArtifact, InputError, UnsupportedOperator  # noqa: E402


def convolutions(count: int, signature: tuple[int, ...] | None = None) -> Model:
    """Convolutions behind each other, with a sum over a branch, as a CNN has them."""
    rng = np.random.default_rng(0)
    tensors = [Given((1, 8, 8, 4), signature=signature)]
    steps, value = [], 0
    for _ in range(count):
        at = len(tensors)
        tensors += [
            constant(rng.normal(0, 0.3, (4, 3, 3, 4)).astype(np.float32)),
            constant(np.zeros(4, np.float32)),
            Given(),
            Given(),
        ]
        options = ("Conv2DOptions", {"strideH": 1, "strideW": 1, "fusedActivationFunction": 1})
        steps.append(Step("CONV_2D", [value, at, at + 1], [at + 2], options))
        steps.append(Step("ADD", [value, at + 2], [at + 3], ("AddOptions", {})))
        value = at + 3
    return Model(tensors, steps, [0], [value])


def test_between_convolutions_there_is_no_transpose() -> None:
    graph = import_tflite(convolutions(4).payload(), "cnn").model
    canonicalize(graph)
    kinds = [node.op_type for node in graph.graph]
    assert kinds.count("Transpose") == 2  # of the input and the output
    assert kinds.count("Conv") == 4


def test_an_open_batch_is_one() -> None:
    found = import_tflite(convolutions(1, (-1, 8, 8, 4)).payload(), "keras")
    assert found.file.inputs[0].spec.shape == (1, 8, 8, 4)


def test_open_sizes_are_asked_for() -> None:
    with pytest.raises(InputError, match="--shape t0="):
        import_tflite(convolutions(1, (-1, -1, -1, 4)).payload(), "keras")


def test_given_sizes_hold_for_the_graph_and_for_the_file() -> None:
    found = import_tflite(convolutions(2, (-1, -1, -1, 4)).payload(), "keras", {"t0": (1, 12, 6, 4)})
    samples = Samples(({"t0": np.random.default_rng(0).normal(0, 1, (1, 12, 6, 4)).astype(np.float32)},))
    (expected,), (mine,) = FileSource(found.file).answers(samples), GraphSource(found.model).answers(samples)
    (name,) = expected
    assert expected[name].shape == (1, 12, 6, 4)
    np.testing.assert_allclose(mine[name], expected[name], rtol=1e-4, atol=1e-4)


def test_other_sizes_than_fixed_ones_are_refused() -> None:
    with pytest.raises(InputError, match="dimension 1 is 8 in the model"):
        import_tflite(convolutions(1).payload(), "cnn", {"t0": (1, 12, 12, 4)})


@pytest.mark.parametrize(
    ("custom", "remedy"),
    [("TFLite_Detection_PostProcess", "without it"), ("MyOwn", "TFLite's own operators")],
)
def test_custom_operators_are_refused_by_name(custom: str, remedy: str) -> None:
    from flatbuffers import flexbuffers

    numbers = dict.fromkeys(("max_detections", "max_classes_per_detection", "num_classes"), 1)
    scales = dict.fromkeys(
        ("nms_score_threshold", "nms_iou_threshold", "y_scale", "x_scale", "h_scale", "w_scale"), 0.5
    )
    options = bytes(
        flexbuffers.Dumps({**numbers, **scales})
    )  # LiteRT knows the first, and crashes without them
    step = Step("CUSTOM", [0], [1], custom=custom, custom_options=options)
    file = Model([Given((1, 4)), Given((1, 4))], [step], [0], [1])
    with pytest.raises(UnsupportedOperator, match=f"'{custom}'.*{remedy}"):
        import_tflite(file.payload(), "own.tflite")


def test_unknown_operators_are_named_all_at_once() -> None:
    tensors = [Given((2, 3)), Given(kind="int64"), Given((2, 3)), Given(kind="int32")]
    steps = [Step("WHERE", [0], [1]), Step("MATRIX_DIAG", [0], [2])]
    tensors[1] = Given((2, 2), "int64")
    with pytest.raises(UnsupportedOperator, match=r"WHERE \(operator 0.*'t1'\), MATRIX_DIAG \(operator 1"):
        import_tflite(Model(tensors[:3], steps, [0], [1, 2]).payload(), "odd.tflite")


def test_states_in_variables_are_refused_with_what_to_do() -> None:
    tensors = [Given((1, 4)), Given((), "resource"), Given((1, 4))]
    options = ("VarHandleOptions", {"container": "", "sharedName": "state"})
    steps = [Step("VAR_HANDLE", [], [1], options), Step("READ_VARIABLE", [1], [2])]
    with pytest.raises(
        UnsupportedOperator, match=r"variable .* is read, and nothing writes it.*states as inputs"
    ):
        import_tflite(Model(tensors, steps, [0], [2]).payload(), "wake.tflite")


def test_a_computed_axis_is_refused_by_the_operator() -> None:
    with pytest.raises(UnsupportedOperator, match="SUM_0: its axes is computed"):
        import_tflite(
            one("SUM", [Given((2, 3)), Given((1,), "int32")], ("ReducerOptions", {})).payload(), "x"
        )


@pytest.mark.parametrize("kept", [0, 9, 200, 0.5, 0.9])
def test_a_truncated_file_is_damaged(kept: float) -> None:
    payload = convolutions(2).payload()
    size = int(len(payload) * kept) if isinstance(kept, float) else int(kept)
    with pytest.raises((DamagedArtifact, ConversionError)):
        import_tflite(payload[:size], "cut.tflite")


def test_a_sparse_constant_is_written_out() -> None:
    class Level:
        def __init__(self, size: int = 0, segments: object = None, indices: object = None) -> None:
            self.format, self.denseSize = int(segments is not None), size
            self.arraySegments = type("V", (), {"values": segments})
            self.arrayIndices = type("V", (), {"values": indices})

    class Sparsity:
        """Rows dense, columns in blocks of two, of which some are stored."""

        traversalOrder, blockMap = (0, 1, 2), (1,)
        dimMetadata = (Level(3), Level(0, [0, 1, 1, 3], [1, 0, 2]), Level(2))

    found = densified(np.arange(1, 7, dtype=np.float32), (3, 6), Sparsity())
    wanted = [[0, 0, 1, 2, 0, 0], [0] * 6, [3, 4, 0, 0, 5, 6]]
    np.testing.assert_array_equal(found, wanted)


BEHIND: dict[str, tuple[list[Given], tuple[str, dict[str, object]] | None, int]] = {
    "CONCATENATION": ([], ("ConcatenationOptions", {"axis": 3}), 1),
    "PAD": ([constant([[0, 0], [1, 2], [0, 3], [0, 1]], "int32")], None, 1),
    "MEAN": ([constant([1], "int32")], ("ReducerOptions", {"keepDims": True}), 1),
    "SUM": ([constant([2], "int32")], ("ReducerOptions", {}), 1),
    "REDUCE_MAX": ([constant([3], "int32")], ("ReducerOptions", {}), 1),
    "ARG_MAX": ([constant(2, "int32")], ("ArgMaxOptions", {"outputType": 4}), 1),
    "SLICE": ([constant([0, 1, 2, 1], "int32"), constant([1, 4, 3, 2], "int32")], None, 1),
    "RESHAPE": ([constant([1, -1], "int32")], ("ReshapeOptions", {"newShape": [1, -1]}), 1),
}
"""Operators that know axes: constants behind the data, options, version."""


@pytest.mark.parametrize("code", BEHIND)
def test_axes_are_those_of_the_file_behind_a_convolution(code: str) -> None:
    more, options, version = BEHIND[code]
    file = convolutions(1)
    at = len(file.tensors)
    value = file.steps[0].outputs[0]
    out = Given(kind="int64" if code == "ARG_MAX" else "float32")
    file.tensors += [*more, out]
    data = [value, value] if code == "CONCATENATION" else [value]
    file.steps[1:] = [Step(code, [*data, *range(at, at + len(more))], [at + len(more)], options, version)]
    file.outputs = [at + len(more)]
    found = import_tflite(file.payload(), code)
    samples = Samples(({"t0": np.random.default_rng(0).normal(0, 1, (1, 8, 8, 4)).astype(np.float32)},))
    (expected,), (mine,) = FileSource(found.file).answers(samples), GraphSource(found.model).answers(samples)
    for name, array in expected.items():
        np.testing.assert_allclose(mine[name], array, rtol=1e-4, atol=1e-4)


def layer(*, time_major: bool, signature: tuple[int, ...]) -> Model:
    """An RNN of 3 units over features of 4."""
    options = ("SequenceRNNOptions", {"timeMajor": time_major, "fusedActivationFunction": 4})
    tensors = [
        Given((1, 1, 4), signature=signature),
        *(constant(np.zeros(shape, np.float32)) for shape in ((3, 4), (3, 3), (3,))),
        Given((1, 3)),
        Given(),
    ]
    step = Step("UNIDIRECTIONAL_SEQUENCE_RNN", range(5), [5], options)
    return Model(tensors, [step], [0], [5], variables=[4])


def test_an_open_first_dimension_that_is_time_is_asked_for() -> None:
    with pytest.raises(
        InputError, match=r"'t0': dimension 0 .* is time, it feeds the first axis of RNN .*--shape t0=16,1,4"
    ):
        import_tflite(layer(time_major=True, signature=(-1, 1, 4)).payload(), "rnn")


def test_an_open_batch_before_time_is_one() -> None:
    found = import_tflite(layer(time_major=False, signature=(-1, 1, 4)).payload(), "rnn")
    assert found.file.inputs[0].spec.shape == (1, 1, 4)
    assert note_of_batch(found.model.graph.inputs) == (
        "the open first dimension of 't0' was taken as a batch of 1; --shape gives another",
    )
