"""Resize in TFLite's own operators: where its coordinates are ONNX's it is the same, and elsewhere it is not used."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from edgemm.converters.tflite import TfliteFile
from edgemm.converters.tflite.expand import expand_for_tflite
from tests.converters.tflite.conftest import KERNELS, Network, ints, normal, operator_codes, run_tflite
from tests.converters.tflite.test_written_for_xnnpack import partitions, source

NEAREST = [
    f'mode="nearest", coordinate_transformation_mode="{mode}", nearest_mode="{rounding}"'
    for mode, rounding in product(
        ("half_pixel", "asymmetric", "align_corners"),
        ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"),
    )
]
LINEAR = [
    f'mode="linear", coordinate_transformation_mode="{mode}"'
    for mode in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
]
SIZES = [
    ((5, 6), (10, 12)), ((4, 4), (12, 8)), ((7, 5), (10, 13)), ((9, 8), (3, 4)), ((6, 7), (6, 21)), ((3, 4), (1, 1)),
    ((1, 1), (3, 4)), ((3, 2), (24, 14)),
]  # fmt: skip


def resize(text: str, old: Any, new: Any, channels: int = 3) -> tuple[str, dict[str, Any]]:
    """A graph with one Resize between two convolutions, and its constants."""
    spatial, after = ",".join(map(str, old)), ",".join(map(str, new))
    graph = (
        f"g (float[1,{channels},{spatial}] x) => (float[1,{channels},{after}] y) {{ a = Conv(x, w) "
        f"b = Resize<{text}>(a, , , s) y = Conv(b, w) }}"
    )
    ones = (1,) * len(old)
    return graph, {"w": normal(channels, channels, *ones), "s": ints(1, channels, *new)}


def written(text: str, old: Any, new: Any, kernels: str) -> TfliteFile:
    """The float file, which computes what ONNX Runtime does of the source."""
    graph, constants = resize(text, old, new)
    network, plain = Network(graph, **constants), source(graph, constants)
    expand_for_tflite(network.model)
    file = network.write(network.float_plan())
    for sample in network.samples[:2]:
        expected = plain.run(sample)["y"]
        found = run_tflite(file, sample, kernels)[0]
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * np.abs(expected).max())
    return file


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("text", [*NEAREST, *LINEAR])
def test_every_resize_is_what_onnxruntime_makes_of_it(text: str, kernels: str) -> None:
    for old, new in SIZES:
        written(text, old, new, kernels)


@pytest.mark.parametrize("text", LINEAR)
def test_linear_is_one_operator_that_the_delegate_takes(text: str) -> None:
    file = written(text, (5, 6), (10, 13), "xnnpack")
    assert operator_codes(file) == ["CONV_2D", "RESIZE_BILINEAR", "CONV_2D"]
    assert partitions(file)[0] == 1


@pytest.mark.parametrize("times", [(2, 2), (1, 3), (4, 1), (6, 10)])
def test_whole_multiples_of_the_nearest_stay_with_the_delegate(times: tuple[int, int]) -> None:
    file = written(NEAREST[4], (3, 4), (3 * times[0], 4 * times[1]), "xnnpack")
    codes = operator_codes(file)
    assert set(codes) == {"CONV_2D", "CONCATENATION", "RESHAPE"}
    assert codes.count("RESHAPE") == (1 if times[0] == 1 else 2)  # rows alone need one before they are joined
    assert partitions(file)[0] == 1


def test_another_nearest_is_one_operator_in_its_coordinates_and_written_out_in_others() -> None:
    asymmetric = written(NEAREST[4], (5, 6), (7, 42), "builtin")
    assert operator_codes(asymmetric) == ["CONV_2D", "RESIZE_NEAREST_NEIGHBOR", "CONV_2D"]
    shifted = written(NEAREST[5], (5, 6), (7, 8), "builtin")  # ceil: TFLite has no such rounding
    assert "GATHER" in operator_codes(shifted)


@pytest.mark.parametrize(
    "text",
    ['mode="cubic"', 'mode="linear", antialias=1', 'mode="linear", keep_aspect_ratio_policy="not_larger"'],
)
def test_what_tflite_lacks_is_written_out(text: str) -> None:
    graph, constants = resize(text, (8, 8), (4, 4))
    network = Network(graph, **constants)
    expand_for_tflite(network.model)
    assert not {"RESIZE_BILINEAR", "CONCATENATION"} & set(operator_codes(network.write(network.float_plan())))


def test_channels_are_no_picture() -> None:
    graph = 'g (float[1,3,4,4] x) => (float[1,6,8,8] y) { y = Resize<mode="nearest">(x, , , s) }'
    network, plain = Network(graph, s=ints(1, 6, 8, 8)), source(graph, {"s": ints(1, 6, 8, 8)})
    expand_for_tflite(network.model)
    file = network.write(network.float_plan())
    assert "GATHER" in operator_codes(file)
    sample = network.samples[0]
    np.testing.assert_allclose(run_tflite(file, sample)[0], plain.run(sample)["y"], atol=1e-5)


@pytest.mark.parametrize("text", [NEAREST[4], LINEAR[0]])
def test_a_line_is_a_picture_of_one_row(text: str) -> None:
    file = written(text, (6,), (12,), "xnnpack")
    assert ("RESIZE_BILINEAR" in operator_codes(file)) is ("linear" in text)
    assert partitions(file)[0] == 1


@pytest.mark.parametrize("target", ["cpu", "coral"])
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("text", [NEAREST[4], NEAREST[3], LINEAR[0], LINEAR[1], LINEAR[2]])
@pytest.mark.parametrize("new", [(10, 12), (7, 9)])
def test_integers_stay_on_their_grid(text: str, new: tuple[int, int], kernels: str, target: str) -> None:
    """The picture alone: what ONNX Runtime makes of the numbers that the integers stand for, to a step."""
    constants: dict[str, Any] = {"s": ints(1, 3, *new)}
    graph = f"g (float[1,3,5,6] x) => (float[1,3,{new[0]},{new[1]}] y) {{ y = Resize<{text}>(x, , , s) }}"
    network, plain = Network(graph, **constants), source(graph, constants)
    expand_for_tflite(network.model)
    plan = network.static_plan(target=target)
    file = network.write(plan)
    assert plan.activations["x"].same_as(plan.activations["y"])
    moves = {"CONCATENATION", "RESHAPE", "TRANSPOSE"}
    assert set(operator_codes(file)) <= {*moves, "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}
    step = plan.activations["y"].scalar
    most = 1.01 if "linear" in text else 0.01
    for sample in network.samples[:4]:
        grid = plan.activations["x"]
        stored = grid.dequantize(grid.quantize(sample["x"]))
        expected = plain.run({"x": stored})["y"]
        assert np.abs(run_tflite(file, {"x": stored}, kernels)[0] - expected).max() <= most * step
