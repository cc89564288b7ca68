"""Graphs cut at named tensors: what is left computes what the whole graph computes there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgemm.artifact import read_artifact
from edgemm.card import ModelCard
from edgemm.converters import convert
from edgemm.converters.importers import read_onnx
from edgemm.converters.importers.cut import Cut
from edgemm.converters.importers.cut_card import card_of_part
from edgemm.errors import InputError
from edgemm.quantize.reference import Reference

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4)).astype(np.float32)


def value(name: str, shape: Any = None, element: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, shape)


def model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[str],
    **constants: np.ndarray[Any, Any],
) -> onnx.ModelProto:
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, [value(name) for name in outputs], held)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def branched() -> onnx.ModelProto:
    """x -> shared -> left, right -> both; `extra` is for `right` alone."""
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["/a/shared:0"], name="/a/Mul"),
        helper.make_node("Relu", ["/a/shared:0"], ["left"]),
        helper.make_node("Add", ["/a/shared:0", "extra"], ["right"], name="add"),
        helper.make_node("Sub", ["left", "right"], ["both"]),
        helper.make_node("Split", ["both"], ["first", "second"], name="halves", axis=1),
    ]
    return model(
        nodes,
        [value("x", ["N", 4]), value("extra", ["N", 4])],
        ["first", "second"],
        w=np.full((1, 4), 3, "f"),
    )


def cut(proto: onnx.ModelProto, outputs: Any = (), inputs: Any = ()) -> ir.Model:
    """With batches of two where the file leaves them open."""
    made: ir.Model = ir.from_proto(proto)
    Cut(tuple(outputs), tuple(inputs)).apply(made, {str(each.name): (2, 4) for each in made.graph.inputs})
    return made


def names(values: Any) -> list[str]:
    return [str(each.name) for each in values]


def whole(proto: onnx.ModelProto, name: str, feeds: dict[str, Any]) -> Any:
    """The tensor of that name in the uncut graph, in ONNX Runtime."""
    if name in feeds:
        return feeds[name]
    seen = onnx.ModelProto.FromString(proto.SerializeToString())
    if name not in [each.name for each in seen.graph.output]:
        seen.graph.output.append(value(name))
    return Reference(seen.SerializeToString(), optimize=False).run(feeds)[name]


FEEDS = {"x": X, "extra": RNG.normal(size=(2, 4)).astype(np.float32)}


@pytest.mark.parametrize(
    ("outputs", "needed", "count"),
    [
        (["left"], ["x"], 2),
        (["/a/shared:0"], ["x"], 1),
        (["/a/Mul"], ["x"], 1),
        (["right", "left"], ["x", "extra"], 3),
        (["second"], ["x", "extra"], 5),
        (["halves"], ["x", "extra"], 5),
        (["Relu_left"], ["x"], 2),
    ],
)
def test_a_tensor_or_node_inside_becomes_an_output(outputs: list[str], needed: list[str], count: int) -> None:
    """What it does not need goes; a node without a name is called as --explain prints it."""
    proto = branched()
    part = cut(proto, outputs)
    assert names(part.graph.inputs) == needed
    assert len(part.graph) == count
    assert len(part.graph.outputs) == len(outputs)
    feeds = {name: FEEDS[name] for name in needed}
    for name, found in Reference(part).run(feeds).items():
        np.testing.assert_array_equal(found, whole(proto, name, FEEDS))


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (["/a/shared:0", "extra"], ["first", "second"]),
        (["left", "right"], ["both"]),
        (["right", "left"], ["both"]),
        (["both"], ["second"]),
        (["left", "/a/shared:0", "extra"], ["both"]),
        (["/a/Mul", "extra"], ["right"]),
    ],
)
def test_a_tensor_inside_becomes_an_input(inputs: list[str], outputs: list[str]) -> None:
    """In the order of the names; the other readers of a shared tensor read the input too."""
    proto = branched()
    part = cut(proto, outputs, inputs)
    feeds = {name: whole(proto, name, FEEDS) for name in names(part.graph.inputs)}
    assert list(feeds) == [{"/a/Mul": "/a/shared:0"}.get(name, name) for name in inputs]
    for name, found in Reference(part).run(feeds).items():
        np.testing.assert_array_equal(found, whole(proto, name, FEEDS))


def test_a_constant_becomes_an_input() -> None:
    part = cut(branched(), ["left"], ["x", "w"])
    assert not part.graph.initializers
    other = np.full((1, 4), -2, np.float32)
    np.testing.assert_array_equal(Reference(part).run({"x": X, "w": other})["left"], np.maximum(X * -2, 0))


def test_one_half_of_a_split_becomes_an_input_and_the_other_is_still_computed() -> None:
    proto = branched()
    nodes = [*proto.graph.node, helper.make_node("Mul", ["first", "second"], ["product"])]
    proto = model(nodes, list(proto.graph.input), ["product"], w=np.ones((1, 4), "f"))
    part = cut(proto, ["product"], ["first", "left", "right"])
    feeds = {"first": np.full((2, 2), 7, np.float32)} | {n: whole(proto, n, FEEDS) for n in ("left", "right")}
    np.testing.assert_array_equal(Reference(part).run(feeds)["product"], 7 * whole(proto, "second", FEEDS))


def test_shapes_of_new_inputs_are_inferred_and_the_batch_is_one(tmp_path: Path) -> None:
    onnx.save(branched(), tmp_path / "m.onnx")
    part = read_onnx(tmp_path / "m.onnx", cut=Cut(("both",), ("left", "right")))
    assert [each.shape for each in part.graph.inputs] == [ir.Shape((1, 4))] * 2


def test_a_given_shape_has_the_last_word_on_new_inputs(tmp_path: Path) -> None:
    """Those of inputs that went help to infer the others."""
    onnx.save(branched(), tmp_path / "m.onnx")
    both = Cut(("both",), ("left", "right"))
    three = {"left": (3, 4), "right": (3, 4)}
    for given in (three, {"x": (3, 4), "extra": (3, 4)}):
        part = read_onnx(tmp_path / "m.onnx", given, both)
        assert [each.shape for each in part.graph.inputs] == [ir.Shape((3, 4))] * 2
    with pytest.raises(InputError, match=r"--shape lefft=.*no such input.*'left'"):
        read_onnx(tmp_path / "m.onnx", {"lefft": (3, 4)}, both)


def test_a_shape_that_is_open_is_asked_for_and_taken(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["found"]),
        helper.make_node("Cast", ["found"], ["t"], to=1),
        helper.make_node("Relu", ["t"], ["y"]),
    ]
    onnx.save(model(nodes, [value("x", [2, 4])], ["y"]), tmp_path / "m.onnx")
    asked = Cut((), ("t",))
    with pytest.raises(InputError, match=r"--shape t=2,16"):
        read_onnx(tmp_path / "m.onnx", cut=asked)
    part = read_onnx(tmp_path / "m.onnx", {"t": (2, 8)}, asked)
    assert part.graph.inputs[0].shape == ir.Shape((2, 8))


def test_a_graph_is_cut_behind_an_operator_of_a_runtime() -> None:
    """onnx infers no shape there; the passes do."""
    nodes = [
        helper.make_node("Gelu", ["x"], ["g"], domain="com.microsoft"),
        helper.make_node("Relu", ["g"], ["y"]),
    ]
    part = cut(model(nodes, [value("x", ["N", 4])], ["y"]), (), ["g"])
    assert part.graph.inputs[0].shape == ir.Shape((2, 4))
    assert part.graph.inputs[0].dtype == ir.DataType.FLOAT


def conditional(second: str = "Neg") -> onnx.ModelProto:
    """If c: t + w, else -t, or t itself; `t` and `w` are seen from outside."""
    then = helper.make_graph(
        [helper.make_node("Add", ["t", "w"], ["sum"], name="inner")], "then", [], [value("sum")]
    )
    nodes = [helper.make_node(second, ["t"], ["other"])]
    other = helper.make_graph(nodes, "else", [], [value("other")])
    outer = [
        helper.make_node("Relu", ["x"], ["t"]),
        helper.make_node("If", ["c"], ["y"], name="if", then_branch=then, else_branch=other),
        helper.make_node("Exp", ["x"], ["unused"]),
    ]
    inputs = [value("x", [2, 4]), value("c", [], TensorProto.BOOL)]
    return model(outer, inputs, ["y", "unused"], w=np.full(4, 2, "f"), v=np.zeros(4, "f"))


@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize("second", ["Neg", "Identity"])
def test_branches_read_the_tensor_that_became_an_input(chosen: bool, second: str) -> None:
    part = cut(conditional(second), ["y"], ["t", "c"])
    t = RNG.normal(size=(2, 4)).astype(np.float32)
    found = Reference(part, optimize=False).run({"t": t, "c": np.array(chosen)})["y"]
    np.testing.assert_array_equal(found, t + 2 if chosen else (-t if second == "Neg" else t))
    assert list(part.graph.initializers) == ["w"]
    assert len(part.graph) == 1


def test_what_a_branch_reads_is_needed() -> None:
    part = cut(conditional(), ["y"])
    assert names(part.graph.inputs) == ["x", "c"]
    assert [node.op_type for node in part.graph] == ["Relu", "If"]


def test_a_loop_keeps_what_it_reads_from_outside() -> None:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["again"]),
            helper.make_node("Add", ["state", "t"], ["next"]),
        ],
        "body",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("state", [2, 4])],
        [value("again", [], TensorProto.BOOL), value("next", [2, 4])],
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["t"]),
        helper.make_node("Abs", ["x"], ["start"]),
        helper.make_node("Loop", ["count", "", "start"], ["y"], name="loop", body=body),
    ]
    proto = model(nodes, [value("x", [2, 4])], ["y"], count=np.array(3))
    part = cut(proto, ["y"], ["start", "t"])
    t, start = (RNG.normal(size=(2, 4)).astype(np.float32) for _ in range(2))
    found = Reference(part, optimize=False).run({"start": start, "t": t})["y"]
    np.testing.assert_allclose(found, start + 3 * t, rtol=1e-5)
    with pytest.raises(InputError, match=r"also need x\."):
        cut(proto, ["y"], ["start"])  # for t
    with pytest.raises(
        InputError, match=r"--outputs next: it is inside a branch or loop of node 'loop' .Loop.*: y"
    ):
        cut(proto, ["next"])


@pytest.mark.parametrize(
    ("outputs", "inputs", "match"),
    [
        (["lefft"], [], "--outputs lefft: .*Did you mean 'left'.*--explain"),
        (["shared"], [], "no tensor and no node .*Did you mean '/a/shared:0'"),
        (["zz9"], [], "name; it has /a/shared:0, .* and others. Give"),
        ([], ["nowhere"], "--inputs nowhere: "),
        (["both"], ["left"], "--inputs: the outputs also need x, extra. Name them"),
        (["both"], ["left", "/a/shared:0"], "also need extra. Name it"),
        (["left"], ["/a/shared:0", "x"], "--inputs x: the outputs left do not need it"),
        (["left"], ["/a/shared:0", "right"], "--inputs right: "),
        (["x"], [], "output x: .* nothing computed between"),
        (["left"], ["left"], "output left: "),
        ([], ["first", "second"], "output first, second: "),
    ],
)
def test_cuts_that_cannot_be(outputs: list[str], inputs: list[str], match: str) -> None:
    with pytest.raises(InputError, match=match):
        cut(branched(), outputs, inputs)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    onnx.save(branched(), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


@pytest.mark.parametrize("ending", ["onnx", "tflite"])
@pytest.mark.parametrize(
    ("outputs", "inputs"),
    [
        (["left"], None),
        (["left", "both"], ["/a/shared:0", "extra"]),
        (["left", "x"], None),
        (["left", "both"], ["left", "right"]),
        (["w", "left"], None),
        (["left", "Relu_left"], None),
        (None, ["both"]),
    ],
)
def test_a_part_is_converted_and_held_to_the_same_part_of_the_source(
    file: Path, ending: str, outputs: Any, inputs: Any
) -> None:
    """Outputs that are inputs, constants, and one tensor twice included."""
    done = convert(file, output=file.with_name(f"o.{ending}"), scheme="float", outputs=outputs, inputs=inputs)
    assert min(each.snr_db for each in done.fidelity.outputs) > 100
    said = {"outputs": outputs, "inputs": inputs}
    (step,) = done.card.history
    assert (step.step, step.details) == ("cut", {key: each for key, each in said.items() if each})
    assert len(step.source_sha256) == 64
    card = read_artifact(done.output).card
    assert card is not None
    assert card.history == done.card.history
    if inputs:
        assert [each.name for each in done.card.inputs] == inputs


def test_calibration_data_go_to_the_new_inputs_by_name(file: Path) -> None:
    data = [{"/a/shared:0": RNG.normal(size=(1, 4)).astype(np.float32)} for _ in range(24)]
    options: dict[str, Any] = {"outputs": ["left"], "inputs": ["/a/shared:0"], "scheme": "static"}
    done = convert(file, output=file.with_name("o.onnx"), calibrate=data, **options)
    assert done.scheme == "static"
    assert 20 < done.fidelity.outputs[0].snr_db < 80
    with pytest.raises(InputError, match=r"/a/shared:0"):
        convert(file, output=file.with_name("o.onnx"), calibrate=[{"x": X[:1]}] * 24, **options)


def test_names_that_explain_prints_can_be_cut_at(file: Path) -> None:
    done = convert(file, output=file.with_name("o.onnx"), scheme="float")
    rows = [
        line.split()[0] for line in done.explanation.splitlines()[2:] if line and not line.startswith("-")
    ]
    assert {"/a/Mul", "Relu_left", "add"} <= set(rows)
    for name in ("/a/Mul", "Relu_left", "add"):
        assert len(cut(branched(), [name]).graph.outputs) == 1


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"outputs": "left"}, "outputs .--outputs.: expected a list of names of tensors, found 'left'"),
        ({"inputs": []}, "inputs .--inputs.: expected a list"),
        ({"inputs": [3]}, "inputs .--inputs.: expected a list"),
        ({"outputs": ["left", "left"]}, "left is named twice"),
    ],
)
def test_options_that_are_no_names(file: Path, more: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        convert(file, output=file.with_name("o.onnx"), scheme="float", **more)


def test_a_module_is_cut_in_its_export(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)).eval()
    given = (torch.zeros(1, 4),)
    done = convert(module, given, output=tmp_path / "o.onnx", scheme="float", outputs=["relu"])
    assert [each.name for each in done.card.outputs] == ["relu"]
    assert done.fidelity.outputs[0].snr_db > 100


def test_the_card_of_the_whole_model_says_of_a_part_what_is_still_true() -> None:
    text = """{"schema": "edgemm.card/1", "name": "n", "task": "classification", "labels": ["a", "b"],
      "inputs": [{"name": "x"}, {"name": "extra"}], "outputs": [{"name": "first"}, {"name": "second"}]}"""
    given, part = ModelCard.from_json(text), cut(branched(), ["left"])
    told = card_of_part(given, Cut(("left",)), part, named=False)
    assert told is not None
    assert (told.task, told.labels, [each.name for each in told.inputs], told.outputs) == (
        "tensors",
        (),
        ["x"],
        (),
    )
    assert card_of_part(given, Cut(("left",)), part, named=True) is given
    begun = card_of_part(given, Cut((), ("both",)), cut(branched(), (), ["both"]), named=False)
    assert begun is not None
    assert (begun.task, begun.labels, begun.inputs, len(begun.outputs)) == (
        "classification",
        ("a", "b"),
        (),
        2,
    )


def test_a_constant_that_old_files_list_among_the_inputs_needs_no_name() -> None:
    proto = branched()
    proto.graph.input.append(value("w", [1, 4]))
    part = cut(proto, ["left"], ["x"])
    np.testing.assert_array_equal(Reference(part).run({"x": X})["left"], np.maximum(X * 3, 0))


def test_a_tensor_and_its_node_are_one_input() -> None:
    assert names(cut(branched(), ["left"], ["/a/shared:0", "/a/Mul"]).graph.inputs) == ["/a/shared:0"]
