"""What `shrink_file` was asked for, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemm import atomic
from edgemm.converters.options import Options
from edgemm.converters.pruning.options import check_cut, check_keep, check_low_rank, check_source
from edgemm.errors import InputError
from edgemm.quantize.prune.target import Target
from edgemm.quantize.training.settings import Settings

SAMPLES = 2048
"""Samples that are used at most, where nothing else is said."""
USUAL = Settings(epochs=20, batch_size=32, learning_rate=5e-4, schedule="cosine", warm_up=0.05, clip_norm=1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Shrinking:
    """The arguments of `shrink_file`, which explains them.

    Raises:
        InputError: one of them does not fit.
    """

    options: Options
    """Source, data, output, gate: what `convert` has too."""
    prune: Target | None
    keep: tuple[str, ...] = ()
    settings: Settings = USUAL
    checkpoint: Path | None = None
    low_rank: float | None = None

    def __post_init__(self) -> None:
        options = self.options
        check_cut(options.source, options.outputs, options.inputs)
        check_source(options.source, options.example_inputs, options.calibrate)
        if options.scheme == "float":
            raise InputError("scheme: expected auto, static or dynamic, found float: shrinking writes int8")
        if self.prune is None and self.keep:
            raise InputError("keep (--keep): nothing is removed with prune none (--prune none). Leave it out")
        if self.prune is None and self.low_rank is not None:
            raise InputError(
                "low_rank (--low-rank): nothing is removed with prune none (--prune none). Leave it out"
            )
        check_low_rank(options.source, self.low_rank)
        if self.checkpoint is not None:
            self._check_checkpoint(self.checkpoint)

    def _check_checkpoint(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise InputError(f"checkpoint (--checkpoint) {path}: the folder {path.parent} does not exist")
        atomic.refuse_source(self.options.source, path, "checkpoint (--checkpoint)")
        if path.absolute() == self.options.output.absolute():
            raise InputError(f"checkpoint (--checkpoint) {path}: that is the output. Choose another name")


def pruning_of(target: Target | str | None, keep: Any) -> tuple[Target | None, tuple[str, ...]]:
    """What shall be left, None for everything; and the names of layers that are kept."""
    return (None if target is None else Target.of(target)), check_keep(keep)
