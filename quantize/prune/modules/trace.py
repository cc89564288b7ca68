"""The walk over an exported module: every operator is run, and ties together what is removed together."""

from __future__ import annotations

import operator
from typing import Any

from edgemm.errors import InputError
from edgemm.excerpt import excerpt
from edgemm.quantize.prune.modules.atoms import LOCKED, NONE, Atoms
from edgemm.quantize.prune.modules.rules import rule_of
from edgemm.quantize.prune.modules.values import Call, Trace, Value, leaves, reals_in, values_in


def trace(module: Any, example_inputs: tuple[Any, ...]) -> Trace:
    """Walks over a module in evaluation mode.

    Raises:
        InputError: torch cannot export it with these inputs.
    """
    import torch

    program = export(module, example_inputs)
    names = first_names(module)
    found = Trace(Atoms(), {name: tuple(tensor.shape) for name, tensor in names.values()})
    walk = _Walk(found, program, module, example_inputs, names)
    with torch.no_grad():
        walk.run()
    return found


def export(module: Any, example_inputs: tuple[Any, ...]) -> Any:
    """The module as a program of operators that change nothing in place.

    Raises:
        InputError: torch cannot export it with these inputs.
    """
    import warnings

    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with torch.no_grad():
                module(*(_cloned(each) for each in example_inputs))
            program = torch.export.export(
                module, tuple(_cloned(each) for each in example_inputs), strict=False
            )
            return program.run_decompositions({})
    except Exception as error:  # whatever the module raises
        reason = excerpt(error, 300)
        raise InputError(
            f"{type(module).__name__} cannot be traced with these inputs: {type(error).__name__}: {reason}. "
            "Check that forward() runs on the example inputs and has no Python control flow on their values"
        ) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _cloned(value: Any) -> Any:
    import torch

    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def first_names(module: Any) -> dict[int, tuple[str, Any]]:
    """id of a parameter or buffer -> its first name, and itself."""
    named: dict[int, tuple[str, Any]] = {}
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        named.setdefault(id(tensor), (name, tensor))
    return named


class _Walk:
    """Runs a program node by node."""

    def __init__(
        self,
        found: Trace,
        program: Any,
        module: Any,
        inputs: tuple[Any, ...],
        names: dict[int, tuple[str, Any]],
    ) -> None:
        self.found, self.program, self.module, self.names = found, program, module, names
        self._inputs = iter(leaves(inputs))
        self._values: dict[str, Any] = {}

    def run(self) -> None:
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                self._values[node.name] = self._placeholder(node)
            elif node.op == "call_function":
                self._values[node.name] = self._call(node)
            elif node.op == "output":
                for value in values_in(self._get(node.args)):
                    self.found.atoms.lock(self.found.labels(value))

    def _placeholder(self, node: Any) -> Any:
        import torch

        signature = self.program.graph_signature
        name = signature.inputs_to_parameters.get(node.name) or signature.inputs_to_buffers.get(node.name)
        if name is not None:
            return self._parameter(name)
        constant = getattr(signature, "inputs_to_lifted_tensor_constants", {}).get(node.name)
        real = next(self._inputs) if constant is None else self.program.constants[constant]
        if not isinstance(real, torch.Tensor):
            return real
        label = LOCKED if constant is None else NONE
        return Value(real, torch.full(real.shape, label, dtype=torch.float64))

    def _parameter(self, name: str) -> Value:
        import torch

        path, _, last = name.rpartition(".")
        tensor = getattr(self.module.get_submodule(path), last)
        known, _ = self.names.get(id(tensor), ("", None))
        ids = torch.arange(tensor.numel(), dtype=torch.float64).reshape(tensor.shape) if known else None
        none = torch.full(tensor.shape, NONE, dtype=torch.float64)
        return Value(tensor.detach(), none, known, ids)

    def _get(self, argument: Any) -> Any:
        from torch.fx import Node

        if isinstance(argument, Node):
            return self._values[argument.name]
        if isinstance(argument, dict):
            return {name: self._get(each) for name, each in argument.items()}
        if isinstance(argument, list | tuple):
            return (list if isinstance(argument, list) else tuple)(map(self._get, argument))
        return argument

    def _call(self, node: Any) -> Any:
        args, kwargs = self._get(node.args), dict(self._get(node.kwargs))
        if node.target is operator.getitem:
            return args[0][args[1]]
        real = node.target(*reals_in(args), **reals_in(kwargs))
        if not _tensors(real):
            return real
        call = Call(self.found, node.target, args, kwargs, real, _layer(node))
        return rule_of(node.target)(call)


def _layer(node: Any) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    return str(list(stack.values())[-1][0]) if stack else ""


def _tensors(real: Any) -> bool:
    import torch

    return isinstance(real, torch.Tensor) or (
        isinstance(real, tuple | list)
        and len(real) > 0
        and all(isinstance(each, torch.Tensor) for each in real)
    )
