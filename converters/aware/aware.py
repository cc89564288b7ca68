"""`Aware`: a network under quantization-aware training, and its conversion."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.prepare import Prepared
from edgemm.converters.reference import GraphSource, Source
from edgemm.converters.samples import Samples
from edgemm.errors import InputError
from edgemm.quantize.grid import Grid
from edgemm.quantize.plan import Plan

if TYPE_CHECKING:
    import torch

    from edgemm.converters.pipeline import Conversion
    from edgemm.quantize.aware.network import QuantizedNetwork

Array = npt.NDArray[Any]
TAKEN = (
    "scheme", "target", "card", "preset", "shapes", "constants", "stepwise", "example_inputs", "outputs", "inputs",
)  # fmt: skip
"""Options of `convert` that `prepare` has decided."""


@dataclass(frozen=True, slots=True, eq=False)
class Aware:
    """A network that trains as the device will run it."""

    module: QuantizedNetwork
    """Train this with any loop; its inputs and outputs are those of the source."""
    plan: Plan
    """As made before training."""
    prepared: Prepared
    samples: Samples
    """What it was calibrated on."""
    start: str
    """`parameters_hash` of the module before training."""

    @property
    def trained(self) -> bool:
        """Whether the module has other weights or ranges than before training."""
        return parameters_hash(self.module) != self.start

    def teacher(self, *inputs: torch.Tensor) -> Any:
        """What the float model before training answers: the aim of distillation, which needs no labels.

        Args:
            inputs: as `module` takes them, any number of samples along the first dimension.
        """
        import torch

        arrays = [each.detach().cpu().numpy() for each in inputs]
        shapes = [spec.shape for spec in self.prepared.inputs]
        one = [array.shape for array in arrays] == list(shapes)
        count = 1 if one else len(arrays[0])
        if any(len(array) != count for array in arrays if not one):
            raise InputError(
                f"teacher: expected as many samples of each input, found {[len(array) for array in arrays]}"
            )
        names = [spec.name for spec in self.prepared.inputs]
        samples = [
            {
                name: array if one else array[index].reshape(shape)
                for name, array, shape in zip(names, arrays, shapes, strict=True)
            }
            for index in range(count)
        ]
        answers = self._float_source().answers(Samples(tuple(samples)))
        outputs = [str(value.name) for value in self.prepared.model.graph.outputs]
        found = tuple(torch.from_numpy(_stacked([each[name] for each in answers])) for name in outputs)
        return found[0] if len(found) == 1 else found

    def _float_source(self) -> Source:
        return self.prepared.runs_in or GraphSource(self.prepared.source or self.prepared.model)

    def source(self) -> TrainedSource:
        """What is trained so far, as a source of `edgemm.converters.convert`."""
        from edgemm.quantize.aware.trained import trained_graph

        prepared, trained, grids = self.prepared, self.trained, self.module.grids()
        step = {"target": self.plan.target.name, "scheme": self.plan.scheme}
        return TrainedSource(
            trained_graph(prepared.model, self.module),
            self.answers,
            grids,
            self.plan.precision,
            prepared.source,
            prepared.runs_in,
            prepared.card.name,
            prepared.sha256,
            prepared.size_bytes,
            prepared.card.after("quantization_aware", step) if trained else prepared.card,
            trained,
            self._other_ranges(grids) if trained else 0,
            prepared.file,
            prepared.whole,
        )

    def _other_ranges(self, grids: Mapping[str, Grid]) -> int:
        """How many grids differ from those of the calibration."""
        planned = self.plan.activations
        return sum(name not in planned or not planned[name].same_as(grid) for name, grid in grids.items())

    def answers(self, sample: Mapping[str, Array]) -> dict[str, Array]:
        """What the network under training answers to one sample, by output name."""
        import torch

        given = [torch.from_numpy(np.array(sample[name])) for name in self.module.input_names]
        device = self.module.ranges.scale.device
        with torch.no_grad():
            found = self.module(*(each.to(device) for each in given))
        outputs = found if isinstance(found, tuple) else (found,)
        return {
            name: each.cpu().numpy() for name, each in zip(self.module.output_names, outputs, strict=True)
        }

    def convert(
        self, output: str | Path, *, calibrate: str | Path | Sequence[Any] | None = None, **options: Any
    ) -> Conversion:
        """Writes what is trained so far, in either format.

        Args:
            output: the file, ".tflite" or ".onnx".
            calibrate: for values that no grid was trained for; without it, what `prepare` got.
            options: of `edgemm.converters.convert`; what `prepare` has decided cannot be given again.

        Raises:
            InputError: such an option was given.
            EdgemmError: as `edgemm.converters.convert` says; nothing was written.
        """
        from edgemm.converters import convert

        again = sorted(set(options) & set(TAKEN))
        if again:
            raise InputError(f"{again[0]}: was decided when the training was prepared. Give it to prepare")
        data = list(self.samples.inputs) if calibrate is None else calibrate
        return convert(
            self.source(),
            output=output,
            calibrate=data,
            scheme=self.plan.scheme,  # type: ignore[arg-type]
            target=self.plan.target.name,
            keep_outputs=options.pop("keep_outputs", True),
            **options,
        )


def parameters_hash(module: torch.nn.Module) -> str:
    """SHA-256 of all that can be trained, hexadecimal."""
    found = hashlib.sha256()
    for name, each in module.named_parameters():
        found.update(name.encode())
        found.update(each.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _stacked(parts: Sequence[Array]) -> Array:
    """[1, ...] each -> [samples, ...]"""
    return (
        np.concatenate(parts)
        if parts[0].shape[:1] == (1,)
        else np.stack(parts)
        if len(parts) > 1
        else parts[0]
    )
