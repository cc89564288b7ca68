"""Einsum in both formats, against NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from edgemm.converters.passes.express.einsum import parse_equation
from edgemm.errors import ConversionError

CASES: list[tuple[str, list[tuple[int, ...]]]] = [
    ("ij->ji", [(3, 4)]), ("ij->", [(3, 4)]), ("ii->i", [(4, 4)]), ("ii", [(4, 4)]), ("bii->bi", [(2, 4, 4)]),
    ("iii->i", [(3, 3, 3)]), ("iji->j", [(3, 4, 3)]), ("i...->...", [(3, 4, 5)]), ("ij->ij", [(1, 1)]),
    ("i,i->", [(5,), (5,)]), ("i,j->ij", [(5,), (4,)]), ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
    ("bhqd,bhkd->bhqk", [(2, 2, 5, 4), (2, 2, 6, 4)]), ("bqhd,bkhd->bhqk", [(2, 5, 2, 4), (2, 6, 2, 4)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 4), (2, 5, 4, 6)]), ("bi,oi->bo", [(3, 4), (5, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]), ("b i, b j -> b i j", [(2, 3), (2, 4)]), ("ij,ij->ij", [(1, 3), (4, 3)]),
    ("ij,jk->ik", [(4, 1), (3, 2)]), (",i->i", [(), (3,)]), ("bsd,dhk->bshk", [(2, 3, 4), (4, 2, 5)]),
    ("abcde,abcfe->abcdf", [(2, 2, 2, 3, 4), (2, 2, 2, 5, 4)]), ("ba,b->ab", [(2, 3), (2,)]),
    ("b,ba->ab", [(2,), (2, 3)]), ("b...,b->...", [(3, 2, 4), (3,)]), ("iij,jk->ik", [(3, 3, 4), (4, 2)]),
    ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 5)]), ("abc,bd,cd->a", [(2, 3, 4), (3, 5), (4, 5)]),
    ("a,b,c,d->abcd", [(2,), (3,), (2,), (2,)]),
]  # fmt: skip


def _graph(equation: str, arrays: list[Any], fixed: set[int]) -> onnx.ModelProto:
    kind = onnx.helper.np_dtype_to_tensor_dtype(arrays[0].dtype)
    names = "abcdefg"[: len(arrays)]
    made = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Einsum", list(names), ["y"], equation=equation)],
        "g",
        [
            made(name, kind, array.shape)
            for i, (name, array) in enumerate(zip(names, arrays, strict=False))
            if i not in fixed
        ],
        [made("y", kind, np.einsum(equation.replace(" ", ""), *arrays).shape)],
        [onnx.numpy_helper.from_array(arrays[i], names[i]) for i in fixed],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("kind", ["real", "whole", "first constant"])
@pytest.mark.parametrize(("equation", "shapes"), CASES)
def test_every_equation_is_numpys(
    agree: Any, operators: Any, rng: Any, equation: str, shapes: list[tuple[int, ...]], kind: str
) -> None:
    if kind == "first constant" and len(shapes) == 1:
        pytest.skip("with a constant alone nothing is left to compute")
    arrays = [
        rng.integers(-9, 9, shape) if kind == "whole" else rng.standard_normal(shape).astype(np.float32)
        for shape in shapes
    ]
    proto = _graph(equation, arrays, {0} if kind == "first constant" else set())
    truth = np.asarray(np.einsum(equation.replace(" ", ""), *arrays), arrays[0].dtype)
    agree(proto, dict(zip("abcdefg", arrays, strict=False)), [truth])
    assert "Einsum" not in operators(proto)


def test_a_constant_operand_is_a_layer(operators: Any, rng: Any) -> None:
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((5, 4), (3, 4))]
    assert "Gemm" in operators(_graph("oi,bi->bo", arrays, {0}))


@pytest.mark.parametrize(
    ("equation", "ranks", "words"),
    [
        ("ij,jk->ik", [2], "has 2 operands"),
        ("ij->ji", [3], "does not fit 3 dimensions"),
        ("ij->jk", [2], "not there"),
        ("i1->i", [2], "does not fit"),
        ("ij->ii", [2], "twice"),
    ],
)
def test_an_equation_that_does_not_fit_is_refused(equation: str, ranks: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_equation(equation, ranks)


def test_sizes_that_contradict_each_other_are_an_error(operators: Any, graph: Any) -> None:
    with pytest.raises(ConversionError):
        operators(
            graph("""g (float[2,3] a, float[4,5] b) => (float[2,5] y) {
            y = Einsum<equation="ij,jk->ik">(a, b) }""")
        )
