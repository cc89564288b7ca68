"""Checked tensors into and out of a backend, by name, as the file stores them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from edgemm.backends.backend import Backend, RunsBare
from edgemm.errors import CardError, DelegateFailed, InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgemm.card.model_card import ModelCard
    from edgemm.lifecycle import Lock
    from edgemm.tensors import TensorSpec

Arrays: TypeAlias = "Mapping[str, npt.NDArray[Any]]"
Exchange: TypeAlias = "Callable[[Arrays, Arrays | None], dict[str, npt.NDArray[Any]]]"
"""Inputs by name, and arrays to fill or None -> outputs by name. Raises what `Model.run` raises."""


def make_exchange(backend: Backend, lock: Lock) -> Exchange:
    """What `model.run` does: checks and copies the inputs in, runs, copies the outputs out, under the lock.

    A closure with everything looked up beforehand, since a microsecond counts here: `benchmarks/run_overhead.py`.
    """
    names_in = [spec.name for spec in backend.inputs]
    names_out = [spec.name for spec in backend.outputs]
    kept_in = _kept(backend.input_buffer, len(names_in))
    kept_out = _kept(backend.output_buffer, len(names_out))
    if kept_in is None or kept_out is None or backend.stateful:
        return _moving_exchange(backend, lock)
    if len(names_in) == len(names_out) == 1 and isinstance(backend, RunsBare):
        return _single_exchange(backend, backend, lock, kept_in[0], kept_out[0])
    inputs = [
        (spec.name, np.dtype(spec.dtype), spec.shape, buffer)
        for spec, buffer in zip(backend.inputs, kept_in, strict=True)
    ]
    outputs = list(zip(names_out, kept_out, strict=True))
    count, run = len(inputs), backend.run
    acquire, release = lock.acquire, lock.release

    def exchange(arrays: Arrays, out: Arrays | None) -> dict[str, npt.NDArray[Any]]:
        if len(_named("inputs", arrays)) != count:
            raise _names_differ("inputs", arrays, names_in)
        acquire()
        try:
            for name, dtype, shape, buffer in inputs:
                try:
                    array = arrays[name]
                    if array.dtype is not dtype or array.shape != shape:
                        _check_inputs(arrays, backend.inputs)
                except (KeyError, AttributeError):  # missing, or no array
                    _check_inputs(arrays, backend.inputs)
                buffer[...] = array
            if out is not None:
                _check_out(out, names_out)
            run()
            found = {}
            if out is None:
                for name, buffer in outputs:
                    found[name] = buffer.copy()
            else:
                for name, buffer in outputs:
                    found[name] = _copy(name, buffer, out.get(name))
            return found
        finally:
            release()

    return exchange


def _single_exchange(
    backend: Backend, bare: RunsBare, lock: Lock, into: npt.NDArray[Any], out_of: npt.NDArray[Any]
) -> Exchange:
    """For one input and one output, as most models have: without the loops, which take a fifth of the time of a model
    that does nothing."""
    name, shape, dtype = backend.inputs[0].name, backend.inputs[0].shape, np.dtype(backend.inputs[0].dtype)
    name_out, shape_out, dtype_out = backend.outputs[0].name, out_of.shape, out_of.dtype
    acquire, release, run = lock.acquire, lock.release, bare.bare_run()

    def exchange(arrays: Arrays, out: Arrays | None) -> dict[str, npt.NDArray[Any]]:
        try:
            array = arrays[name]
            if (
                array.dtype is not dtype
                or array.shape != shape
                or len(arrays) != 1
                or type(arrays) is not dict
            ):
                _check_inputs(_named("inputs", arrays), backend.inputs)
        except (LookupError, AttributeError, TypeError):  # missing, no array, or no mapping
            _check_inputs(_named("inputs", arrays), backend.inputs)
            raise
        if out is not None and (type(out) is not dict or len(out) != 1 or name_out not in out):
            _check_out(out, [name_out])
        acquire()
        try:
            into[...] = array
            try:
                run()
            except (RuntimeError, ValueError) as e:
                raise bare.failure(e) from e
            if out is None:
                return {name_out: out_of.copy()}
            filled = out.get(name_out)
            if filled is None or filled.dtype is not dtype_out or filled.shape != shape_out:
                return {name_out: _copy(name_out, out_of, filled)}
            try:
                filled[...] = out_of
            except ValueError as e:  # numpy: the destination is read-only
                raise _out_unfit(name_out, out_of, filled) from e
            return {name_out: filled}
        finally:
            release()

    return exchange


def _moving_exchange(backend: Backend, lock: Lock) -> Exchange:
    """For a backend whose buffers may move while it runs, or that must forget before."""

    def exchange(arrays: Arrays, out: Arrays | None) -> dict[str, npt.NDArray[Any]]:
        given, names = {} if out is None else out, [spec.name for spec in backend.outputs]
        _check_inputs(_named("inputs", arrays), backend.inputs)
        _check_out(given, names)
        with lock:
            backend.reset()
            for index, spec in enumerate(backend.inputs):
                backend.input_buffer(index)[...] = arrays[spec.name]
            backend.run()
            return {
                name: _copy(name, backend.output_buffer(at), given.get(name)) for at, name in enumerate(names)
            }

    return exchange


def _kept(look_up: Callable[[int], npt.NDArray[Any]], count: int) -> list[npt.NDArray[Any]] | None:
    """The buffers, when they are the same objects each time."""
    try:
        buffers = [look_up(index) for index in range(count)]
        return buffers if all(look_up(index) is buffer for index, buffer in enumerate(buffers)) else None
    except (
        RuntimeError,
        ValueError,
        DelegateFailed,
    ):  # LiteRT: an output without memory before the first run
        return None


def _copy(name: str, stored: npt.NDArray[Any], out: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """`stored` in `out`, or in a new array when there is none."""
    if out is None:
        return stored.copy()
    if out.shape == stored.shape and out.dtype == stored.dtype:
        try:
            out[...] = stored
        except ValueError as e:  # numpy: the destination is read-only
            raise _out_unfit(name, stored, out) from e
        return out
    raise _out_unfit(name, stored, out)


def _out_unfit(name: str, stored: npt.NDArray[Any], out: npt.NDArray[Any]) -> InputError:
    return InputError(
        f"out {name!r}: expected a writeable {_form(stored.dtype.name, stored.shape)}, "
        f"found {_form(out.dtype.name, out.shape)}{'' if out.flags.writeable else ', read-only'}"
    )


def _check_inputs(arrays: Mapping[str, Any], specs: Sequence[TensorSpec]) -> None:
    """Returns when every array fits: a type may be equal without being the same object."""
    if arrays.keys() != {spec.name for spec in specs}:
        raise _names_differ("inputs", arrays, [spec.name for spec in specs])
    for index, spec in enumerate(specs):
        found = arrays[spec.name]
        if not isinstance(found, np.ndarray):
            raise InputError(f"input {spec.name!r}: expected a numpy array, found {type(found).__name__}")
        if found.shape != spec.shape or found.dtype != spec.dtype:
            hint = ""
            if spec.quantized and found.dtype.kind == "f" and found.shape == spec.shape:
                hint = f". Real numbers become stored ones with model.inputs[{index}].quantize(array)"
            raise InputError(
                f"input {spec.name!r}: expected {_form(spec.dtype, spec.shape)}, "
                f"found {_form(found.dtype.name, found.shape)}{hint}"
            )


def _check_out(out: Arrays, names: Sequence[str]) -> None:
    """Returns when each has the name of an output."""
    if not _named("out", out).keys() <= set(names):
        raise _names_differ("out", out, names)


def _named(what: str, arrays: Any) -> Arrays:
    """`arrays`, where each has a name."""
    if type(arrays) is dict or isinstance(arrays, Mapping):
        return arrays
    raise InputError(
        f"{what}: expected a mapping of names to arrays, {{name: array}}, found {type(arrays).__name__}"
    )


def _names_differ(what: str, arrays: Arrays, names: Sequence[str]) -> InputError:
    expected, found = set(names), set(arrays)
    parts = [
        f"{word} {', '.join(map(repr, sorted(differing)))}"
        for word, differing in (("missing", expected - found), ("unknown", found - expected))
        if differing and not (what == "out" and word == "missing")
    ]
    return InputError(f"{what}: expected {', '.join(map(repr, names))}; {', '.join(parts)}")


def _form(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype}{list(shape)}"


def check_card(card: ModelCard, backend: Backend) -> None:
    """The card speaks of the tensors that are in the file.

    Raises:
        CardError: a tensor that only one of them has, or two shapes.
    """
    names = {spec.name for spec in backend.inputs}
    unknown = names - {each.name for each in card.inputs} - {pair.input for pair in card.states}
    if card.inputs and unknown:
        raise CardError(
            f"the card does not describe input {', '.join(map(repr, sorted(unknown)))} of the file"
        )
    for side, cards, specs in (
        ("input", card.inputs, backend.inputs),
        ("output", card.outputs, backend.outputs),
    ):
        shapes = {spec.name: spec.shape for spec in specs}
        for each in cards:
            if each.name not in shapes:
                raise CardError(
                    f"{side} {each.name!r} of the card is not in the file, which has {', '.join(shapes)}"
                )
            if each.shape and each.shape != shapes[each.name]:
                raise CardError(
                    f"{side} {each.name!r}: the card says shape {list(each.shape)}, the file has "
                    f"{list(shapes[each.name])}"
                )
