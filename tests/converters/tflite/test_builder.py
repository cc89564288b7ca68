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
