"""The names of the host side that users and the two writers build on."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

import edgemm.quantize
from edgemm.converters import convert
from edgemm.instructions import instructions
from edgemm.quantize.plan import Plan
from edgemm.quantize.target import TARGETS, Target, target


def test_the_plan_has_these_fields_in_this_order() -> None:
    names = [field.name for field in fields(Plan)]
    assert names == ["target", "scheme", "precision", "activations", "weights", "notes", "beyond"]


def test_a_target_has_these_fields() -> None:
    names = {field.name for field in fields(Target)}
    assert names >= {
        "name",
        "activations_symmetric",
        "weight_dtype",
        "per_channel",
        "integer_only",
        "io_integer",
    }


def test_the_targets() -> None:
    assert set(TARGETS) == {"cpu", "x86", "vnni", "arm", "tensorrt", "coral", "tflite-2.14"}
    assert target("here") is TARGETS[instructions().target]
    assert target("vnni").weight_dtype == "int8"
    assert TARGETS["tensorrt"].activations_symmetric
    assert TARGETS["coral"].integer_only


def test_an_unknown_target_lists_those_that_are() -> None:
    with pytest.raises(edgemm.InputError, match="arm"):
        target("toaster")


@pytest.mark.parametrize(
    "name", ["calibrate", "lint", "make_plan", "check_plan", "explain_plan", "Calibration"]
)
def test_a_name_of_quantize_resolves(name: str) -> None:
    assert inspect.getdoc(getattr(edgemm.quantize, name))


def test_convert_takes_these() -> None:
    expected = [
        "source", "example_inputs", "output", "calibrate", "evaluate", "card", "preset", "scheme", "target", "gate",
        "min_db", "shapes", "constants", "settings", "limit", "repair", "repair_seconds", "explain", "stepwise",
        "keep_outputs", "progress", "outputs", "inputs", "prefer", "costs",
    ]  # fmt: skip
    assert list(inspect.signature(convert).parameters) == expected
