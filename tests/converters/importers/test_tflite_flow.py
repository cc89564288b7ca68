"""WHILE and IF of .tflite files: LiteRT on the file, with its loops, against the imported graph without any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from needs import package
from tflite_operators import Given, Model, Step, constant

package("ai_edge_litert.interpreter")
package("onnxruntime")

from edgemm.converters.file_source import FileSource  # noqa: E402
from edgemm.converters.importers.tflite_graph import Imported, import_tflite  # noqa: E402
from edgemm.converters.passes import canonicalize  # noqa: E402
from edgemm.converters.reference import GraphSource  # noqa: E402
from edgemm.converters.samples import Samples  # noqa: E402
from edgemm.errors import ConversionError, DamagedArtifact, UnsupportedOperator  # noqa: E402

INT, BOOL = Given(kind="int32"), Given(kind="bool")
Options = tuple[str, Mapping[str, int]]
ADD: Options = ("AddOptions", {})
MUL: Options = ("MulOptions", {})
SUB: Options = ("SubOptions", {})


def whole(number: int) -> Given:
    return constant(number, "int32")


def loop(condition: int = 1, body: int = 2) -> tuple[str, dict[str, int]]:
    return "WhileOptions", {"condSubgraphIndex": condition, "bodySubgraphIndex": body}


def less(most: int, more: Sequence[Given] = ()) -> Model:
    """The first of the loop's values is less than that."""
    tensors = [INT, *more, whole(most), BOOL]
    count = len(tensors)
    step = Step("LESS", [0, count - 2], [count - 1], ("LessOptions", {}))
    return Model(tensors, [step], range(count - 2), [count - 1])


def agree(file: Model, *, seed: int = 0) -> Imported:
    """The graph, canonical too, answers what LiteRT does."""
    imported = import_tflite(file.payload(), "loop.tflite")
    rng = np.random.default_rng(seed)
    ports = imported.file.inputs
    samples = Samples(
        ({port.name: rng.normal(0, 1, port.spec.shape).astype(port.spec.dtype) for port in ports},)
    )
    (expected,) = FileSource(imported.file).answers(samples)
    canonical = imported.model.clone()
    canonicalize(canonical)
    for graph in (imported.model, canonical):
        (found,) = GraphSource(graph).answers(samples)
        for name, array in expected.items():
            assert found[name].shape == array.shape
            np.testing.assert_allclose(found[name], array, rtol=2e-4, atol=2e-5)  # LiteRT's tanh
    return imported


def counted(rounds: int, start: Given | None = None) -> Model:
    """i, h = i + 1, tanh(h * w + x): w is a constant of the body."""
    state = Given((1, 4))
    body = Model(
        [INT, state, state, whole(1), constant(np.linspace(-1, 1, 4, dtype=np.float32)), INT, state, state, state],
        [Step("ADD", [0, 3], [5], ADD), Step("MUL", [1, 4], [6], MUL), Step("ADD", [6, 2], [7], ADD),
         Step("TANH", [7], [8])], [0, 1, 2], [5, 8, 2])  # fmt: skip
    first = start or whole(0)
    tensors = [state, state, first, INT, state, state]
    fed = [0, 1] if first.content is not None else [0, 1, 2]
    graphs = [less(rounds, [state, state]), body]
    return Model(tensors, [Step("WHILE", [2, 0, 1], [3, 4, 5], loop())], fed, [4], graphs=graphs)


@pytest.mark.parametrize("rounds", [0, 1, 5])
def test_a_counted_loop_is_written_out(rounds: int) -> None:
    imported = agree(counted(rounds))
    kinds = [node.op_type for node in imported.model.graph]
    assert kinds.count("Tanh") == rounds
    assert not {"Loop", "Less"} & {*kinds}
    (found,) = imported.written_out
    assert (found.rounds, found.operators) == (rounds, 3 * rounds)
    assert str(found).startswith(
        f"operator 0, which makes 't3', a WHILE of {rounds} rounds, was written out as"
    )


def filled(way: str) -> tuple[list[Given], list[Step]]:
    """Puts the row 7 into the list 2 at the place 0, in both ways that TFLite's converter has for that: tensors from
    number 12 on, and the steps, of which the last makes the list with the row in it."""
    pack = ("PackOptions", {"valuesCount": 3})
    tensors = [Given((1, 1, 3)), whole(0), Given((3,), "int32")]
    steps = [Step("EXPAND_DIMS", [7, 13], [12]), Step("PACK", [0, 13, 13], [14], pack)]
    if way == "update":
        return [*tensors, Given((5, 1, 3))], [*steps, Step("DYNAMIC_UPDATE_SLICE", [2, 12, 14], [15])]
    rows = Given((1, 1, 3), signature=(-1, 1, 3))
    zeros, rest = constant([0, 0, 0], "int32"), constant([-1, -1, -1], "int32")
    tensors += [
        zeros,
        rest,
        whole(-1),
        INT,
        Given((3,), "int32"),
        Given((3,), "int32"),
        rows,
        rows,
        Given((5, 1, 3)),
    ]
    steps = [
        steps[0],
        Step("ADD", [0, 8], [18], ADD),
        Step("PACK", [18, 13, 13], [19], pack),
        Step("PACK", [0, 17, 17], [20], pack),
        Step("SLICE", [2, 15, 20], [21]),
        Step("SLICE", [2, 19, 16], [22]),
        Step("CONCATENATION", [21, 12, 22], [23], ("ConcatenationOptions", {"axis": 0})),
    ]
    return tensors, steps


def recurrent(way: str) -> Model:
    """What becomes of a recurrent layer of Keras that is not unrolled: the steps of x [1,5,2] are gathered, a list
    takes the state after each."""
    rng = np.random.default_rng(7)
    weights = [constant(rng.normal(0, 0.7, shape).astype(np.float32)) for shape in ((3, 2), (3, 3), (3,))]
    state, listed, time_major = Given((1, 3)), Given((5, 1, 3)), Given((5, 1, 2))
    tensors, put = filled(way)
    last = 12 + len(tensors)
    tensors = [
        INT,
        state,
        listed,
        time_major,
        Given((1, 2)),
        state,
        state,
        state,
        whole(1),
        *weights,
        *tensors,
    ]
    steps = [
        Step("GATHER", [3, 0], [4], ("GatherOptions", {"axis": 0})),
        Step("FULLY_CONNECTED", [4, 9, 11], [5], ("FullyConnectedOptions", {})),
        Step("FULLY_CONNECTED", [1, 10, -1], [6], ("FullyConnectedOptions", {})),
        Step("ADD", [5, 6], [last + 1], ADD),
        Step("TANH", [last + 1], [7]),
        *put,
        Step("ADD", [0, 8], [last], ADD),
    ]
    body = Model([*tensors, INT, state], steps, [0, 1, 2, 3], [last, 7, put[-1].outputs[0], 3])
    begin = [constant(np.zeros(shape, np.float32)) for shape in ((1, 3), (5, 1, 3))]
    main = [Given((1, 5, 2)), constant([1, 0, 2], "int32"), time_major, whole(0), *begin]
    main += [INT, state, listed, time_major, Given((1, 5, 3))]
    steps = [
        Step("TRANSPOSE", [0, 1], [2]),
        Step("WHILE", [3, 4, 5, 2], [6, 7, 8, 9], loop()),
        Step("TRANSPOSE", [8, 1], [10]),
    ]
    return Model(main, steps, [0], [10, 7], graphs=[less(5, [state, listed, time_major]), body])


@pytest.mark.parametrize("way", ["update", "concat"])
def test_a_recurrent_loop_with_a_list_leaves_its_steps_alone(way: str) -> None:
    imported = agree(recurrent(way))
    canonical = imported.model.clone()
    canonicalize(canonical)
    kinds = [node.op_type for node in canonical.graph]
    assert kinds.count("Tanh") == 5
    assert "Slice" not in kinds
    assert kinds.count("Concat") == 1


def branches(condition: Given) -> Model:
    """x + 1 and x + x, or x * x and x itself, by a condition."""
    state = Given((1, 4))
    yes = Model([state, constant(np.float32(1)), state, state],
                [Step("ADD", [0, 1], [2], ADD), Step("ADD", [0, 0], [3], ADD)], [0], [2, 3])  # fmt: skip
    no = Model([state, state], [Step("MUL", [0, 0], [1], MUL)], [0], [1, 0])
    tensors = [condition, state, state, state]
    fed = [1] if condition.content is not None else [0, 1]
    options = ("IfOptions", {"thenSubgraphIndex": 1, "elseSubgraphIndex": 2})
    return Model(tensors, [Step("IF", [0, 1], [2, 3], options)], fed, [2, 3], graphs=[yes, no])


@pytest.mark.parametrize(("taken", "kinds"), [(True, {"Add"}), (False, {"Mul"})])
def test_a_known_branch_is_taken(taken: bool, kinds: set[str]) -> None:
    graph = agree(branches(constant(taken))).model.graph
    assert {node.op_type for node in graph} - {"Reshape", "Identity"} == kinds


def test_an_input_that_is_set_decides_on_a_branch() -> None:
    flagged = branches(BOOL).payload()
    for number, kind in ((1.0, "Add"), (0.0, "Mul")):
        graph = import_tflite(flagged, "branch.tflite", constants={"t0": number}).model.graph
        assert kind in {node.op_type for node in graph}


def test_a_loop_in_a_loop_that_decides_how_long_it_is() -> None:
    """i, n, h = i + 1, n + 3 by an inner loop, tanh(h - n); while n < 8."""
    state = Given((1, 4))
    inner_body = Model([INT, INT, whole(1), INT, INT],
                       [Step("ADD", [0, 2], [3], ADD), Step("ADD", [1, 2], [4], ADD)], [0, 1], [3, 4])  # fmt: skip
    body = Model(
        [INT, state, whole(0), INT, INT, Given(), state, state],
        [Step("WHILE", [2, 0], [3, 4], loop(3, 4)), Step("CAST", [4], [5], ("CastOptions", {})),
         Step("SUB", [1, 5], [6], SUB), Step("TANH", [6], [7])], [0, 1], [4, 7])  # fmt: skip
    file = Model([state, whole(0), INT, state], [Step("WHILE", [1, 0], [2, 3], loop())], [0], [3],
                 graphs=[less(8, [state]), body, less(3, [INT]), inner_body])  # fmt: skip
    imported = agree(file)
    assert [node.op_type for node in imported.model.graph].count("Tanh") == 3
    assert [each.rounds for each in imported.written_out] == [3]


def test_what_a_loop_does_not_change_may_be_an_output() -> None:
    """Twice, and an input of the file at that."""
    file = counted(2)
    file.outputs = [4, 5, 3]
    assert len(agree(file).model.graph.outputs) == 3


def test_the_rounds_follow_from_the_sizes_of_an_input() -> None:
    """As many as the input has rows, which the file leaves open: Keras writes its time steps so."""
    file = counted(0)
    file.tensors[0] = Given((1, 4), signature=(-1, 4))
    file.tensors[4] = Given((1, 4), signature=(-1, 4))
    most = [Given((2,), "int32"), constant([0], "int32"), constant([1], "int32"), INT]
    file.tensors += [*most, INT]
    cut = ("StridedSliceOptions", {"shrinkAxisMask": 1})
    state = Given((1, 4), signature=(-1, 4))
    condition = Model([INT, state, state, INT, BOOL], [Step("LESS", [0, 3], [4], ("LessOptions", {}))],
                      [0, 1, 2, 3], [4])  # fmt: skip
    body = file.graphs[1]
    body.tensors += [INT]
    for index in (1, 6, 7, 8):
        body.tensors[index] = state
    body.inputs, body.outputs = [0, 1, 2, 9], [5, 8, 2, 9]
    file.graphs = [condition, body]
    file.steps = [Step("SHAPE", [0], [6], ("ShapeOptions", {"outType": 2})),
                  Step("STRIDED_SLICE", [6, 7, 8, 8], [9], cut),
                  Step("WHILE", [2, 0, 1, 9], [3, 4, 5, 10], loop())]  # fmt: skip
    for rows in (1, 3):
        imported = import_tflite(file.payload(), "rows.tflite", {"t0": (rows, 4)})
        assert [node.op_type for node in imported.model.graph].count("Tanh") == rows


REFUSED = {
    "WHILE (operator 0, which makes 't3'): its condition depends on the inputs": counted(
        3, Given(kind="int32")
    ),
    "WHILE (operator 0, which makes 't3'): written out, it has more than 1024 rounds": counted(5000),
    "IF (operator 0, which makes 't2'): its condition depends on the inputs": branches(BOOL),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_written_out_is_named_with_what_to_do(reason: str) -> None:
    with pytest.raises(UnsupportedOperator) as told:
        import_tflite(REFUSED[reason].payload(), "flow.tflite")
    assert f"flow.tflite: {reason}" in str(told.value)
    assert "--set NAME=VALUE, or export" in str(told.value)


def test_a_graph_that_is_part_of_itself_is_damage() -> None:
    state = Given((1, 4))
    options = ("IfOptions", {"thenSubgraphIndex": 1, "elseSubgraphIndex": 1})
    calling = Model([state, constant(True), state], [Step("IF", [1, 0], [2], options)], [0], [2])
    main = Model(calling.tensors, calling.steps, [0], [2], graphs=[calling])
    with pytest.raises((DamagedArtifact, UnsupportedOperator, ConversionError)):
        import_tflite(main.payload(), "endless.tflite")


def test_numbers_on_a_grid_go_round_as_they_are_stored() -> None:
    on_grid = Given((1, 4), "int8", scales=[0.1], zeros=[3])
    body = Model([INT, on_grid, whole(1), INT, on_grid],
                 [Step("ADD", [0, 2], [3], ADD), Step("ADD", [1, 1], [4], ADD, version=2)], [0, 1], [3, 4])  # fmt: skip
    file = Model([on_grid, whole(0), INT, on_grid], [Step("WHILE", [1, 0], [2, 3], loop())], [0], [3],
                 graphs=[less(3, [on_grid]), body])  # fmt: skip
    imported = import_tflite(file.payload(), "grid.tflite")
    (port,) = imported.file.inputs
    samples = Samples(({port.name: np.linspace(-4, 4, 4, dtype=np.float32)[None]},))
    (expected,), (found,) = (
        FileSource(imported.file).answers(samples),
        GraphSource(imported.model).answers(samples),
    )
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, atol=1e-6)  # the same steps of the grid
    body.tensors[1] = Given((1, 4), "int8", scales=[0.2], zeros=[3])
    with pytest.raises(UnsupportedOperator, match="is not stored as 't0' is"):
        import_tflite(file.payload(), "grid.tflite")
