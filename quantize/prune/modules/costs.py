"""What a target is measured in: counts, bytes, or milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from edgemm.errors import InputError
from edgemm.quantize.prune.modules.counting import count_macs, count_parameters, onnx_bytes
from edgemm.quantize.prune.target import Target
from edgemm.quantize.readings import reading

Measure = Callable[[Any], float]
"""A module's latency in milliseconds."""
_ROUNDS = 3
_BYTES = 4
"""Of a float."""


class Costs:
    """The costs of pruned copies, in the target's measure, against the original's."""

    def __init__(self, module: Any, inputs: tuple[Any, ...], target: Target, measure: Measure | None) -> None:
        """Raises InputError where a latency is asked for and nothing measures it."""
        if target.measure == "ms" and measure is None:
            raise InputError(
                "a target in milliseconds needs something that measures them: "
                "measure=edgemm.converters.module_latency.ModuleLatency(example_inputs)"
            )
        self.target = target
        self._module, self._inputs, self._measure = module, inputs, measure
        self._parameters = count_parameters(module)
        self.original = self.exact(module) if target.measure != "ms" else self._latency(module)

    def limit(self, step: int, steps: int) -> float:
        """The cost that a step may leave: equal steps from the original's down to the target."""
        whole = self.target.value if self.target.measure == "ms" else self.target.value * self.original
        return self.original + (whole - self.original) * step / steps

    def quick(self, module: Any) -> float:
        """For the search: the size of the file is derived from the parameters."""
        if self.target.measure == "size":
            return self.original + _BYTES * (count_parameters(module) - self._parameters)
        return self.exact(module)

    def exact(self, module: Any) -> float:
        """Measured."""
        if self.target.measure == "macs":
            return float(count_macs(module, self._inputs))
        if self.target.measure == "parameters":
            return float(count_parameters(module))
        if self.target.measure == "size":
            return float(onnx_bytes(module, self._inputs))
        return self._beside_original(module)

    def _latency(self, module: Any) -> float:
        return median(self._ms(module) for _ in range(_ROUNDS))

    def _ms(self, module: Any) -> float:
        """Raises InputError where what measures gives no time."""
        found = self._measure(module) if self._measure is not None else None
        return reading(found, "measure: expected milliseconds, a number above 0", above=0.0)

    def _beside_original(self, module: Any) -> float:
        """In turns with the original: what else the machine does then slows both, and is taken out."""
        pairs = [(self._ms(module), self._ms(self._module)) for _ in range(_ROUNDS)]
        return self.original * median(own / other for own, other in pairs)

    def before(self) -> dict[str, float]:
        """Of the original, for the report."""
        counts = {
            "macs": float(count_macs(self._module, self._inputs)),
            "parameters": float(self._parameters),
        }
        return counts if self.target.measure in counts else {**counts, self.target.measure: self.original}

    def of(self, module: Any) -> dict[str, float]:
        """Of what was pruned."""
        counts = {
            "macs": float(count_macs(module, self._inputs)), "parameters": float(count_parameters(module)),
        }  # fmt: skip
        return (
            counts if self.target.measure in counts else {**counts, self.target.measure: self.exact(module)}
        )

    def shown(self, cost: float) -> str:
        """As a target would be written."""
        if self.target.measure == "ms":
            return f"ms={cost:.3g}"
        return f"{self.target.measure}={cost / self.original:.3g}"
