"""Whether a source gives what a model takes."""

from __future__ import annotations

from edgemm.capture.source import Source
from edgemm.errors import InputError
from edgemm.stream.session import Session, TakesOneModality

_GIVES = {"image": "pictures", "audio": "sound"}
_EXPECTED = {
    "image": "a camera, a video, pictures or network video",
    "audio": "a microphone or WAV files",
}


def require_pair(session: Session, source: Source) -> None:
    """Refuses pictures for a model of sound, and sound for a model of pictures.

    Raises:
        InputError: the source gives something else than the session takes.
    """
    if isinstance(session, TakesOneModality) and session.modality != source.modality:
        raise InputError(
            f"this model takes {_GIVES[session.modality]}, but {source.uri} is {_GIVES[source.modality]}: "
            f"expected {_EXPECTED[session.modality]}"
        )
