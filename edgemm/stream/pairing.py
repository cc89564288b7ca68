"""Whether a source gives what a model takes."""

from __future__ import annotations

from os import PathLike

from edgemm.capture.source import Source
from edgemm.errors import InputError
from edgemm.session import Session, TakesOneModality
from edgemm.stream.budget import Budget

_GIVES = {
    "image": "pictures",
    "audio": "sound",
    "text": "text",
    "points": "points of another model",
    "seed": "seeds",
}
_EXPECTED = {
    "image": "a camera, a video, pictures or network video",
    "audio": "a microphone or WAV files",
    "text": "text:FILE or text:-",
    "points": "this model behind one that finds them",
    "seed": "seed:0..9",
}


def require_source(source: object) -> None:
    """Refuses what nothing can be read from, such as the name of a source that was not opened.

    Raises:
        InputError: it has not the attributes of a `Source`.
    """
    if all(hasattr(source, name) for name in ("uri", "modality", "live", "read")):
        return
    opened = f". Open it first: edgemm.open_source({source!r})" if isinstance(source, str | PathLike) else ""
    raise InputError(
        f"source: expected an open source, as edgemm.open_source gives, found {type(source).__name__}{opened}"
    )


def require_budget(budget: object) -> None:
    """Raises:
    InputError: it is neither a `Budget` nor None.
    """
    if budget is not None and not isinstance(budget, Budget):
        raise InputError(
            f"budget: expected an edgemm.Budget, found {budget!r}. Write edgemm.Budget(max_age_ms=...)"
        )


def require_pair(session: Session, source: Source) -> None:
    """Refuses pictures for a model of sound, sound for a model of pictures, and the like.

    Raises:
        InputError: the source gives something else than the session takes.
    """
    if isinstance(session, TakesOneModality) and session.modality != source.modality:
        raise InputError(
            f"this model takes {_GIVES[session.modality]}, but {source.uri} is {_GIVES[source.modality]}: "
            f"expected {_EXPECTED[session.modality]}"
        )
