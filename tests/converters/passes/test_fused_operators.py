"""Fused operators other than attention, each against ONNX Runtime's own kernel.

Where ONNX Runtime has no kernel for the CPU, against NumPy or PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from fused_nodes import Array, Fused, error_of, model_of, worst, written_out
from onnx import helper

from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.contrib import FUSED
from edgemm.converters.passes.quantized import is_quantized
from edgemm.errors import UnsupportedOperator
from edgemm.quantize.reference import Reference

RNG = np.random.default_rng(0)
EXACT = 1e-5
"""Of the largest number: sums in another order."""


def r(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def x(*shape: int) -> tuple[str, Array]:
    return "x", r(*shape)


def c(*shape: int) -> tuple[str, Array]:
    return "c", r(*shape)


def ints(high: int, *shape: int) -> tuple[str, Array]:
    return "x", RNG.integers(0, high, shape).astype(np.int32)


MASK = ("x", np.array([[1, 1, 1, 0, 0], [1, 2, 0, 1, 1]], np.int32))
TABLES = [c(9, 8), c(7, 8)]
SCALES = [c(8), c(8)]
SUM = (True, False, False, True)
EMBED: dict[str, Any] = {"integers": (1,)}

CASES: dict[str, Fused] = {
    "Gelu": Fused("Gelu", [x(2, 3, 8)]),
    "BiasGelu": Fused("BiasGelu", [x(2, 3, 8), c(8)]),
    "BiasGelu, opset 11": Fused("BiasGelu", [x(2, 3, 8), c(8)], opset=11),
    "FastGelu": Fused("FastGelu", [x(2, 3, 8)]),
    "FastGelu with a bias": Fused("FastGelu", [x(2, 3, 8), c(8)]),
    "QuickGelu": Fused("QuickGelu", [x(2, 3, 8)], {"alpha": 1.3}),
    "QuickGelu, the default": Fused("QuickGelu", [x(2, 3, 8)]),
    "QuickGelu as SiLU": Fused("QuickGelu", [x(2, 3, 8)], {"alpha": 1.0}),
    "LayerNormalization, opset 11": Fused(
        "LayerNormalization", [x(2, 3, 8), *SCALES], {"epsilon": 0.1}, domain="", opset=11
    ),
    "LayerNormalization over two axes": Fused(
        "LayerNormalization", [x(2, 3, 8), c(3, 8)], {"axis": 1}, domain="", opset=12
    ),
    "SimplifiedLayerNormalization": Fused(
        "SimplifiedLayerNormalization", [x(2, 3, 8), c(8)], {"epsilon": 0.1}, domain=""
    ),
    "SimplifiedLayerNormalization over two axes": Fused(
        "SimplifiedLayerNormalization", [x(2, 3, 8), c(3, 8)], {"axis": 1}, domain="", opset=18
    ),
    "SkipLayerNormalization": Fused(
        "SkipLayerNormalization", [x(2, 3, 8), x(2, 3, 8), *SCALES], {"epsilon": 0.1}
    ),
    "SkipLayerNormalization with a bias, and its sum": Fused(
        "SkipLayerNormalization", [x(2, 3, 8), x(2, 3, 8), *SCALES, c(8)], outputs=SUM, opset=13
    ),
    "SkipLayerNormalization, one skip for all rows": Fused(
        "SkipLayerNormalization", [x(2, 3, 8), x(3, 8), c(8)]
    ),
    "SkipLayerNormalization of two axes": Fused(
        "SkipLayerNormalization", [x(6, 8), x(6, 8), c(8), None, c(8)]
    ),
    "SkipSimplifiedLayerNormalization": Fused(
        "SkipSimplifiedLayerNormalization", [x(2, 3, 8), x(2, 3, 8), c(8)], {"epsilon": 0.1}
    ),
    "SkipSimplifiedLayerNormalization with a bias, and its sum": Fused(
        "SkipSimplifiedLayerNormalization", [x(2, 3, 8), x(2, 3, 8), *SCALES], outputs=SUM, opset=21
    ),
    "EmbedLayerNormalization": Fused(
        "EmbedLayerNormalization",
        [ints(9, 2, 5), ints(2, 2, 5), *TABLES, c(2, 8), *SCALES, MASK],
        {"epsilon": 0.1},
        (True, True, True),
        **EMBED,
    ),
    "EmbedLayerNormalization without segments": Fused(
        "EmbedLayerNormalization", [ints(9, 2, 5), None, *TABLES, None, *SCALES], {}, (True, True), **EMBED
    ),
    "EmbedLayerNormalization with positions": Fused(
        "EmbedLayerNormalization",
        [ints(9, 2, 5), None, *TABLES, None, *SCALES, None, ints(7, 2, 5)],
        {"mask_index_type": 0},
    ),
    "EmbedLayerNormalization with positions for all rows": Fused(
        "EmbedLayerNormalization",
        [ints(9, 2, 5), None, *TABLES, None, *SCALES, MASK, ints(7, 1, 5)],
        {},
        (True, True),
        **EMBED,
    ),
    "FusedMatMul of batches behind": Fused(
        "FusedMatMul", [x(3, 2, 6, 4), x(4, 2, 6, 5)], {"transBatchA": 1, "transBatchB": 1}
    ),
    "FusedMatMul of batches behind, transposed": Fused(
        "FusedMatMul", [x(4, 2, 6, 3), x(4, 2, 6, 5)], {"transBatchA": 1, "transBatchB": 1, "transA": 1}
    ),
    "FusedMatMul of a vector": Fused("FusedMatMul", [x(4), x(4, 5)], {"alpha": 0.5, "transA": 1}),
    "FusedMatMul by a vector": Fused("FusedMatMul", [x(3, 4), x(4)], {"alpha": 0.5}),
    "FusedMatMul by a constant": Fused("FusedMatMul", [x(2, 3, 4), c(5, 4)], {"alpha": 0.5, "transB": 1}),
    "FusedConv with a sum": Fused(
        "FusedConv", [x(1, 4, 6, 6), c(5, 4, 3, 3), c(5), x(1, 5, 4, 4)], {"activation": "Relu"}
    ),
    "FusedConv with a sum alone": Fused("FusedConv", [x(1, 4, 6, 6), c(5, 4, 3, 3), None, x(1, 5, 4, 4)]),
    "MatMulNBits with groups": Fused(
        "MatMulNBits",
        [
            x(2, 3, 40),
            ("c", RNG.integers(0, 256, (6, 3, 8)).astype(np.uint8)),
            ("c", np.abs(r(18))),
            None,
            ("c", RNG.integers(0, 3, 40).astype(np.int32)),
        ],
        {"N": 6, "K": 40, "bits": 4, "block_size": 16},
    ),
    **{
        f"{op} {a}{b}": Fused(
            op,
            [x(2, *((4, 3) if a else (3, 4))), x(2, *((5, 4) if b else (4, 5)))],
            {"transA": a, "transB": b, "alpha": 0.3},
        )
        for op in ("FusedMatMul", "TransposeMatMul")
        for a in (0, 1)
        for b in (0, 1)
    },
    **{
        f"FusedGemm, {name}": Fused(
            "FusedGemm",
            [x(3, 4), c(5, 4), c(5)],
            {"activation": name, "transB": 1, "alpha": 0.5, "beta": 2.0, **numbers},
        )
        for name, numbers in {
            "Relu": {},
            "Tanh": {},
            "Sigmoid": {},
            "Softplus": {},
            "Softsign": {},
            "LeakyRelu": {"activation_alpha": 0.2},
            "Elu": {"activation_alpha": 0.7},
            "HardSigmoid": {"activation_alpha": 0.3, "activation_beta": 0.4},
            "ThresholdedRelu": {"activation_alpha": 0.4},
        }.items()
    },
    **{
        f"FusedConv, {name}": Fused(
            "FusedConv",
            [x(1, 4, 6, 6), c(5, 4, 3, 3), c(5)],
            {"activation": name, "pads": [1] * 4, **({"activation_params": numbers} if numbers else {})},
        )
        for name, numbers in {
            "Relu": [],
            "Tanh": [],
            "Sigmoid": [],
            "LeakyRelu": [0.2],
            "HardSigmoid": [0.3, 0.4],
            "Clip": [-0.5, 0.6],
        }.items()
    },
    **{
        f"RotaryEmbedding {list(shape)}, positions {list(where[1].shape)}, interleaved {way}": Fused(
            "RotaryEmbedding", [x(*shape), where, c(9, half), c(9, half)], {"interleaved": way, **rest}
        )
        for shape, half, rest in (
            ((2, 5, 16), 4, {}),
            ((2, 2, 5, 8), 4, {}),
            ((2, 5, 16), 2, {"num_heads": 2, "rotary_embedding_dim": 4}),
        )
        for where in (("x", RNG.integers(0, 7, (2, 5))), ("x", np.array([2])))
        for way in (0, 1)
    },
    **{
        f"MatMulNBits of {bits} bits, zero points {zero}": Fused(
            "MatMulNBits",
            [
                x(2, 3, 40),
                ("c", RNG.integers(0, 256, (6, 3, 2 * bits)).astype(np.uint8)),
                ("c", np.abs(r(18)) * 0.1),
                {
                    "none": None,
                    "packed": ("c", RNG.integers(0, 256, 6 * -(-3 * bits // 8)).astype(np.uint8)),
                    "real": c(6, 3),
                }[zero],
                None,
                c(6),
            ],
            {"N": 6, "K": 40, "bits": bits, "block_size": 16},
        )
        for bits in (2, 4, 8)
        for zero in ("none", "packed", "real")
        if (bits, zero) != (8, "real")
    },
    **{
        f"GatherBlockQuantized of {bits} bits, zero points {zero}": Fused(
            "GatherBlockQuantized",
            [
                ("c", RNG.integers(0, 256, (7, 4 * bits)).astype(np.uint8)),
                ints(7, 2, 5),
                ("c", np.abs(r(7, 2))),
                *([("c", RNG.integers(0, 256, (7, -(-2 * bits // 8))).astype(np.uint8))] if zero else []),
            ],
            {"bits": bits, "block_size": 16, "quantize_axis": 1},
        )
        for bits in (2, 4, 8)
        for zero in (False, True)
    },
}

CASES |= {
    "Pad": Fused(
        "Pad",
        [x(2, 5), ("c", np.array([0, 1, 2, 3])), ("c", np.array([0.5], np.float32))],
        {"mode": "constant"},
    ),
    "Pad, one row of counts": Fused("Pad", [x(2, 5), ("c", np.array([[1, 0, 0, 2]]))]),
    "Pad, reflected": Fused("Pad", [x(4, 5), ("c", np.array([1, 2, 3, 2]))], {"mode": "reflect"}),
    "Pad that takes away": Fused("Pad", [x(4, 5), ("c", np.array([-1, 2, 0, -2]))], opset=18),
    **{
        f"ExpandDims at {axis}": Fused("ExpandDims", [x(3, 5), ("c", np.array(axis, np.int32))])
        for axis in (0, 1, 2, -1, -2, -3)
    },
    **{
        f"GridSample, {mode}, {padding}, {corners}, opset {opset}": Fused(
            "GridSample",
            [x(2, 3, 6, 5), x(2, 4, 3, 2)],
            {"mode": mode, "padding_mode": padding, "align_corners": corners},
            opset=opset,
        )
        for mode in ("bilinear", "nearest", "bicubic")
        for padding in ("zeros", "border", "reflection")
        for corners in (0, 1)
        for opset in ((17, 20) if padding == "zeros" else (11,))
    },
    "GridSample, the defaults": Fused("GridSample", [x(1, 2, 5, 5), x(1, 4, 3, 2)]),
    "CDist": Fused("CDist", [x(4, 6), x(5, 6)], {"metric": "euclidean"}),
    "CDist, squared": Fused("CDist", [x(4, 6), c(3, 6)], {"metric": "sqeuclidean"}),
    "CDist, the default": Fused("CDist", [x(4, 6), x(3, 6)]),
}

SMALL = ("x", r(2, 3, 8) * 1e-3)
SMALL_TABLES = [("c", r(9, 8) * 1e-3), ("c", r(7, 8) * 1e-3)]
CASES |= {
    "SkipLayerNormalization of small numbers": Fused("SkipLayerNormalization", [SMALL, SMALL, *SCALES]),
    "SkipSimplifiedLayerNormalization of small numbers": Fused(
        "SkipSimplifiedLayerNormalization", [SMALL, SMALL, c(8)]
    ),
    "SimplifiedLayerNormalization of small numbers": Fused(
        "SimplifiedLayerNormalization", [SMALL, c(8)], domain=""
    ),
    "LayerNormalization of small numbers": Fused("LayerNormalization", [SMALL, c(8)], domain="", opset=14),
    "EmbedLayerNormalization of small numbers": Fused(
        "EmbedLayerNormalization",
        [ints(9, 2, 5), None, *SMALL_TABLES, None, *SCALES],
        {},
        (True, True),
        **EMBED,
    ),
}
"""Where the default epsilon counts."""


@pytest.mark.parametrize("name", CASES)
def test_a_fused_operator_is_written_out_exactly(name: str) -> None:
    assert error_of(CASES[name]) < EXACT


def found(case: Fused) -> list[Array]:
    proto, feeds = model_of(case)
    return written_out(proto, feeds)


def given(case: Fused) -> list[Array]:
    return [each[1] for each in case.operands if each is not None]


def test_a_bias_and_a_residual_are_added() -> None:
    for op_type in ("BiasAdd", "BiasDropout"):
        case = Fused(op_type, [x(2, 3, 8), c(8), x(2, 3, 8)])
        a, b, skip = given(case)
        assert worst([a + b + skip], found(case)) < EXACT


@pytest.mark.parametrize("axis", [3, 2])
def test_a_softmax_of_a_sum_is_over_all_axes_from_its_own_on(axis: int) -> None:
    case = Fused("BiasSoftmax", [x(2, 3, 4, 5), x(2, 1, 1, 5)], {"axis": axis, "is_inner_broadcast": 1})
    a, b = given(case)
    rows = np.exp((a + b).reshape(*a.shape[:axis], -1))
    assert worst([(rows / rows.sum(-1, keepdims=True)).reshape(a.shape)], found(case)) < EXACT


def test_one_half_gates_the_other_by_gelu() -> None:
    torch = pytest.importorskip("torch")
    case = Fused("BiasSplitGelu", [x(2, 3, 8), c(8)])
    a, b = given(case)
    left, right = torch.from_numpy(a + b).chunk(2, -1)
    assert worst([(left * torch.nn.functional.gelu(right)).numpy()], found(case)) < EXACT


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("silu", [0, 1])
def test_a_group_norm_is_pytorchs(last: int, silu: int) -> None:
    torch = pytest.importorskip("torch")
    shape = (2, 3, 4, 8) if last else (2, 8, 3, 4)
    case = Fused(
        "GroupNorm",
        [x(*shape), c(8), c(8)],
        {"groups": 4, "activation": silu, "channels_last": last, "epsilon": 0.1},
    )
    picture, scale, bias = (torch.from_numpy(each) for each in given(case))
    truth = torch.nn.functional.group_norm(picture.movedim(-1, 1) if last else picture, 4, scale, bias, 0.1)
    truth = torch.nn.functional.silu(truth) if silu else truth
    assert worst([(truth.movedim(1, -1) if last else truth).numpy()], found(case)) < EXACT


def test_a_group_norm_of_a_sum_gives_the_sum_too() -> None:
    torch = pytest.importorskip("torch")
    case = Fused("SkipGroupNorm", [x(2, 3, 4, 8), c(8), c(8), x(2, 8), c(8)], {"groups": 4}, (True, True))
    a, scale, bias, skip, more = (torch.from_numpy(each) for each in given(case))
    total = a + skip[:, None, None] + more
    truth = torch.nn.functional.group_norm(total.movedim(-1, 1), 4, scale, bias, 1e-5).movedim(1, -1)
    assert worst([truth.numpy(), total.numpy()], found(case)) < EXACT


def test_a_convolution_of_channels_last() -> None:
    torch = pytest.importorskip("torch")
    case = Fused("NhwcConv", [x(1, 6, 6, 4), c(6, 3, 3, 2), c(6)], {"pads": [1, 0, 1, 0], "group": 2})
    picture, weight, bias = (torch.from_numpy(each) for each in given(case))
    truth = torch.nn.functional.conv2d(
        picture.movedim(-1, 1), weight.movedim(-1, 1), bias, padding=(1, 0), groups=2
    )
    assert worst([truth.movedim(1, -1).numpy()], found(case)) < EXACT


def test_a_product_and_its_activation() -> None:
    case = Fused("FusedMatMulActivation", [x(2, 3, 4), x(2, 4, 5)], {"activation": "Relu", "alpha": 0.5})
    a, b = given(case)
    assert worst([np.maximum(a @ b * 0.5, 0)], found(case)) < EXACT


def test_a_bias_is_inside_a_tanh_gelu() -> None:
    torch = pytest.importorskip("torch")
    case = Fused("GemmFastGelu", [x(2, 3, 4), c(4, 8), c(8)])
    a, b, bias = (torch.from_numpy(each) for each in given(case))
    truth = torch.nn.functional.gelu(a @ b + bias, approximate="tanh")
    assert worst([truth.numpy()], found(case)) < EXACT


@pytest.mark.parametrize("level", [0, 4])
def test_only_a_product_that_rounds_its_input_makes_the_source_a_quantized_one(level: int) -> None:
    case = CASES["MatMulNBits with groups"]
    case.attributes["accuracy_level"] = level
    try:
        assert is_quantized(ir.from_proto(model_of(case)[0])) == (level == 4)
    finally:
        del case.attributes["accuracy_level"]


def test_operators_called_as_standard_ones_are_standard_ones() -> None:
    upper = np.triu(r(3, 4))
    case = Fused("Trilu", [("x", upper + np.tril(r(3, 4), -1))], {"upper": 1})
    assert worst([upper], found(case)) < EXACT


@pytest.mark.parametrize(
    ("case", "match"),
    [
        (
            Fused("FusedGemm", [x(3, 4), c(4, 5)], {"activation": "Mish"}),
            "'fused' .FusedGemm.: the activation 'Mish'.*without ONNX Runtime's",
        ),
        (
            Fused("SkipLayerNormalization", [x(2, 3, 8), x(2, 3, 8), c(8)], outputs=(True, True)),
            "output 1 .a statistic",
        ),
        (Fused("GroupNorm", [x(2, 3, 4, 8), c(8), c(8)], {"groups": 3}), "8 channels in 3 groups"),
        (
            Fused(
                "MatMulNBits",
                [x(2, 32), ("x", np.zeros((6, 2, 8), np.uint8)), c(12)],
                {"N": 6, "K": 32, "bits": 4, "block_size": 16},
            ),
            "input 1 is computed",
        ),
        (
            Fused(
                "RotaryEmbedding",
                [x(2, 5, 16), ("x", np.array([2])), c(9, 4), c(9, 4)],
                {"is_packed_batching": 1},
            ),
            "padded batch",
        ),
        (
            Fused("Inverse", [x(2, 4, 4)]),
            "Inverse of domain 'com.microsoft' is not a standard.*make the inverse an input",
        ),
        (Fused("NhwcMaxPool", [x(1, 4, 4, 2)]), "optimizer wrote it: convert the model from before"),
        (Fused("Rfft", [x(2, 8)]), "ONNX Runtime alone has it. Export the model in standard operators"),
        (Fused("Pad", [x(2, 5), ("x", np.array([0, 1, 2, 3]))]), "input 1 is computed"),
        (
            Fused("Normalizer", [x(2, 5)], domain="ai.onnx.ml"),
            "compute it on the host, beside the model$",
        ),
        (
            Fused("Scribble", [x(2, 5)], domain="my.domain"),
            "Give the model a function of that name in standard operators",
        ),
    ],
)
def test_what_is_refused_names_the_node_and_what_to_do(case: Fused, match: str) -> None:
    with pytest.raises(UnsupportedOperator, match=match):
        found(case)


def test_a_fused_operator_behind_an_open_shape_is_refused_by_name() -> None:
    """The shape of what NonZero gives depends on the numbers."""
    nodes = [
        helper.make_node("NonZero", ["x"], ["found"]),
        helper.make_node("Cast", ["found"], ["real"], to=1),
        helper.make_node("QuickGelu", ["real"], ["y"], domain="com.microsoft", name="gelu"),
    ]
    ends = [helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", [4]), ("y", None))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = ir.from_proto(helper.make_model(graph, opset_imports=opsets, ir_version=8))
    with pytest.raises(UnsupportedOperator, match=r"'gelu': QuickGelu .* shape of 'real' is open.*--shape"):
        canonicalize(model)


def test_every_operator_of_the_table_is_tested() -> None:
    """Here, or in test_fused_attention.py."""
    own = {case.op_type for case in CASES.values()}
    attention = {"Attention", "MultiHeadAttention", "GroupQueryAttention"}
    without_kernel = {
        "BiasAdd", "BiasDropout", "BiasSoftmax", "BiasSplitGelu", "GroupNorm", "SkipGroupNorm", "NhwcConv",
        "FusedMatMulActivation", "GemmFastGelu",
    }  # fmt: skip
    canonical = {"Gelu"}
    assert set(FUSED) == (own | attention | without_kernel) - canonical


def test_a_model_needs_no_import_of_the_domain_for_what_stands_in_the_standard_one() -> None:
    """ONNX Runtime's optimizer writes SimplifiedLayerNormalization there, and imports nothing more for it."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[2,3,8] x) => (float[2,3,8] y) '
        "<float[8] s = {1, 2, 3, 4, 5, 6, 7, 8}> { y = SimplifiedLayerNormalization<axis = -1, epsilon = 0.1>(x, s) }"
    )
    made = ir.from_proto(model)
    canonicalize(made)
    x = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32)
    right = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + 0.1) * np.arange(1, 9, dtype=np.float32)
    np.testing.assert_allclose(Reference(made).run({"x": x})["y"], right, rtol=1e-5)
