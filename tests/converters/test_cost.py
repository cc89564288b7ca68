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
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
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
    model = ir.from_proto(onnx.parser.parse_model(text))
    for name, shape in (("w", (6, 3, 3, 3)), ("v", (6, 5))):
        tensor = ir.tensor(random.standard_normal(shape).astype(np.float32), name=name)
        value = next(v for node in model.graph for v in node.inputs if v is not None and v.name == name)
        value.const_value, value.shape, value.type = tensor, tensor.shape, ir.TensorType(tensor.dtype)
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


@pytest.mark.parametrize("optimize", [False, True])
def test_a_truth_that_is_near_costs_no_second_run(monkeypatch: pytest.MonkeyPatch, optimize: bool) -> None:
    """How far the runtime differs from itself is asked only where a file differs."""
    ways = []
    monkeypatch.setattr(GraphSource, "answers", lambda self, given: ways.append(self.optimize) or ())
    few, model = Samples(tuple({"x": each} for each in samples(2))), network()
    canonicalize(model)
    truth = Truth(model, few)
    off = 1.0 if optimize else 0.0
    from edgemm.converters import measure

    answered = tuple({"y": np.full((1, 5), float(at) + off, np.float32)} for at in range(2))
    monkeypatch.setattr(Truth, "scores", lambda self, given: answered)
    found = tuple({"s": np.full((1, 5), float(at), np.float32)} for at in range(2))
    monkeypatch.setattr(measure, "run_float_file", lambda *_, **__: measure.Measured(found))
    with pytest.raises((ConversionError, KeyError, ValueError, IndexError)) if optimize else _nothing():
        check_float(model, "tflite", Settings(), few, truth)
    assert ways == [True] * optimize


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class Drawn(Sequence[Any]):
    """Samples that come to be when they are looked at."""

    def __init__(self, count: int) -> None:
        self.count, self.alive, self.most = count, weakref.WeakSet[Any](), 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, at: Any) -> Any:
        if at >= self.count:
            raise IndexError(at)
        array = np.random.default_rng(at).standard_normal((1, 3, 8, 8)).astype(np.float32).view(Watched)
        self.alive.add(array)
        self.most = max(self.most, len(self.alive))
        return {"x": array}


class Watched(np.ndarray[Any, Any]):
    """An array whose end can be seen."""

    __hash__ = object.__hash__  # type: ignore[assignment]


def test_calibration_holds_one_sample_and_the_next() -> None:
    model, drawn = network(), Drawn(12)
    canonicalize(model)
    assert calibrate(model, drawn).samples == 12
    assert drawn.most <= 2


def chain(count: int) -> ir.Model:
    """A graph of so many groups of nodes, some of which TFLite has to have written out."""
    value = ir.Value(name="x", shape=ir.Shape((1, 4)), type=ir.TensorType(ir.DataType.FLOAT))
    nodes: list[ir.Node] = []
    start = value
    for at in range(count):
        for kind in ("Relu", "HardSigmoid", "Erf", "Add"):
            inputs = [value, start] if kind == "Add" else [value]
            nodes.append(ir.node(kind, inputs, name=f"{kind}{at}"))
            value = nodes[-1].outputs[0]
            value.name = f"{kind}{at}"
    value.shape, value.type = start.shape, start.type
    graph = ir.Graph([start], [value], nodes=nodes, opset_imports={"": 17}, name="g")
    return ir.Model(graph, ir_version=8)


def calls(count: int) -> dict[str, int]:
    """How many calls each step takes."""
    found: dict[str, int] = {}
    model = chain(count)

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
    for kind in ("tflite", "onnx"):
        step(kind, lambda kind=kind: write_plan(model, plan, kind, Settings()))
    return found


def test_twice_the_nodes_take_twice_the_work() -> None:
    calls(2)  # what is done once
    few, many = calls(20), calls(40)
    assert {name: round(many[name] / few[name], 2) for name in few if many[name] > 2.2 * few[name]} == {}


def test_a_worker_lets_go_of_a_file_when_its_session_ends() -> None:
    payload = ir.serde.serialize_model(network()).SerializeToString()
    with client.opened(payload, "onnx") as session:
        session.run([samples(1)[0]])
    with pytest.raises(client.RunFailed, match="nothing is open"):
        session.run([samples(1)[0]])


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


MEGABYTES = 48
PEAK = """
import json, sys
from pathlib import Path
from edgemm.converters import convert
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1024
import onnx, onnxruntime, edgemm.converters.worker.client
import numpy as np
small, large, data = sys.argv[1:]
convert(small, output=small + sys.argv[0][:0] + ".tflite", calibrate=np.load(data), scheme="static", gate="off")
before = peak()
convert(large, output=large + ".tflite", calibrate=np.load(data), scheme="static", gate="off")
print(json.dumps(peak() - before))
"""


def _wide(size: int) -> bytes:
    """A network whose weights are nearly all of it."""
    text = """<ir_version: 8, opset_import: ["" : 17]> g (float[1,16] x) => (float[1,16] y) {
        a = MatMul(x, u) b = Relu(a) c = MatMul(b, v) d = Relu(c) y = MatMul(d, w)
    }"""
    random, model = np.random.default_rng(0), onnx.parser.parse_model(text)
    for name, shape in (("u", (16, size)), ("v", (size, size)), ("w", (size, 16))):
        array = random.standard_normal(shape, np.float32) / np.float32(shape[0] ** 0.5)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    payload: bytes = model.SerializeToString()
    return payload


@pytest.mark.skipif(not enforces_memory_limits(), reason="memory is not counted here")
def test_a_conversion_takes_less_than_four_times_its_source(tmp_path: Path) -> None:
    size = int((MEGABYTES * 2**20 / 4) ** 0.5)
    for name, width in (("small", 32), ("large", size)):
        (tmp_path / f"{name}.onnx").write_bytes(_wide(width))
    np.save(tmp_path / "data.npy", np.random.default_rng(2).standard_normal((16, 1, 16)).astype(np.float32))
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *(str(tmp_path / each) for each in ("small.onnx", "large.onnx", "data.npy"))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) < 4.0 * MEGABYTES
