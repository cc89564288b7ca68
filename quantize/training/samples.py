"""What a network is trained with: arrays in memory, cut into batches in an order that a seed decides."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from edgemm.errors import InputError
from edgemm.quantize.training.callables import check_callable

Data = Any
"""`Samples`; or a callable: number of the epoch, from 0 -> its batches; or what gives an epoch
whenever it is iterated, such as a DataLoader. A batch is a `Batch`, or (inputs, targets)."""


Seed = Callable[[int, int], int]
"""Number of the epoch and of the step in it -> what torch's own generator is seeded with there."""


class Batch(NamedTuple):
    """What one step is made with: tensors whose first dimension is the samples."""

    inputs: tuple[Any, ...]
    targets: Any = None
    """A tensor or a tuple of them; None where nobody knows the right answers."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """All samples, in memory.

    Args:
        inputs: an array or tensor [n, ...], or a tuple of them for a network with several inputs. Arrays of float64
            become float32.
        targets: of the same length: labels, numbers, or a tuple (for "ctc": labels, their lengths ...); None without.
        augment: changes the inputs and targets of one batch: called with a `Batch`, gives a `Batch`. It draws from
            torch's own generator, which is seeded for each step.
    """

    inputs: Any
    targets: Any = None
    augment: Callable[[Batch], Batch] | None = None

    def __post_init__(self) -> None:
        for each in _several(self.inputs):
            _check_numbers(each, "inputs")
        for each in () if self.targets is None else _several(self.targets):
            _check_numbers(each, "targets")
        arrays = [*_several(self.inputs), *(() if self.targets is None else _several(self.targets))]
        sizes = {len(each) for each in arrays}
        if not _several(self.inputs) or 0 in sizes:
            raise InputError("there are no samples to train with")
        if len(sizes) > 1:
            raise InputError(
                f"inputs and targets have {' and '.join(map(str, sorted(sizes)))} samples: expected as many of each"
            )

    def __len__(self) -> int:
        return len(_several(self.inputs)[0])

    def batches(self, size: int, seed: int, start: int = 0) -> Iterator[Batch]:
        """One epoch in random order.

        Args:
            size: samples in a batch; the last may have fewer, or one more: a batch norm cannot train on one alone.
            seed: of the order.
            start: so many batches are left out.
        """
        import torch

        inputs = tuple(map(_tensor, _several(self.inputs)))
        targets = None if self.targets is None else tuple(map(_tensor, _several(self.targets)))
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        for chosen in order.split(self._sizes(size))[start:]:
            answers = None if targets is None else tuple(each[chosen] for each in targets)
            if answers is not None and not isinstance(self.targets, tuple):
                answers = answers[0]
            batch = Batch(tuple(each[chosen] for each in inputs), answers)
            yield batch if self.augment is None else self.augment(batch)

    def steps(self, size: int) -> int:
        """Batches of an epoch."""
        return len(self._sizes(size))

    def _sizes(self, size: int) -> list[int]:
        whole, rest = divmod(len(self), size)
        if not whole or rest > 1 or (rest and size == 1):
            return [size] * whole + [rest]
        return [size] * (whole - 1) + [size + rest]

    def fingerprint(self) -> str:
        """Of the samples themselves: other data have another."""
        found = 0
        for each in (*_several(self.inputs), *(() if self.targets is None else _several(self.targets))):
            array = np.ascontiguousarray(each)
            found = zlib.crc32(f"{array.dtype}{array.shape}".encode(), found)
            found = zlib.crc32(array.reshape(-1).view(np.uint8).data, found)
        return f"{found:08x}"


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _check_numbers(value: Any, name: str) -> None:
    """That something is an array of numbers, or a tensor."""
    if hasattr(value, "numel"):
        return
    try:
        found = np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name}: expected numbers, and the rows are not equally long: {error}") from error
    if not found.ndim:
        raise InputError(
            f"{name}: expected an array with one row for each sample, found {type(value).__name__}"
        )
    if found.dtype.kind in "US":
        advice = ". Give each class a number: its place in sorted(set(labels))" if name == "targets" else ""
        raise InputError(
            f"{name}: expected numbers, found text such as {str(found.reshape(-1)[0])!r}{advice}"
        )
    if found.size and found.dtype.kind not in "biufc":
        raise InputError(f"{name}: expected numbers, found {found.dtype}")


def _tensor(value: Any) -> Any:
    """NumPy's float64 becomes float32, which networks have; what may not be written to is copied."""
    import torch

    if isinstance(value, torch.Tensor):
        return value
    array = np.asarray(value)
    array = array.astype(np.float32) if array.dtype == np.float64 else array
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def batches_of(data: Data, epoch: int, size: int, seed: Seed, start: int) -> Iterator[Batch]:
    """The batches of one epoch but the first `start`. Each is drawn with torch's own generator seeded for it, so that
    it is the same whatever was drawn before.

    Raises:
        InputError: `data` is no data, or gives something else than batches.
    """
    import torch

    torch.manual_seed(seed(epoch, 0))
    first = start if isinstance(data, Samples) else 0
    drawn = iter(
        data.batches(size, seed(epoch, 0), start) if isinstance(data, Samples) else _called(data, epoch)
    )
    for index in itertools.count(first):
        torch.manual_seed(seed(epoch, index))
        try:
            each = next(drawn)
        except StopIteration:
            return
        if index >= start:
            yield as_batch(each)


def _called(data: Data, epoch: int) -> Iterable[Any]:
    if not callable(data):
        return data  # type: ignore[no-any-return]  # checked by check_data
    batches = data(epoch)
    if not isinstance(batches, Iterable):
        raise InputError(f"data gave {type(batches).__name__} for epoch {epoch + 1}: expected batches")
    return batches


def check_data(data: Data) -> None:
    """That it can give the batches of every epoch.

    Raises:
        InputError: it cannot; says what can.
    """
    if isinstance(data, Samples):
        return
    if type(data).__module__ in ("builtins", "itertools") and isinstance(data, Iterator):
        raise InputError(
            f"data: a {type(data).__name__} gives its batches once, and every epoch needs them: give a list, a "
            "DataLoader, or a callable that makes it anew: lambda epoch: ..."
        )
    if callable(data):
        check_callable(data, "data", "the number of the epoch and gives batches")
    elif not isinstance(data, Iterable) or hasattr(data, "shape"):
        raise InputError(
            "expected Samples, a DataLoader, or a callable that takes the number of the epoch and gives batches, found "
            f"{type(data).__name__}"
        )


def as_batch(value: Any) -> Batch:
    """A batch, of what a caller's own data gives: `Batch`, (inputs, targets), or inputs alone."""
    if isinstance(value, Batch):
        return value
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise InputError(f"expected a batch of (inputs, targets), found {len(value)} things")
        return Batch(_several(_tensors(value[0], "inputs")), _tensors(value[1], "targets"))
    return Batch((_tensors(value, "inputs"),))


def _tensors(value: Any, name: str) -> Any:
    import torch

    if value is None:
        return None
    several = isinstance(value, tuple) or (isinstance(value, list) and value and hasattr(value[0], "shape"))
    try:
        return tuple(map(torch.as_tensor, value)) if several else torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"a batch's {name}: expected numbers, found {type(value).__name__} {repr(value)[:60]}: {error}"
        ) from error


def steps_in(data: Data, size: int, limit: int | None) -> int | None:
    """Batches in an epoch; None where nobody knows."""
    if isinstance(data, Samples):
        whole = data.steps(size)
    elif isinstance(data, Sized) and not hasattr(data, "shape"):
        whole = len(data)
    else:
        return limit
    return whole if limit is None else min(whole, limit)
