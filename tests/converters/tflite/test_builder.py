"""The bytes: equal for equal graphs, aligned, with a signature and the oldest runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ai_edge_litert.interpreter import Interpreter

from edgemm.converters.tflite.schema import enum, schema


@pytest.mark.parametrize("scheme", ["float", "static", "dynamic"])
def test_equal_conversions_are_equal_bytes(named: Callable[[str], Any], scheme: str) -> None:
    first, second = named("mobilenet"), named("mobilenet")
    payloads = [network.write(getattr(network, f"{scheme}_plan")()).payload for network in (first, second)]
    assert payloads[0] == payloads[1]


def test_constants_are_aligned_to_16_bytes(named: Callable[[str], Any]) -> None:
    network = named("plain")
    payload = network.write(network.static_plan()).payload
    model = schema().Model.GetRootAs(payload, 0)
    tables = [model.Buffers(index) for index in range(model.BuffersLength())]
    starts = [table._tab.Vector(table._tab.Offset(4)) for table in tables if not table.DataIsNone()]
    assert len(starts) > 6
    assert {start % 16 for start in starts} == {0}


def test_the_signature_has_the_names_of_the_graph(named: Callable[[str], Any]) -> None:
    network = named("lower_rank_addend")
    interpreter = Interpreter(model_content=network.write(network.float_plan()).payload)
    assert interpreter.get_signature_list() == {"serving_default": {"inputs": ["x", "z"], "outputs": ["y"]}}


@pytest.mark.parametrize(
    ("name", "scheme", "runtime"), [("pad_value", "float", "1.9.0"), ("conv_grouped", "static", "2.9.0")]
)
def test_the_oldest_runtime_is_written(
    named: Callable[[str], Any], name: str, scheme: str, runtime: str
) -> None:
    network = named(name)
    payload = network.write(getattr(network, f"{scheme}_plan")()).payload
    model = schema().ModelT.InitFromPackedBuf(payload, 0)
    (entry,) = model.metadata
    assert entry.name == b"min_runtime_version"
    assert model.buffers[entry.buffer].data.tobytes() == runtime.encode().ljust(16, b"\0")


def test_old_readers_find_the_operator_code(named: Callable[[str], Any]) -> None:
    network = named("conv_grouped")
    (code,) = schema().ModelT.InitFromPackedBuf(network.write(network.float_plan()).payload, 0).operatorCodes
    assert code.deprecatedBuiltinCode == code.builtinCode == enum("BuiltinOperator", "CONV_2D")


def versions(payload: bytes) -> dict[int, int]:
    """Builtin operator -> version."""
    codes = schema().ModelT.InitFromPackedBuf(payload, 0).operatorCodes
    return {code.builtinCode: code.version for code in codes}


def test_five_dimensions_have_versions_of_their_own(network: Callable[..., Any]) -> None:
    wide = network("g (float[1,2,3,4,5] x) => (float[5,4,3,2,1] y) { y = Transpose<perm=[4,3,2,1,0]>(x) }")
    found = versions(wide.write(wide.float_plan()).payload)
    assert found == {enum("BuiltinOperator", "TRANSPOSE"): 4}


def test_equal_constants_are_stored_once(network: Callable[..., Any], weights: Callable[..., Any]) -> None:
    twice = "kernel_shape=[3,3], pads=[1,1,1,1]"
    text = f"g (float[1,8,6,6] x) => (float[1,8,6,6] y) {{ a = Conv<{twice}>(x, w, b)  y = Conv<{twice}>(a, w, b) }}"
    shared = network(text, w=weights(8, 8, 3, 3), b=weights(8))
    payload = shared.write(shared.float_plan()).payload
    assert payload.count(weights(8, 8, 3, 3).transpose(0, 2, 3, 1).tobytes()) == 1
