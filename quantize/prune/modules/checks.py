"""What cannot be pruned, found before anything is tried: each fault with its reason and what to do."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from edgemm.errors import InputError
from edgemm.excerpt import excerpt
from edgemm.quantize.prune.modules.counting import evaluating
from edgemm.quantize.prune.modules.values import leaves


def check_module(module: Any, example_inputs: Any) -> None:
    """Refuses what is no module, what cannot be copied, and numbers that cannot be ranked.

    Raises:
        MissingDependency: torch is not installed.
        InputError: names the layer or tensor.
    """
    from edgemm.dependency import load_dependency

    torch = load_dependency("torch", "PyTorch", "torch")
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"expected a torch.nn.Module, found {type(module).__name__}")
    if not isinstance(example_inputs, tuple | list):
        raise InputError(
            f"example_inputs: expected a tuple of tensors, found {type(example_inputs).__name__}; "
            "write (x,) for a module that takes one tensor x"
        )
    _check_scripted(module)
    _check_numbers(module)
    for place, each in enumerate(leaves(tuple(example_inputs))):
        if _is_real(each) and each.isnan().any():
            raise InputError(f"example input {place} has NaN: give inputs as the module gets them in use")
    _check_copy(module)


def check_outputs(module: Any, example_inputs: tuple[Any, ...]) -> None:
    """Refuses a module whose outputs are no numbers, for no removal can be held against them.

    A module that does not run at all is left to those who trace it.
    """
    import torch

    try:
        with evaluating(module), torch.no_grad():
            output = module(
                *(each.clone() if isinstance(each, torch.Tensor) else each for each in example_inputs)
            )
    except Exception:  # noqa: BLE001 - whatever a module raises; tracing says what
        return
    for each in leaves(output):
        if _is_real(each) and not each.isfinite().all():
            raise InputError(
                f"{type(module).__name__} gives NaN or infinite numbers for the example inputs: what is pruned cannot "
                "be compared with them. Give inputs for which its outputs are finite"
            )


def _check_scripted(module: Any) -> None:
    import torch

    for path, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise InputError(
                f"{_said(path)} is made by torch.jit, whose layers have no Python code any more: prune the module "
                "before it is scripted or traced, and script the pruned copy"
            )


def _check_numbers(module: Any) -> None:
    """Infinite numbers are right in a buffer (a mask), and NaN nowhere."""
    import torch

    for name, tensor in module.named_parameters():
        if torch.nn.parameter.is_lazy(tensor):
            raise InputError(f"the parameter {name!r} has no shape yet: call the module once before pruning")
        if _is_real(tensor):
            _check_tensor("parameter", name, ~tensor.detach().isfinite(), "NaN or infinite")
    for name, tensor in module.named_buffers():
        if _is_real(tensor):
            _check_tensor("buffer", name, tensor.isnan(), "NaN")


def _check_tensor(kind: str, name: str, wrong: Any, said: str) -> None:
    count = int(wrong.sum())
    if count:
        number = (
            f"{count} number{'s' if count > 1 else ''} of {wrong.numel()} that {'are' if count > 1 else 'is'}"
        )
        raise InputError(
            f"the {kind} {name!r} has {number} {said}, so that nobody knows what matters: take the weights from "
            "before its training diverged"
        )


def _check_copy(module: Any) -> None:
    try:
        copy.deepcopy(module)
    except Exception as error:  # whatever a module's parts raise
        for path, attribute, part in _computed(module):
            if _is_old_weight_norm(part):
                raise InputError(
                    f"{_said(path)} has torch.nn.utils.weight_norm, with which no module can be copied. Take it away "
                    "with torch.nn.utils.remove_weight_norm(layer), which changes no output; or put it on again with "
                    "torch.nn.utils.parametrizations.weight_norm"
                ) from error
            where = f"of {_said(path)}" if path else "of the network"
            raise InputError(
                f"{attribute!r} {where} is a tensor that was computed from parameters, and torch copies no such "
                "tensor: compute it in forward(), or keep it with .detach() as a buffer"
            ) from error
        reason = excerpt(error, 200)
        raise InputError(
            f"{type(module).__name__} cannot be copied ({type(error).__name__}: {reason}), and what is pruned is a "
            "copy: copy.deepcopy(module) must work; take out of its attributes what is no number or tensor"
        ) from error


def _computed(module: Any) -> Iterator[tuple[str, str, Any]]:
    """(layer's name, attribute, layer) of each tensor that has a history of computation."""
    import torch

    for path, part in module.named_modules():
        for attribute, value in (*vars(part).items(), *part._buffers.items()):
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                yield path, attribute, part


def _is_old_weight_norm(part: Any) -> bool:
    return any(
        type(hook).__module__ == "torch.nn.utils.weight_norm" for hook in part._forward_pre_hooks.values()
    )


def _said(path: str) -> str:
    return f"layer {path!r}" if path else "the module"


def _is_real(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.is_floating_point()
