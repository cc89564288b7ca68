"""Resize in the canonical form: `canonical` holds every graph against onnxruntime on the source."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.contract import check_canonical
from edgemm.errors import ConversionError


def factors(*scales: float) -> np.ndarray[Any, Any]:
    return np.array([1, 1, *scales], np.float32)


def resizes(model: ir.Model) -> list[ir.Node]:
    return [node for node in model.graph if node.op_type == "Resize"]


OLD = "g (float[1,2,6,5] x) => (float[1,2,{0},{1}] y) {{ y = {2}(x, scales) }}"


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("scales", [(2, 2), (1.5, 1.5), (2.5, 1), (3, 1.2)])
def test_an_upsample_is_asymmetric(
    build: Any, canonical: Any, mode: str, scales: tuple[float, float]
) -> None:
    height, width = int(6 * scales[0]), int(5 * np.float32(scales[1]))
    text = OLD.format(height, width, f'Upsample<mode="{mode}">')
    canonical(build(text, opset=9, scales=factors(*scales)))


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("scales", [(2, 2), (0.6, 0.6), (0.7, 0.4), (1, 0.6), (0.6, 2.5), (1.7, 0.7)])
def test_a_resize_of_opset_10_is_asymmetric(
    build: Any, canonical: Any, mode: str, scales: tuple[float, float]
) -> None:
    sizes = (int(np.float32(scales[0]) * 6), int(np.float32(scales[1]) * 5))
    text = OLD.format(*sizes, f'Resize<mode="{mode}">')
    canonical(build(text, opset=10, scales=factors(*scales)))


def test_its_scales_may_come_of_shapes(build: Any, canonical: Any) -> None:
    text = """g (float[1,2,6,5] x) => (float[1,2,3,10] y) {
        s = Shape(x)  real = Cast<to=1>(s)  scales = Div(wanted, real)  y = Resize<mode="nearest">(x, scales) }"""
    canonical(build(text, opset=10, wanted=np.array([1, 2, 3, 10], np.float32)))


@pytest.mark.parametrize("opset", [11, 13, 17])
def test_what_is_empty_is_left_out(build: Any, canonical: Any, opset: int) -> None:
    text = 'g (float[1,2,6,5] x) => (float[1,2,9,10] y) { y = Resize<mode="nearest">(x, none, none, sizes) }'
    model = canonical(
        build(text, opset=opset, none=np.zeros(0, np.float32), sizes=np.array([1, 2, 9, 10], np.int64))
    )
    assert [value is None for value in resizes(model)[0].inputs] == [False, True, True, False]


def test_what_is_left_out_at_the_end_is_not_named(build: Any, canonical: Any) -> None:
    text = 'g (float[1,2,6,5] x) => (float[1,2,12,10] y) { y = Resize<mode="nearest">(x, none, scales) }'
    source = build(text, none=np.zeros(0, np.float32), scales=factors(2, 2))
    source.graph[0].resize_inputs(4)
    assert len(resizes(canonical(source))[0].inputs) == 3


def test_a_region_that_no_crop_reads_goes(build: Any, canonical: Any) -> None:
    text = 'g (float[1,2,6,5] x) => (float[1,2,12,10] y) { y = Resize<mode="linear">(x, region, scales) }'
    region = np.array([0, 0, 0, 0, 1, 1, 1, 1], np.float32)
    assert resizes(canonical(build(text, region=region, scales=factors(2, 2))))[0].inputs[1] is None


def test_a_crop_keeps_its_region(build: Any, canonical: Any) -> None:
    text = """g (float[1,2,6,5] x) => (float[1,2,12,10] y) {
        y = Resize<mode="linear", coordinate_transformation_mode="tf_crop_and_resize">(x, region, scales) }"""
    region = np.array([0, 0, 0.2, 0, 1, 1, 0.8, 1], np.float32)
    assert resizes(canonical(build(text, region=region, scales=factors(2, 2))))[0].inputs[1] is not None


@pytest.mark.parametrize("optional", ["", "none"])
def test_the_contract_wants_one_of_scales_and_sizes(build: Any, optional: str) -> None:
    text = 'g (float[1,2,6,5] x) => (float[1,2,12,10] y) { y = Resize<mode="nearest">(x, , scales) }'
    model = build(text, scales=factors(2, 2))
    canonicalize(model)
    node = resizes(model)[0]
    node.resize_inputs(4)
    none = ir.tensor(np.zeros(0, np.int64), name="none")
    value = ir.Value(name="none", shape=ir.Shape([0]), type=ir.TensorType(none.dtype), const_value=none)
    if optional:
        model.graph.register_initializer(value)
        node.replace_input_with(3, value)
    with pytest.raises(ConversionError, match=r"named all the same|either scales or sizes"):
        check_canonical(model)


ROUNDED = """g (float[1,2,30,20] x) => (float[1,2,h,w] y) {{
    a = Relu(x) b = {0} s = Shape(b) c = Relu(b) y = Reshape(c, s) }}"""


@pytest.mark.parametrize(
    ("operator", "opset"),
    [
        ('Resize<mode="linear">(a, , f)', 17),
        (
            'Resize<mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor">(a, , f)',
            13,
        ),
        ('Resize<mode="linear", coordinate_transformation_mode="align_corners">(a, , f)', 17),
        ('Resize<mode="linear", axes=[2, 3]>(a, , g)', 18),
        ('Resize<mode="nearest">(a, f)', 10),
        ('Upsample<mode="nearest">(a, u)', 9),
    ],
)
def test_sizes_are_those_of_onnxruntime(build: Any, canonical: Any, operator: str, opset: int) -> None:
    """0.7 in float32 is less than 0.7; 30 times that is 21 in float32."""
    constants = {"f": factors(0.7, 0.7), "g": np.array([0.7, 0.7], np.float32), "u": factors(1.1, 1.15)}
    used = {name: array for name, array in constants.items() if f" {name})" in operator}
    model = canonical(build(ROUNDED.format(operator), opset=opset, **used))
    expected = (33, 23) if "u)" in operator else (21, 14)
    assert tuple(model.graph.outputs[0].shape.numpy()[2:]) == expected


def test_scales_that_all_multiply_alike_stay(build: Any, canonical: Any) -> None:
    text = ROUNDED.format('Resize<mode="linear">(a, , f)')
    (node,) = resizes(canonical(build(text, f=factors(0.51, 1.5))))
    assert node.inputs[2] is not None


def test_a_crop_keeps_its_scales(build: Any, canonical: Any) -> None:
    operator = 'Resize<mode="linear", coordinate_transformation_mode="tf_crop_and_resize">(a, roi, f)'
    roi = np.array([0, 0, 0.1, 0.1, 1, 1, 0.6, 0.6], np.float32)
    model = canonical(build(ROUNDED.format(operator), f=factors(0.7, 0.7), roi=roi))
    assert [value is not None for value in resizes(model)[0].inputs] == [True, True, True]
