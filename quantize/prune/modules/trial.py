"""A trial: what is pruned must compute what the original does with the removed parts disconnected.

That is the definition of a correct removal, so that it is tried on the module itself before anything is decided. A
family that fails (a size is written into `forward`, say) is kept, and the report says so.
"""

from __future__ import annotations

import copy
import os
import traceback
import warnings
from pathlib import Path
from typing import Any

from edgemm.excerpt import excerpt
from edgemm.quantize.prune.modules.counting import evaluating
from edgemm.quantize.prune.modules.families import Structure
from edgemm.quantize.prune.modules.sizes import Sizes, resize
from edgemm.quantize.prune.modules.surgery import disconnect, remove
from edgemm.quantize.prune.modules.values import leaves

_TOLERANCE = {"torch.float64": 1e-7, "torch.float32": 1e-3}
"""Of the largest output, by precision: sums in another order, through deep networks."""


class Trials:
    """Tries removals on copies of one module, in double precision where it runs in that, with weights that are not
    zero, so that no difference stays hidden."""

    def __init__(self, module: Any, structure: Structure, example_inputs: tuple[Any, ...]) -> None:
        self._structure = structure
        self._module, self._inputs = _doubled(module, example_inputs)

    def failure(self, gone: frozenset[int], sizes: Sizes = ()) -> str:
        """Where the module's own code does not run after a removal, and why; "" where it runs."""
        try:
            self._pruned(gone, sizes)
        except Exception as error:  # noqa: BLE001 - whatever a module raises when its shapes do not fit
            return _place_of(error)
        return ""

    def fits(self, gone: frozenset[int], sizes: Sizes = ()) -> bool:
        """Whether this removal, with these attributes changed, is exact."""
        try:
            found = self._pruned(gone, sizes)
        except Exception:  # noqa: BLE001 - whatever a module raises when its shapes do not fit
            return False
        reference = copy.deepcopy(self._module)
        disconnect(reference, self._structure, gone)
        return _alike(found, _run(reference, self._inputs))

    def _pruned(self, gone: frozenset[int], sizes: Sizes) -> list[Any]:
        pruned = copy.deepcopy(self._module)
        remove(pruned, self._structure, gone)
        resize(pruned, sizes)
        return _run(pruned, self._inputs)


def computes_as(module: Any, other: Any, example_inputs: tuple[Any, ...]) -> bool:
    """Whether two modules of the same parameters give the same, in evaluation mode."""
    try:
        return _alike(*(_run(*_doubled(each, example_inputs)) for each in (module, other)))
    except Exception:  # noqa: BLE001 - whatever a module raises
        return False


def _place_of(error: Exception) -> str:
    """The last line of an error's way that is neither torch's nor edgemm's: file, line, its text, and the error."""
    ours = str(Path(__file__).resolve().parents[2])
    frames = [
        each
        for each in traceback.extract_tb(error.__traceback__)
        if f"{os.sep}torch{os.sep}" not in each.filename
        and not str(Path(each.filename).resolve()).startswith(ours)
    ]
    if not frames:
        return ""
    last = frames[-1]
    reason = excerpt(error, 120)
    return f"{Path(last.filename).name}, line {last.lineno}: `{last.line or last.name}` ({reason})"


def _doubled(module: Any, inputs: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    import torch

    generator = torch.Generator().manual_seed(0)
    own = _stirred(copy.deepcopy(module), generator)
    wide = tuple(_input(each, generator) for each in inputs)
    try:
        double = copy.deepcopy(own).double()
        as_double = tuple(
            each.double() if isinstance(each, torch.Tensor) and each.is_floating_point() else each
            for each in wide
        )
        _run(double, as_double)
    except Exception:  # noqa: BLE001 - a module that fixes its precision
        return own, wide
    return double, as_double


def _stirred(module: Any, generator: Any) -> Any:
    """Parameters get some noise: those that begin at zero would hide a mistake."""
    import torch

    with torch.no_grad():
        for each in module.parameters():
            if each.is_floating_point() and each.numel():
                size = float(each.abs().mean()) or 0.1
                each.add_(torch.randn(each.shape, generator=generator).to(each) * size * 0.5)
    return module


def _input(value: Any, generator: Any) -> Any:
    import torch

    if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.unique().numel() > 1:
        return value
    return torch.randn(value.shape, generator=generator).to(value)


def _run(module: Any, inputs: tuple[Any, ...]) -> list[Any]:
    import torch

    with evaluating(module), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        output = module(*(each.clone() if isinstance(each, torch.Tensor) else each for each in inputs))
    return [each for each in leaves(output) if isinstance(each, torch.Tensor)]


def _alike(found: list[Any], wanted: list[Any]) -> bool:
    if len(found) != len(wanted):
        return False
    for a, b in zip(found, wanted, strict=True):
        if a.shape != b.shape:
            return False
        if b.numel() and b.is_floating_point():
            limit = _TOLERANCE.get(str(b.dtype), 1e-2) * float(b.abs().max()) + 1e-12
            if not float((a - b).abs().max()) <= limit:
                return False
    return True
