"""Whether a part has the inputs and outputs that a driver uses."""

from __future__ import annotations

import pytest

from edgemm.tasks.driver import Sizes, Tensors, misfits
from edgemm.tensors import TensorSpec

HEARD = TensorSpec("heard", (1, 80, -1), "float32")
TOKEN = TensorSpec("token", (1, 1), "int64")
SCORES = TensorSpec("scores", (1, 1, 9), "float32")


def wrong(expected: Tensors) -> str:
    return misfits(expected, (HEARD, TOKEN), (SCORES,))


@pytest.mark.parametrize(
    "sizes",
    [None, (1, 80, None), (1, 80, 30), (None, None, None), (1, 80, -1)],
)
def test_an_open_size_fits_to_any(sizes: Sizes | None) -> None:
    assert wrong(Tensors({"heard": sizes})) == ""


@pytest.mark.parametrize(("sizes", "told"), [((1, 40, None), "1, 40, any"), ((1, 80), "1, 80"), ((), "")])
def test_another_shape_is_told(sizes: Sizes, told: str) -> None:
    assert (
        wrong(Tensors({"heard": sizes})) == f"expected an input 'heard' of shape [{told}], found [1, 80, -1]"
    )


def test_a_missing_name_is_told_with_those_that_are_there() -> None:
    assert wrong(Tensors({"past": None})) == "expected an input 'past', found 'heard', 'token'"
    assert wrong(Tensors({"heard": None}, {"logits": None})) == "expected an output 'logits', found 'scores'"
    assert misfits(Tensors({"x": None}), (), ()) == "expected an input 'x', found none"


def test_outputs_are_looked_at_too() -> None:
    assert wrong(Tensors({}, {"scores": (1, None, 9)})) == ""
    assert wrong(Tensors({}, {"scores": (1, -1, 9)})) == ""
    assert "an output 'scores' of shape [1, any, 8]" in wrong(Tensors({}, {"scores": (1, None, 8)}))


def test_more_than_the_driver_uses_is_no_fault() -> None:
    assert wrong(Tensors()) == ""
