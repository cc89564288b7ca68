"""What a conversion costs: each answer of the source is computed once, work grows with the graph and not with its
square, and samples and weights are not gathered."""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import subprocess
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx.helper
import onnx.numpy_helper
import onnx.parser
import onnx_ir as ir
import pytest
from needs import enforces_memory_limits

from edgemm.converters import convert
from edgemm.converters.measure import check_float
from edgemm.converters.passes import canonicalize
from edgemm.converters.reference import GraphSource, Truth
from edgemm.converters.samples import Samples
from edgemm.converters.tflite.expand import expand_for_tflite
from edgemm.converters.worker import client
from edgemm.converters.worker.wire import Content
from edgemm.converters.written import Settings, write_plan
from edgemm.errors import ConversionError
from edgemm.quantize import calibrate, check_plan, make_plan

Array = npt.NDArray[Any]
ENDS = {
    "scores": "y = Gemm(g, v)",
    "softmax": "s = Gemm(g, v) y = Softmax(s)",
    "both": "s = Gemm(g, v) y = Softmax(s) z = Neg(s)",
}


def network(end: str = "softmax") -> ir.Model:
    outs = "(float[1,5] y, float[1,5] z)" if end == "both" else "(float[1,5] y)"
    text = f"""<ir_version: 8, opset_import: ["" : 17]> g (float[1,3,8,8] x) => {outs} {{
        c = Conv<pads=[1,1,1,1]>(x, w) r = Relu(c) p = GlobalAveragePool(r) g = Flatten(p) {ENDS[end]}
    }}"""
    random = np.random.default_rng(0)
    model: ir.Model = ir.from_proto(onnx.parser.parse_model(text))
    for name, shape in (("w", (6, 3, 3, 3)), ("v", (6, 5))):
        tensor = ir.tensor(random.standard_normal(shape).astype(np.float32), name=name)
        value = next(v for node in model.graph for v in node.inputs if v is not None and v.name == name)
        value.const_value, value.shape, value.type = tensor, ir.Shape(shape), ir.TensorType(tensor.dtype)
        model.graph.register_initializer(value)
    return model


def samples(count: int = 24) -> list[Array]:
    random = np.random.default_rng(1)
    return [random.standard_normal((1, 3, 8, 8)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_the_source_answers_each_sample_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, suffix: str
) -> None:
    asked: Counter[int] = Counter()
    answers = GraphSource.answers

    def counted(self: GraphSource, given: Samples) -> Any:
        asked.update(map(id, given.inputs))
        return answers(self, given)

    monkeypatch.setattr(GraphSource, "answers", counted)
    done = convert(
        network(end), output=tmp_path / f"a.{suffix}", calibrate=samples(), scheme="static", gate="off"
    )
    assert list(asked.values()) == [1] * done.fidelity.samples


def test_of_many_samples_only_the_answers_to_a_few_are_kept() -> None:
    all_of_them = Samples(tuple({"x": each} for each in samples(24)))
    truth = Truth(network(), Samples(all_of_them.inputs[:3]))
    truth.answers(all_of_them)
    assert set(truth._kept) == set(map(id, all_of_them.inputs[:3]))


@pytest.mark.parametrize("end", ENDS)
def test_the_truth_is_what_the_graph_answers_and_the_scores_before_its_softmax(end: str) -> None:
    model, few = network(end), Samples(tuple({"x": each} for each in samples(3)))
    truth = Truth(model, few)
    for mine, plain, scores in zip(
        truth.answers(few), GraphSource(model).answers(few), truth.scores(few), strict=True
    ):
        assert list(mine) == list(plain) == list(scores)
        assert all(np.array_equal(mine[name], plain[name]) for name in plain)
        assert np.allclose(mine["y"], _softmax(scores["y"]) if end != "scores" else scores["y"], atol=1e-6)
    assert [len(each) for each in truth.answers(few)] == [2 if end == "both" else 1] * 3


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


def test_a_float_file_that_differs_is_refused_by_the_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The softmax of scores of hundreds hides what is wrong with them."""
    wrong, right = network(), network()
    for model, factor in ((wrong, 900.0), (right, 1000.0)):
        value = model.graph.initializers["v"]
        assert value.const_value is not None
        value.const_value = ir.tensor(value.const_value.numpy() * np.float32(factor), name="v")
    few = Samples(tuple({"x": each} for each in samples(4)))
    canonicalize(wrong)
    with pytest.raises(ConversionError, match="'y' of the float tflite differs from the source"):
        check_float(wrong, "tflite", Settings(), few, Truth(right, few))
    check_float(wrong, "tflite", Settings(), few)


def test_a_file_that_is_near_costs_no_second_run_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """How far the runtime differs from itself is asked only where a file differs."""
    ways: list[bool] = []
    answers = GraphSource.answers

    def counted(self: GraphSource, given: Samples) -> Any:
        ways.append(self.optimize)
        return answers(self, given)

    monkeypatch.setattr(GraphSource, "answers", counted)
    few, model = Samples(tuple({"x": each} for each in samples(2))), network()
    other = network()
    value = other.graph.initializers["v"]
    assert value.const_value is not None
    value.const_value = ir.tensor(value.const_value.numpy() * np.float32(1.2), name="v")
    canonicalize(model)
    check_float(model, "tflite", Settings(), few, Truth(network(), few))
    assert ways == [False]
    with pytest.raises(ConversionError, match="differs from the source"):
        check_float(model, "tflite", Settings(), few, Truth(other, few))
    assert ways == [False, False, True]


class Drawn(Sequence[Any]):
    """Samples that come to be when they are looked at."""

    def __init__(self, count: int) -> None:
        self.size, self.most = count, 0
        self._alive: list[weakref.ref[Any]] = []

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, at: Any) -> Any:
        if at >= self.size:
            raise IndexError(at)
        array = np.random.default_rng(at).standard_normal((1, 3, 8, 8)).astype(np.float32)
        self._alive = [each for each in [*self._alive, weakref.ref(array)] if each() is not None]
        self.most = max(self.most, len(self._alive))
        return {"x": array}


def test_calibration_holds_one_sample_and_the_next() -> None:
    model, drawn = network(), Drawn(12)
    canonicalize(model)
    assert calibrate(model, drawn).samples == 12
    assert drawn.most <= 2


PLAIN, WRITTEN_OUT = ("Relu", "Sigmoid", "Add"), ("Relu", "HardSigmoid", "Erf", "Add")


def chain(count: int, kinds: Sequence[str]) -> ir.Model:
    """A graph of so many groups of nodes."""
    value = ir.Value(name="x", shape=ir.Shape((1, 4)), type=ir.TensorType(ir.DataType.FLOAT))
    nodes: list[ir.Node] = []
    start = value
    for at in range(count):
        for kind in kinds:
            inputs = [value, start] if kind == "Add" else [value]
            nodes.append(ir.node(kind, inputs, name=f"{kind}{at}"))
            value = nodes[-1].outputs[0]
            value.name = f"{kind}{at}"
    value.shape, value.type = start.shape, start.type
    graph = ir.Graph([start], [value], nodes=nodes, opset_imports={"": 17}, name="g")
    return ir.Model(graph, ir_version=8)


def calls(count: int, kinds: Sequence[str]) -> dict[str, int]:
    """How many calls each step takes."""
    found: dict[str, int] = {}
    model = chain(count, kinds)

    def step(name: str, work: Callable[[], Any]) -> Any:
        profile = cProfile.Profile()
        result = profile.runcall(work)
        found[name] = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
        return result

    step("canonicalize", lambda: canonicalize(model))
    step("expand", lambda: expand_for_tflite(model))
    data = [{"x": np.random.default_rng(at).standard_normal((1, 4)).astype(np.float32)} for at in range(2)]
    ranges = step("calibrate", lambda: calibrate(model, data))
    plan = step("plan", lambda: make_plan(model, ranges, scheme="static"))
    step("check", lambda: check_plan(model, plan))
    step("tflite", lambda: write_plan(model, plan, "tflite", Settings()))
    step("onnx", lambda: write_plan(model, plan, "onnx", Settings()))
    return found


@pytest.mark.parametrize(("kinds", "groups"), [(PLAIN, 24), (WRITTEN_OUT, 6)])
def test_twice_the_nodes_take_twice_the_work(kinds: Sequence[str], groups: int) -> None:
    calls(1, kinds)  # what is done once
    few, many = calls(groups, kinds), calls(2 * groups, kinds)
    assert {name: round(many[name] / few[name], 2) for name in few if many[name] > 2.2 * few[name]} == {}


def test_a_worker_lets_go_of_a_file_when_its_session_ends() -> None:
    payload = ir.serde.serialize_model(network()).SerializeToString()
    with client.opened(payload, "onnx") as session:
        session.run([samples(1)[0]])
    with pytest.raises(client.RunFailed, match="nothing is open"):
        session.run([samples(1)[0]])


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_the_source_the_float_file_and_the_file_are_opened_once_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, suffix: str
) -> None:
    opens: list[str] = []
    ask = client._Process.ask

    def watched(process: client._Process, content: Content, *given: Any, **options: Any) -> Any:
        opens.extend(str(content["how"]) for key in content if key == "open")
        return ask(process, content, *given, **options)

    monkeypatch.setattr(client._Process, "ask", watched)
    convert(
        network("scores"), output=tmp_path / f"out.{suffix}", calibrate=samples(), scheme="static", gate="off"
    )
    assert opens == ["written", "device", "device"]


def test_a_parcel_is_empty_once_it_is_sent() -> None:
    parcel = client.Parcel(ir.serde.serialize_model(network()).SerializeToString())
    with client.opened(parcel, "onnx") as session:
        assert parcel.take() == b""
        assert session.run([samples(1)[0]])[0].shape == (1, 5)


def test_a_parcel_that_no_runtime_takes_leaves_a_worker_that_works() -> None:
    with pytest.raises(client.RunFailed, match="ONNX"), client.opened(client.Parcel(b"no model"), "onnx"):
        pass
    with client.opened(ir.serde.serialize_model(network()).SerializeToString(), "onnx") as session:
        assert session.inputs == ("x",)


def test_a_session_that_is_interrupted_ends_its_worker() -> None:
    """Whoever is next would get the answer to another's question."""
    payload = ir.serde.serialize_model(network()).SerializeToString()
    with pytest.raises(KeyboardInterrupt), client.opened(payload, "onnx") as session:
        raise KeyboardInterrupt
    assert not session._process.alive
    assert session._process not in client._idle


LAYERS, WIDTH = 24, 512
SOURCE_MB = LAYERS * WIDTH * WIDTH * 4 / 2**20
PEAK = """
import json, sys
import numpy as np
from edgemm.converters import convert
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
small, large, data, suffix = sys.argv[1:]
found = []
for path in (small, large):
    convert(path, output=f"{path}.{suffix}", calibrate=np.load(data), scheme="static", gate="off")
    found.append(peak())
print(json.dumps(found))
"""
"""The first conversion has all packages imported, and what they take."""


def _wide(layers: int) -> bytes:
    """A network whose weights are nearly all of it."""
    random = np.random.default_rng(0)
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 4, WIDTH])
    nodes, tensors, before = [], [], "x"
    for at in range(layers):
        array = random.standard_normal((WIDTH, WIDTH), np.float32) / np.float32(WIDTH**0.5)
        tensors.append(onnx.numpy_helper.from_array(array, f"w{at}"))
        nodes.append(onnx.helper.make_node("MatMul", [before, f"w{at}"], [f"y{at}"]))
        before = f"y{at}"
    end = onnx.helper.make_tensor_value_info(before, onnx.TensorProto.FLOAT, [1, 4, WIDTH])
    graph = onnx.helper.make_graph(nodes, "g", [value], [end], tensors)
    opset = onnx.helper.make_opsetid("", 17)
    return bytes(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString())


def test_weights_that_the_source_alone_has_wait_on_disk_once_it_has_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(import_module("edgemm.converters.set_aside"), "LEAST_BYTES", 1)
    proto = onnx.load_from_string(_wide(2))
    factors = np.linspace(0.5, 2, WIDTH, dtype=np.float32)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(factors, "f"))
    proto.graph.node.append(onnx.helper.make_node("Mul", [proto.graph.output[0].name, "f"], ["z"]))
    proto.graph.output[0].name = "z"
    (tmp_path / "source.onnx").write_bytes(proto.SerializeToString())
    seen: list[dict[str, type]] = []

    def watched(*given: Any, **options: Any) -> Any:
        kept = given[4].model.graph.initializers
        seen.append({name: type(value.const_value) for name, value in kept.items()})
        return check_float(*given, **options)

    monkeypatch.setattr(import_module("edgemm.converters.pipeline.write"), "check_float", watched)
    data = list(np.random.default_rng(2).standard_normal((16, 1, 4, WIDTH)).astype(np.float32))
    convert(tmp_path / "source.onnx", output=tmp_path / "out.tflite", calibrate=data, gate="off")
    (kinds,) = seen
    assert (kinds["w0"], kinds["w1"]) == (ir.Tensor, ir.LazyTensor)


@pytest.mark.skipif(not enforces_memory_limits(), reason="memory is not counted here")
@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_a_conversion_takes_less_than_four_times_its_source(tmp_path: Path, suffix: str) -> None:
    for name, layers in (("small", 1), ("large", LAYERS)):
        (tmp_path / f"{name}.onnx").write_bytes(_wide(layers))
    data = np.random.default_rng(2).standard_normal((16, 1, 4, WIDTH)).astype(np.float32)
    np.save(tmp_path / "data.npy", data)
    paths = [str(tmp_path / each) for each in ("small.onnx", "large.onnx", "data.npy")]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *paths, suffix],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout.splitlines()[-1])
    assert after - before < 4.0 * SOURCE_MB
