"""Transformers as ONNX Runtime's optimizer and quantizers leave them, converted to both formats."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from fused_nodes import Array, Fused, in_runtime, model_of, worst

from edgemm.converters import convert
from edgemm.converters.importers import read_onnx
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.quantized import declared_ranges, is_quantized, rounded
from edgemm.errors import DamagedArtifact
from edgemm.quantize.reference import Reference

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

TOKENS, WIDTH, HEADS, WORDS = 8, 16, 2, 30


class Layer(torch.nn.Module):  # type: ignore[misc, name-defined]
    """An encoder's layer as BERT has it: norms behind the sums."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm, self.last = torch.nn.LayerNorm(WIDTH, 1e-12), torch.nn.LayerNorm(WIDTH, 1e-12)
        self.wide, self.narrow = torch.nn.Linear(WIDTH, 2 * WIDTH), torch.nn.Linear(2 * WIDTH, WIDTH)

    def heads(self, x: Any) -> Any:
        return x.view(x.size(0), x.size(1), HEADS, WIDTH // HEADS).permute(0, 2, 1, 3)

    def forward(self, x: Any, mask: Any) -> Any:
        query, key, value = self.heads(self.query(x)), self.heads(self.key(x)), self.heads(self.value(x))
        scores = torch.matmul(query, key.transpose(-1, -2)) / (WIDTH // HEADS) ** 0.5 + mask
        mixed = torch.matmul(torch.nn.functional.softmax(scores, -1), value).permute(0, 2, 1, 3).contiguous()
        x = self.norm(self.out(mixed.view(x.size(0), x.size(1), WIDTH)) + x)
        return self.last(self.narrow(torch.nn.functional.gelu(self.wide(x))) + x)


class Encoder(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Words, positions, and two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = torch.nn.Embedding(WORDS, WIDTH), torch.nn.Embedding(32, WIDTH)
        self.norm = torch.nn.LayerNorm(WIDTH, 1e-12)
        self.layers = torch.nn.ModuleList([Layer(), Layer()])
        self.register_buffer("ids", torch.arange(32)[None])

    def forward(self, words: Any, seen: Any) -> Any:
        x = self.norm(self.words(words) + self.places(self.ids[:, : words.size(1)]))
        mask = (1.0 - seen[:, None, None].to(torch.float32)) * -10000.0
        for layer in self.layers:
            x = layer(x, mask)
        return x


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By the older exporter, whose patterns the optimizer knows best."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("sources") / "encoder.onnx"
    given = torch.ones(1, TOKENS, dtype=torch.int64), torch.ones(1, TOKENS, dtype=torch.int64)
    names = ["words", "seen"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Encoder().eval(), given, path, dynamo=False, opset_version=14, input_names=names, output_names=["y"],
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names},
        )  # fmt: skip
    return path


def optimized(path: Path, to: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnxruntime.transformers.optimizer import optimize_model

        done = optimize_model(str(path), model_type="bert", num_heads=HEADS, hidden_size=WIDTH, opt_level=1)
    done.save_model_to_file(str(to))
    return to


def saved(path: Path, to: Path, level: Any = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED) -> Path:
    """As a session of ONNX Runtime writes what it has made of a graph."""
    options = ort.SessionOptions()
    options.graph_optimization_level, options.optimized_model_filepath = level, str(to)
    options.log_severity_level = 4
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return to


def dynamic(path: Path, to: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    kinds = ["MatMul", "Attention", "EmbedLayerNormalization", "Gather"]
    extra = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    quantize_dynamic(path, to, weight_type=QuantType.QInt8, op_types_to_quantize=kinds, extra_options=extra)
    return to


def static(path: Path, to: Path, qdq: bool) -> Path:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(samples())

        def get_next(self) -> Any:
            return next(self.left, None)

    form = QuantFormat.QDQ if qdq else QuantFormat.QOperator
    extra = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    quantize_static(
        path, to, Reader(), quant_format=form, op_types_to_quantize=["MatMul", "Add"], extra_options=extra
    )
    return to


def samples() -> list[dict[str, Array]]:
    rng = np.random.default_rng(0)
    rows = [np.arange(TOKENS)[None] < TOKENS - index % 3 for index in range(8)]
    return [{"words": rng.integers(0, WORDS, (1, TOKENS)), "seen": row.astype(np.int64)} for row in rows]


def operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path).graph.node if node.domain == "com.microsoft"}


def source(kind: str, exported: Path) -> Path:
    folder = exported.parent
    fused = optimized(exported, folder / "fused.onnx")
    made = folder / f"{kind}.onnx"
    if kind == "fused":
        return fused
    if kind == "saved":
        return saved(exported, made)
    if kind == "dynamic":
        return dynamic(fused, made)
    if kind == "saved dynamic":
        return saved(dynamic(fused, folder / "d.onnx"), made)
    return static(exported, made, qdq=kind == "QDQ")


EXPECTED = {
    "fused": {"Attention", "SkipLayerNormalization", "BiasGelu"},
    "saved": {"BiasGelu"},
    "dynamic": {"QAttention", "SkipLayerNormalization"},
    "saved dynamic": {"QAttention", "DynamicQuantizeMatMul"},
    "QOperator": {"QLinearAdd"},
    "QDQ": set(),
}


@pytest.mark.parametrize("ending", ["onnx", "tflite"])
@pytest.mark.parametrize("kind", EXPECTED)
def test_a_transformer_from_an_optimizer(kind: str, ending: str, exported: Path) -> None:
    """Float: 100 dB. Quantized sources round by themselves: their own rounding stays in the comparison."""
    path = source(kind, exported)
    assert EXPECTED[kind] <= operators(path)
    shapes = dict.fromkeys(("words", "seen"), (1, TOKENS))
    done = convert(
        path,
        output=path.with_name(f"o.{ending}"),
        scheme="float",
        gate="off",
        evaluate=samples(),
        shapes=shapes,
    )
    floor = 100 if kind in ("fused", "saved") else 20
    assert done.fidelity.outputs[0].snr_db > floor
    assert not any("does not run" in note for note in done.notes)


def test_grids_of_a_statically_quantized_transformer_are_kept(exported: Path) -> None:
    path = source("QOperator", exported)
    model = read_onnx(path, dict.fromkeys(("words", "seen"), (1, TOKENS)))
    canonicalize(model)
    assert len(declared_ranges(model)) > 10


def test_a_file_that_names_tensors_as_the_runtime_does_runs_again(tmp_path: Path) -> None:
    """A product of three axes and a sum become a Gemm between reshapes, in this session and in the next."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(2, 3, 4)).astype(np.float32)
    nodes, constants, value = [], [], "x"
    for index in range(3):
        for name, shape in ((f"w{index}", (4, 4)), (f"b{index}", (4,))):
            constants.append(onnx.numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name))
        nodes.append(onnx.helper.make_node("MatMul", [value, f"w{index}"], [f"m{index}"]))
        nodes.append(onnx.helper.make_node("Add", [f"m{index}", f"b{index}"], [f"s{index}"]))
        nodes.append(onnx.helper.make_node("Erf", [f"s{index}"], [f"e{index}"]))
        value = f"e{index}"
    ports = [onnx.helper.make_tensor_value_info(name, 1, data.shape) for name in ("x", value)]
    graph = onnx.helper.make_graph(nodes, "g", ports[:1], ports[1:], constants)
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    path = saved(tmp_path / "m.onnx", tmp_path / "saved.onnx")
    assert "gemm_input_shape" in {each.name for each in onnx.load(path).graph.initializer}
    proto = onnx.load(path)
    proto.graph.node.append(onnx.helper.make_node("MatMul", [value, "w"], ["m"]))
    proto.graph.node.append(onnx.helper.make_node("Add", ["m", "b"], ["y"]))
    for name, shape in (("w", (4, 4)), ("b", (4,))):
        proto.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(shape, np.float32), name))
    proto.graph.output[0].name = "y"
    onnx.save(proto, path)
    done = convert(path, output=tmp_path / "o.onnx", scheme="float")
    assert done.fidelity.outputs[0].snr_db > 100


def test_constants_of_any_shape_are_gathered() -> None:
    """onnx's own evaluator gathers elements of tensors of equal shapes alone."""
    data, places = np.arange(64.0, dtype=np.float32)[None] * 2, np.arange(16)[None] * 3
    node = onnx.helper.make_node("GatherElements", ["data", "places"], ["found"], axis=1)
    nodes = [node, onnx.helper.make_node("Add", ["x", "found"], ["y"])]
    ports = [onnx.helper.make_tensor_value_info(name, 1, [1, 16]) for name in ("x", "y")]
    constants = [
        onnx.numpy_helper.from_array(each, name) for each, name in ((data, "data"), (places, "places"))
    ]
    graph = onnx.helper.make_graph(nodes, "g", ports[:1], ports[1:], constants)
    opsets = [onnx.helper.make_opsetid("", 17)]
    model = ir.from_proto(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8))
    canonicalize(model)
    assert [each.op_type for each in model.graph] == ["Add"]
    found = Reference(model).run({"x": np.zeros((1, 16), np.float32)})["y"]
    np.testing.assert_array_equal(found, places * 2.0)


def test_norms_in_the_standard_domain_of_old_opsets_are_read(tmp_path: Path) -> None:
    """ONNX Runtime writes them there, where onnx's own check knows none."""
    x = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
    for op_type in ("SimplifiedLayerNormalization", "LayerNormalization"):
        proto, feeds = model_of(
            Fused(op_type, [("x", x), ("c", np.ones(8, np.float32))], domain="", opset=12)
        )
        proto.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("y0", 1, [2, 8]))
        onnx.save(proto, tmp_path / "m.onnx")
        model = read_onnx(tmp_path / "m.onnx")
        assert [node.domain for node in model.graph] == [""]
        assert worst(in_runtime(proto, feeds), list(Reference(model).run(feeds).values())) == 0
        proto.graph.node[0].op_type = "SimpleLayerNorm"
        onnx.save(proto, tmp_path / "m.onnx")
        with pytest.raises(DamagedArtifact, match="SimpleLayerNorm"):
            read_onnx(tmp_path / "m.onnx")


def test_a_norm_in_a_branch_is_written_out_with_it(tmp_path: Path) -> None:
    """A known condition decides: what was in the branch is expanded once it is in the graph."""
    operands = [("x", np.ones((2, 8), np.float32)), ("c", np.ones(8, np.float32))]
    proto, feeds = model_of(Fused("SimplifiedLayerNormalization", operands, domain=""))
    output = onnx.helper.make_tensor_value_info("y0", 1, [2, 8])
    then = onnx.helper.make_graph(list(proto.graph.node), "then", [], [output])
    other = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["x0"], ["y0"])], "else", [], [output])
    choice = onnx.helper.make_node("If", ["always"], ["y0"], then_branch=then, else_branch=other)
    del proto.graph.node[:]
    proto.graph.node.append(choice)
    proto.graph.output[0].CopyFrom(output)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "always"))
    onnx.save(proto, tmp_path / "m.onnx")
    model = read_onnx(tmp_path / "m.onnx")
    canonicalize(model)
    np.testing.assert_allclose(Reference(model).run(feeds)["y0"], np.ones((2, 8)), rtol=1e-4)


def whole(*shape: int, low: int = -127, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(low, 128 if low < 0 else 256, shape)


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("past", [False, True])
def test_attention_on_integers(columns: bool, past: bool) -> None:
    """One scale, or one by column; the input on a grid of its own."""
    step = np.linspace(0.004, 0.008, 36, dtype=np.float32) if columns else np.float32(0.005)
    operands: list[Any] = [
        ("x", whole(2, 5, 12, low=0).astype(np.uint8)),
        ("c", whole(12, 36).astype(np.int8)),
        ("c", np.linspace(-1, 1, 36, dtype=np.float32)),
        ("c", np.float32(0.02)),
        ("c", step),
        ("x", np.array([[1, 1, 1, 0, 0], [1] * 5], np.int32)),
        ("c", np.uint8(120)),
        ("c", np.zeros(36, np.int8) if columns else np.int8(0)),
    ]
    if past:
        operands[5] = ("x", np.ones((2, 9), np.int32))
        operands.append(("x", np.random.default_rng(0).normal(size=(2, 2, 3, 4, 4)).astype(np.float32)))
    case = Fused("QAttention", operands, {"num_heads": 3, "unidirectional": 1}, (True,) * (1 + past))
    proto, feeds = model_of(case)
    model = ir.from_proto(proto)
    assert is_quantized(model)
    canonicalize(model)
    found = list(Reference(rounded(model), optimize=False).run(feeds).values())
    assert worst(in_runtime(proto, feeds), found) < 1e-5


def test_embeddings_on_integers() -> None:
    tables = [(9, 8), (7, 8), (2, 8), (8,), (8,)]
    ids = np.array([[1, 2, 8], [0, 5, 3]], np.int32)
    operands: list[Any] = [("x", ids), ("x", ids % 2)]
    operands += [
        ("c", whole(*shape, low=0, seed=index).astype(np.uint8)) for index, shape in enumerate(tables)
    ]
    operands += [("x", np.ones((2, 3), np.int32))]
    operands += [("c", np.float32(0.01 * (index + 1))) for index in range(5)]
    operands += [("c", np.uint8(100 + index)) for index in range(5)]
    case = Fused("QEmbedLayerNormalization", operands, {}, (True, True), integers=(1,))
    proto, feeds = model_of(case)
    model = ir.from_proto(proto)
    canonicalize(model)
    assert worst(in_runtime(proto, feeds), list(Reference(model).run(feeds).values())) < 1e-5
