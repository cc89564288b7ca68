"""What a source that is pruned must be."""

from __future__ import annotations

from pathlib import Path

from edgemm.converters.options import Options
from edgemm.converters.passes.quantized import is_quantized
from edgemm.converters.pipeline.work import Work
from edgemm.errors import InputError
from edgemm.quantize.prune.graph.shared import share_again


def require_float(work: Work) -> None:
    """Raises:
    InputError: the source is quantized.
    """
    source = work.prepared.source
    if source is not None and is_quantized(source):
        raise InputError(
            f"{_name(work.options)}: it is quantized, and its rounded weights cannot be fitted anew. Prune the float "
            "model that it was made from, then run edgemm convert"
        )


def keep_shared(work: Work) -> None:
    """Weights that several layers of the source share are one in its canonical graph too."""
    if work.prepared.source is not None:
        share_again(work.prepared.model, work.prepared.source)


def _name(options: Options) -> str:
    return Path(options.source).name if isinstance(options.source, str | Path) else "the model"
