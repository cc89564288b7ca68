"""How large a pruned file is on the disk, with its card and its test inputs, before it is put in its place."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import onnx_ir as ir

from edgemm.artifact import write_artifact
from edgemm.converters.pipeline.describe import describe
from edgemm.converters.pipeline.measure import measure
from edgemm.converters.pipeline.plan import plan
from edgemm.converters.pipeline.work import Work
from edgemm.converters.pipeline.write import write
from edgemm.converters.prepare import Prepared
from edgemm.converters.pruning.turns import written_float
from edgemm.errors import InputError
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import serialize


@dataclass(frozen=True, slots=True)
class Budget:
    """What a target for the size allows."""

    target: Target
    whole: int
    """Bytes of the source: its file with the files of weights that it names; the whole network as such a file where
    the source is none."""
    beside: int
    """Bytes of the pruned file that are not the graph: its card and test inputs."""

    @property
    def allowed(self) -> int:
        """Bytes of the pruned file, at most."""
        return int(self.target.value * self.whole)

    def less(self, bytes_: int) -> Budget:
        """The same with so many bytes fewer for the graph."""
        return replace(self, beside=self.beside + bytes_)


def finish(work: Work, source: Prepared, made: ir.Model) -> None:
    """From a graph to a payload that was measured, and its card; nothing is written yet.

    Args:
        source: as it was read.
    """
    work.prepared = replace(source, model=made, source=None, runs_in=None)
    plan(work)
    write(work)
    measure(work)
    describe(work)


def size_on_disk(work: Work) -> int:
    """Bytes of the file that would be written now."""
    with tempfile.TemporaryDirectory(prefix="edgemm-prune-") as folder:
        tried = Path(folder, "size.onnx")
        return write_artifact(tried, work.written.payload, work.card, work.goldens).size_bytes


def budget_of(work: Work, source: Prepared, target: Target) -> Budget:
    """What may be taken, found by writing the whole network as it is.

    Raises:
        InputError: card and test inputs alone are larger than that.
    """
    notes = list(work.notes)
    finish(work, source, source.model)
    unpruned = size_on_disk(work)
    work.prepared, work.notes, work.card = source, notes, None
    whole = source.size_bytes if is_file(work) else unpruned
    found = Budget(target, whole, unpruned - len(serialize(source.model)))
    if found.beside >= found.allowed:
        raise InputError(
            f"the target {target} cannot be reached: it allows {found.allowed} bytes of the source's {whole}, and the "
            f"card and the test inputs alone take {found.beside}. Give macs=, parameters= or ms= instead"
        )
    return found


def size_before(work: Work, source: Prepared, after: int) -> int:
    """Bytes of the source: of its file, with the files of weights that it names. Where it is no file, of the whole
    network as such a file as the pruned one.

    Args:
        after: of the pruned file.
    """
    if is_file(work):
        return source.size_bytes
    return len(written_float(source.model).payload) + after - len(work.written.payload)


def is_file(work: Work) -> bool:
    """The source is a whole file, not a module, a graph in memory or a part of a file."""
    return isinstance(work.options.source, str | Path) and not work.options.cut
