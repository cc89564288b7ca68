from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir
import pytest

from edgemm.converters.importers.input_shapes import fix_input_shapes, set_inputs
from edgemm.errors import InputError


def model(*shapes: Sequence[int | str | None] | None) -> ir.Model:
    inputs = [
        ir.Value(name=f"in{i}", shape=None if shape is None else ir.Shape(shape))
        for i, shape in enumerate(shapes)
    ]
    return ir.Model(ir.Graph(inputs, [], nodes=[], opset_imports={"": 17}), ir_version=8)


def fixed(made: ir.Model, given: Mapping[str, Sequence[int]] | None = None) -> list[tuple[int, ...]]:
    fix_input_shapes(made, given or {})
    return [tuple(value.shape.numpy()) for value in made.graph.inputs if value.shape is not None]


def test_an_open_batch_becomes_1() -> None:
    assert fixed(model(["batch", 3, 8, 8])) == [(1, 3, 8, 8)]


def test_a_batch_that_is_given_stays() -> None:
    assert fixed(model([4, 3])) == [(4, 3)]


def test_another_open_dimension_is_named_with_the_option_to_give() -> None:
    with pytest.raises(InputError, match=r"'in0': dimension 2 \('height'\).*--shape in0=1,3,224,8"):
        fixed(model(["batch", 3, "height", 8]))


def test_an_open_only_dimension_is_no_batch() -> None:
    with pytest.raises(InputError, match="--shape in0=16"):
        fixed(model(["samples"]))


def test_a_given_shape_settles_every_dimension() -> None:
    assert fixed(model([None, 3, None, None]), {"in0": (2, 3, 5, 6)}) == [(2, 3, 5, 6)]


def test_a_symbol_settled_by_one_input_is_settled_for_all() -> None:
    assert fixed(model(["n", "t"], ["n", "t"]), {"in0": (1, 7)}) == [(1, 7), (1, 7)]


def test_an_input_without_any_shape_must_be_given() -> None:
    with pytest.raises(InputError, match="has no shape"):
        fixed(model(None))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"other": (1,)}, "no such input; it has in0"),
        ({"in_0": (1,)}, "no such input; it has in0.*Did you mean 'in0'?"),
        ({"in0": (1, 3, 8)}, "has 3 dimensions"),
        ({"in0": (1, 4, 8, 8)}, "dimension 1 is 3"),
        ({"in0": (0, 3, 8, 8)}, "at least 1"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(given: Mapping[str, Sequence[int]], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        fixed(model(["batch", 3, 8, 8]), given)


@pytest.mark.parametrize("name", ["?", "unk__0", "", "-1", None])
def test_a_given_shape_wins_over_a_name_that_stands_for_not_known(name: str | None) -> None:
    assert fixed(model([name, 3, name, name]), {"in0": (1, 3, 48, 320)}) == [(1, 3, 48, 320)]


def test_a_placeholder_settles_nothing_for_other_inputs() -> None:
    with pytest.raises(InputError, match="'in1': dimension 1"):
        fixed(model(["?", "?"], ["?", "?"]), {"in0": (1, 7)})


def test_a_proper_name_stands_for_one_size() -> None:
    with pytest.raises(InputError, match="'t' being 7 elsewhere"):
        fixed(model(["n", "t"], ["n", "t"]), {"in0": (1, 7), "in1": (1, 8)})


def test_long_symbolic_shapes_print_short() -> None:
    with pytest.raises(InputError, match="is open") as caught:
        fixed(model(["n", "floor(" * 50 + "w", "h"]))
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("shape", [8, None, "1,8", (1.5, 8), ("a", 8), (10**12, 8)])
def test_what_is_no_shape_is_refused(shape: object) -> None:
    with pytest.raises(InputError, match=r"--shape in0=.*expected"):
        fix_input_shapes(model(["n", 8]), {"in0": shape})  # type: ignore[dict-item]


@pytest.mark.parametrize("number", ["a", None, float("nan")])
def test_a_constant_input_is_a_finite_number(number: object) -> None:
    made = model([1, 8])
    made.graph.inputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    with pytest.raises(InputError, match="expected a finite number"):
        set_inputs(made, {"in0": number})  # type: ignore[dict-item]


def test_a_dimension_of_0_is_told_as_such_and_the_others_are_kept_in_the_advice() -> None:
    with pytest.raises(
        InputError, match=r"dimension 3 of .* is 0, .*without that input.*--shape in0=2,2,4,16,4"
    ):
        fixed(model([2, 2, 4, 0, 4]))
