"""Errors of a training step, in the caller's terms."""

from __future__ import annotations

from edgemm.errors import InputError, TrainingError
from edgemm.quantize.training.samples import Batch
from edgemm.quantize.training.state import State


def explained(error: Exception, state: State, batch: Batch) -> Exception:
    """What a step's error means for the caller."""
    if isinstance(error, TrainingError):
        return TrainingError(
            f"step {state.step + 1} of epoch {state.epoch + 1}: {error}. The weights are those of the step before; "
            "a lower learning rate or clip_norm helps, if the data are finite"
        )
    if isinstance(error, InputError) or state.steps:
        return error
    if not isinstance(error, RuntimeError | ValueError | TypeError | IndexError):
        return error
    shapes = ", ".join(
        f"{list(each.shape)} {str(each.dtype).removeprefix('torch.')}" for each in batch.inputs
    )
    return InputError(f"the network cannot be trained with inputs of {shapes}: {error}")
