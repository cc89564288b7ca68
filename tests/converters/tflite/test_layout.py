"""Channels last, and a TRANSPOSE only where somebody asks for another order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("scheme", ["float", "static", "dynamic"])
@pytest.mark.parametrize("name", ["plain", "mobilenet", "residual", "squeeze_excite"])
def test_picture_networks_have_no_transposes(
    named: Callable[[str], Any], codes: Callable[..., list[str]], name: str, scheme: str
) -> None:
    network = named(name)
    file = network.write(getattr(network, f"{scheme}_plan")())
    assert "TRANSPOSE" not in codes(file)


def test_a_1d_network_transposes_its_input_alone(
    named: Callable[[str], Any], codes: Callable[..., list[str]]
) -> None:
    network = named("audio")
    assert codes(network.write(network.float_plan())).count("TRANSPOSE") == 1


def test_pictures_are_nhwc_and_the_port_says_so(named: Callable[[str], Any]) -> None:
    network = named("concat")
    file = network.write(network.float_plan())
    (port,) = file.inputs
    assert (port.spec.shape, port.layout, port.permutation) == ((1, 8, 6, 3), "NHWC", (0, 2, 3, 1))
    assert file.outputs[0].spec.shape == (1, 8, 6, 7)


def test_kept_layout_is_onnx_s(named: Callable[[str], Any]) -> None:
    network = named("concat")
    file = network.write(network.float_plan(), keep_layout=True)
    for port, shape in ((file.inputs[0], (1, 3, 8, 6)), (file.outputs[0], (1, 7, 8, 6))):
        assert (port.spec.shape, port.layout, port.permutation) == (shape, "NCHW", None)


def test_other_ranks_have_no_layout(named: Callable[[str], Any]) -> None:
    network = named("audio")
    file = network.write(network.float_plan())
    assert [(port.layout, port.permutation) for port in (*file.inputs, *file.outputs)] == [("", None)] * 2


def test_flattening_permutes_the_weights_instead_of_the_picture(
    named: Callable[[str], Any], codes: Callable[..., list[str]]
) -> None:
    network = named("plain")
    assert codes(network.write(network.float_plan()))[-3:] == ["RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("conv_same", ["DEPTHWISE_CONV_2D"]),
        ("conv_padded_both_sides", ["PAD", "DEPTHWISE_CONV_2D"]),
        ("conv_grouped", ["CONV_2D"]),
        ("max_pool_padded", ["PADV2", "MAX_POOL_2D"]),
        ("average_pool_same", ["AVERAGE_POOL_2D"]),
    ],
)
def test_pads_are_explicit_only_where_same_and_valid_do_not_say_it(
    named: Callable[[str], Any], codes: Callable[..., list[str]], name: str, expected: list[str]
) -> None:
    network = named(name)
    assert codes(network.write(network.float_plan())) == expected


def test_relu6_is_computed_by_the_convolution(
    named: Callable[[str], Any], codes: Callable[..., list[str]]
) -> None:
    network = named("mobilenet")
    assert not [code for code in codes(network.write(network.float_plan())) if code.startswith("RELU")]


@pytest.mark.parametrize("name", ["softmax_height", "softmax_width"])
def test_an_output_in_a_layout_without_a_name_becomes_nhwc(named: Callable[[str], Any], name: str) -> None:
    network = named(name)
    (port,) = network.write(network.float_plan()).outputs
    assert (port.spec.shape, port.layout, port.permutation) == ((1, 8, 6, 4), "NHWC", (0, 2, 3, 1))


def test_outputs_keep_their_name_in_every_layout(named: Callable[[str], Any]) -> None:
    network = named("residual")
    file = network.write(network.float_plan(), keep_layout=True)
    assert [port.spec.name for port in file.outputs] == ["y"]
