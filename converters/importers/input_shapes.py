"""Static shapes for a model's inputs: the batch becomes 1; time, and the rest, must be known."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.choices import hint
from edgemm.converters.importers.open_time import feeds_time, named_time
from edgemm.errors import InputError

EXAMPLE = (1, 3, 224, 224)
LIMIT_ELEMENTS = 1 << 28
"""Of an input: 1 GB in float32, far beyond what an edge device takes."""
PLACEHOLDER = re.compile(
    r"|\?|-1|\*|none|null|nan|unk.*|unnamed.*|unspecified.*|dyn(amic)?[._]?.*", re.IGNORECASE
)
"""Names that exporters write for "unknown": two dimensions of that name may differ."""
LONGEST_NAME = 24
"""Characters of a dimension's name in a message: exporters write whole formulas there."""
SHOWN = 4
"""Inputs in a note."""
USUAL_STEPS = 16
"""In the example of a message."""
OPEN_BATCH = "the open first dimension of"
"""How the note begins."""
TAKEN = "edgemm.taken_as_1"
"""Key of an input's `meta`: what its open first dimension was taken as."""


def fix_input_shapes(
    model: ir.Model, shapes: Mapping[str, Sequence[int]], *, time_axis: int | None = None
) -> tuple[str, ...]:
    """Gives every input a static shape, in place.

    A symbol that one input's shape settles is settled for every input. An open first dimension becomes 1 where it is no
    time; `note_of_batch` says of which inputs.

    Args:
        shapes: input name -> whole shape.
        time_axis: the dimension of the inputs that is time, of a model that is to run step by step.

    Returns:
        The inputs whose open first dimension became 1.

    Raises:
        InputError: `shapes` contradicts the model, or a dimension is left open.
    """
    inputs = [value for value in model.graph.inputs if not value.is_initializer()]
    _refuse_unknown_names(inputs, shapes)
    _refuse_what_is_no_shape(shapes)
    symbols: dict[str, int] = {}
    for value in inputs:
        if str(value.name) in shapes:
            _learn(value, tuple(shapes[str(value.name)]), symbols)
    taken = [each for each in inputs if each.name not in shapes and _is_taken_as_1(each, symbols)]
    if time_axis != 0:
        _refuse_time(model, taken)
    for value in inputs:
        _fix(value, shapes.get(str(value.name)), symbols)
    _mark(taken, time_axis)
    return tuple(str(value.name) for value in taken)


def mark_batch(model: ir.Model, values: Sequence[ir.Value], time_axis: int | None) -> None:
    """The same for inputs of a graph that was drawn of a file whose open first dimensions had become 1 before.

    Raises:
        InputError: one of them is time.
    """
    for value in values if time_axis != 0 else ():
        found = feeds_time(model, [str(value.name)])
        if found and value.shape is not None:
            was = ir.Value(name=value.name, shape=ir.Shape([None, *list(value.shape)[1:]]))
            raise _open(was, 0, f"time, it feeds {found}")
    _mark(values, time_axis)


def _mark(values: Sequence[ir.Value], time_axis: int | None) -> None:
    for value in values:
        value.meta[TAKEN] = "one step" if time_axis == 0 else "a batch of 1"


def note_of_batch(inputs: Sequence[ir.Value]) -> tuple[str, ...]:
    """A note, where `fix_input_shapes` took open first dimensions as 1."""
    found: dict[str, list[str]] = {}
    for value in inputs:
        if TAKEN in value.meta:
            found.setdefault(value.meta[TAKEN], []).append(repr(str(value.name)))
    return tuple(
        f"{OPEN_BATCH} {_named(names)} was taken as {what}; --shape gives another"
        for what, names in found.items()
    )


def _named(names: Sequence[str]) -> str:
    rest = f" and {len(names) - SHOWN} others" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest


def _is_taken_as_1(value: ir.Value, symbols: Mapping[str, int]) -> bool:
    if value.shape is None or value.shape.rank() < 2:
        return False
    first = value.shape[0]
    return not (isinstance(first, int) and first > 0) and _symbol(first) not in symbols


def _refuse_time(model: ir.Model, taken: Sequence[ir.Value]) -> None:
    """Raises InputError where an open first dimension is time.

    Args:
        taken: inputs whose first dimension is open.
    """
    known: dict[str, str] = {}
    for value in taken:
        symbol = _symbol(value.shape[0]) if value.shape else None
        if symbol is None or symbol not in known:
            alike = [each for each in taken if symbol and each.shape and _symbol(each.shape[0]) == symbol]
            names = [str(each.name) for each in alike] or [str(value.name)]
            known[symbol or ""] = feeds_time(model, names, symbol)
        if known[symbol or ""]:
            raise _open(value, 0, f"time, it feeds {known[symbol or '']}")
        if named_time(symbol):
            raise _open(value, 0, "time by its name")


def set_inputs(model: ir.Model, constants: Mapping[str, float]) -> int:
    """Turns inputs that always have the same value into constants, in place.

    Args:
        constants: input name -> the number that all its elements have; its shape is fixed before.

    Returns:
        How many inputs went.

    Raises:
        InputError: the model has no such input, or another shape than a fixed one.
    """
    names = [str(value.name) for value in model.graph.inputs]
    for name, number in constants.items():
        require_input(name, names)
        value = next(each for each in model.graph.inputs if each.name == name)
        if value.shape is None or not value.shape.is_static() or value.dtype is None:
            raise InputError(f"--set {name}=...: the input has no fixed shape; give --shape {name}=... too")
        require_finite(name, number)
        array = np.full(value.shape.numpy(), number, value.dtype.numpy())
        model.graph.inputs.remove(value)
        value.const_value = ir.tensor(array, name=name)
        model.graph.register_initializer(value)
    return len(constants)


def require_input(name: str, names: Sequence[str]) -> None:
    """Raises InputError where `--set` names an input that is none of these."""
    if name not in names:
        raise InputError(
            f"--set {name}=...: the model has no such input; it has {', '.join(names)}{hint(name, names)}"
        )


def require_finite(name: str, number: object) -> None:
    """Raises InputError where `--set` gives something else than a finite number."""
    if not isinstance(number, int | float | np.number) or not np.isfinite(number):
        raise InputError(f"--set {name}={number!r}: expected a finite number")


def _refuse_what_is_no_shape(shapes: Mapping[str, Sequence[int]]) -> None:
    for name, shape in shapes.items():
        sizes = shape if isinstance(shape, Sequence) and not isinstance(shape, str | bytes) else None
        if sizes is None or not all(isinstance(size, int | np.integer) for size in sizes):
            raise InputError(
                f"--shape {name}={shape!r}: expected whole numbers, such as {name}={_text(EXAMPLE)}"
            )
        if math.prod(int(size) for size in sizes) > LIMIT_ELEMENTS:
            raise InputError(f"--shape {name}={_text(sizes)}: expected at most {LIMIT_ELEMENTS} elements")


def _refuse_unknown_names(inputs: Sequence[ir.Value], shapes: Mapping[str, Sequence[int]]) -> None:
    names = [str(value.name) for value in inputs]
    for name in shapes:
        if name not in names:
            raise InputError(
                f"--shape {name}=...: the model has no such input; it has {', '.join(names)}{hint(name, names)}"
            )


def _learn(value: ir.Value, shape: tuple[int, ...], symbols: dict[str, int]) -> None:
    """Checks a given shape against the model's, and remembers what its symbols stand for."""
    if any(size < 1 for size in shape):
        raise InputError(f"--shape {value.name}={_text(shape)}: every dimension must be at least 1")
    if value.shape is None:
        return
    if len(shape) != value.shape.rank():
        raise InputError(
            f"--shape {value.name}={_text(shape)} has {len(shape)} dimensions, "
            f"the model's input has {value.shape.rank()}: {brief(value.shape)}"
        )
    for position, (size, dim) in enumerate(zip(shape, value.shape, strict=True)):
        known = dim if isinstance(dim, int) and dim > 0 else None
        symbol = _symbol(dim)
        if symbol is not None:
            known = symbols.setdefault(symbol, size)
        if known is not None and known != size:
            because = f", {_short(symbol)!r} being {known} elsewhere" if symbol is not None else ""
            raise InputError(
                f"--shape {value.name}={_text(shape)}: dimension {position} is {known} in the model, not {size}"
                + because
            )


def _symbol(dim: object) -> str | None:
    """The name of an open dimension, where it says that others of that name are equal."""
    name = dim.value if isinstance(dim, ir.SymbolicDim) else None
    return None if name is None or PLACEHOLDER.fullmatch(name.strip()) else name


def brief(shape: ir.Shape | None) -> str:
    """A shape for a message: open dimensions by name, long names cut."""
    if shape is None:
        return "unknown"
    return (
        "["
        + ",".join(_short(str(dim.value) if isinstance(dim, ir.SymbolicDim) else dim) for dim in shape)
        + "]"
    )


def _short(name: object) -> str:
    text = "?" if name in (None, "None", "") else str(name)
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 3] + "..."


def _fix(value: ir.Value, given: Sequence[int] | None, symbols: Mapping[str, int]) -> None:
    if given is not None:
        sizes = tuple(given)
    elif value.shape is None:
        raise InputError(f"input {value.name!r} has no shape; give it: --shape {value.name}={_text(EXAMPLE)}")
    else:
        sizes = tuple(_size(value, position, symbols) for position in range(value.shape.rank()))
    value.shape = ir.Shape(sizes)


def _size(value: ir.Value, position: int, symbols: Mapping[str, int]) -> int:
    shape = value.shape or ir.Shape(())
    dim = shape[position]
    if isinstance(dim, int) and dim > 0:
        return dim
    symbol = _symbol(dim)
    if symbol is not None and symbol in symbols:
        return symbols[symbol]
    if position == 0 and shape.rank() > 1:
        return 1
    raise _open(value, position, "open")


def _open(value: ir.Value, position: int, state: str) -> InputError:
    """Asks for the shape of an input.

    Args:
        state: what its dimension at `position` is.
    """
    shape = value.shape or ir.Shape(())
    rank = shape.rank()
    usual = (1, *((USUAL_STEPS,) * (rank - 1))) if rank > 1 else (USUAL_STEPS,) * rank
    if rank == len(EXAMPLE):
        usual = EXAMPLE
    if position == 0 and rank > 1:
        usual = (USUAL_STEPS, 1, *usual[2:])
    known = [each if isinstance(each, int) and each > 0 else 0 for each in shape]
    example = tuple(each or some for each, some in zip(known, usual, strict=True))
    symbol = _symbol(shape[position])
    called = f" ({_short(symbol)!r})" if symbol else ""
    if shape[position] == 0:
        return InputError(
            f"input {value.name!r}: dimension {position} of {brief(shape)} is 0, and files have no inputs without "
            "elements. Export the model without that input, as a decoder's first step, or give it a size that it is "
            f"used with: --shape {value.name}={_text(example)}"
        )
    return InputError(
        f"input {value.name!r}: dimension {position}{called} of {brief(shape)} is {state}, and conversion needs fixed "
        f"sizes. Give the whole shape: --shape {value.name}={_text(example)}"
    )


def _text(shape: Sequence[int]) -> str:
    return ",".join(map(str, shape))
