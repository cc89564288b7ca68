"""`edgemm doctor FILE...`: which processor files were made for, and whether they suit this one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgemm.artifact import Artifact, read_artifact
from edgemm.artifact.bundle import is_bundle, read_bundle
from edgemm.model.suits import unsuited

UNKNOWN = "no card of edgemm's says what it was made for"


@dataclass(frozen=True, slots=True)
class FileFit:
    """One model file on this processor."""

    file: str
    """Its path; of a bundle, with the role of the part behind it."""
    scheme: str
    """ "float", "static", "dynamic" or "mixed"; "" where the file does not say."""
    target: str
    """What it was made for; "" where the file does not say."""
    suits: bool
    """No other file is known to be better here."""
    wrong: bool
    """Its answers may be wrong here."""
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def file_fits(paths: Sequence[str]) -> list[FileFit]:
    """Of model files, of each part of bundles, and of each model of app files.

    Raises:
        InputError: a file cannot be read, or is none of these.
        ArtifactError: a damaged one.
    """
    models = dict.fromkeys(model for path in paths for model in _models(path))
    return [_fit(name, artifact) for model in models for name, artifact in _artifacts(model)]


def _models(path: str) -> Iterator[str]:
    if Path(path).suffix.lower() != ".json":
        yield path
        return
    from edgemm.app.recipe import read_app

    for stream in read_app(path).streams.values():
        yield from (each for each in (stream.model, stream.before) if each)
        yield from (stage.model for stage in stream.then)


def _artifacts(path: str) -> Iterator[tuple[str, Artifact]]:
    if not is_bundle(path):
        yield path, read_artifact(path)
        return
    with read_bundle(path) as bundle:
        for role in bundle.card.parts:
            yield f"{path} {role}", bundle.read_part(role)


def _fit(name: str, artifact: Artifact) -> FileFit:
    made = {} if artifact.card is None else artifact.card.quantization
    scheme, target = str(made.get("scheme", "")), str(made.get("target", ""))
    found = unsuited(artifact)
    if found is not None:
        return FileFit(name, scheme, target, False, found.wrong, found.sentence)
    if not target:
        return FileFit(name, scheme, target, True, False, UNKNOWN)
    return FileFit(name, scheme, target, True, False, "it suits this processor")
