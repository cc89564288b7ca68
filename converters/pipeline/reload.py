"""Writes the artifact, loads it as a device does, and replays its goldens; the file stays only if they match."""

from __future__ import annotations

from pathlib import Path

from edgemm import atomic
from edgemm.artifact import write_artifact
from edgemm.artifact.trust import remember
from edgemm.converters.pipeline.work import Work
from edgemm.converters.worker import RunFailed, replayed
from edgemm.errors import CardError, ConversionError, InputError


def reload(work: Work) -> None:
    """The last step.

    Raises:
        ConversionError: the artifact cannot be loaded, or answers otherwise than when it was measured.
        CardError: its card and its tensors do not agree.
    """
    work.tell("writing")
    output = work.options.output
    try:
        with atomic.trial_folder(output) as folder:
            tried = folder / output.name
            write_artifact(tried, work.written.payload, work.card, work.goldens, work.associated)
            _require_answers(tried)
    except OSError as error:
        raise InputError(
            f"{output}: nothing can be written beside it ({error}). Choose another folder"
        ) from error
    work.artifact = write_artifact(output, work.written.payload, work.card, work.goldens, work.associated)
    remember(work.artifact, "made")


def _require_answers(tried: Path) -> None:
    try:
        outcomes = replayed(tried)
    except RunFailed as error:
        if error.kind == CardError.__name__:
            raise CardError(f"the card does not fit the model: {error}") from error
        raise ConversionError(
            f"the written artifact cannot be loaded: {error}. Nothing was written. This is a fault in the "
            "converter: please report the model"
        ) from error
    for name, error_, tolerance, ok in outcomes:
        if not ok:
            raise ConversionError(
                f"output {name!r} of the written artifact differs by {error_:.3g} from what was measured (at most "
                f"{tolerance:.3g}). Nothing was written. This is a fault in the converter: please report the model"
            )
