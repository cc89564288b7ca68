"""Inference runtimes: one file each, behind one seam (`Backend`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TypeVar

from edgemm.amounts import count
from edgemm.backends.backend import Backend, Coverage, OpenBackend
from edgemm.delegates import Delegate, Format, candidates
from edgemm.errors import ArtifactError, DelegateError, DelegateMissing, UnsupportedVersion
from edgemm.log import LOG
from edgemm.runtime_noise import without_noise

if TYPE_CHECKING:
    from edgemm.artifact import Artifact
    from edgemm.backends.backend import Shapes
    from edgemm.backends.litert_entries import LitertEntries


class Opener(Protocol):
    """How a runtime loads a model."""

    def __call__(
        self,
        payload: bytes,
        wanted: Delegate,
        threads: int,
        *,
        trial: bool = False,
        shapes: Shapes | None = None,
    ) -> Backend: ...


Opened = TypeVar("Opened")
_BACKENDS: Mapping[Format, tuple[str, str]] = {
    "tflite": ("edgemm.backends.litert", "open_litert"),
    "onnx": ("edgemm.backends.ort", "open_ort"),
}
"""Format of an artifact -> module and function of what runs it, imported when one is opened."""


def opener_of(format_: Format) -> Opener:
    """What runs artifacts of this format."""
    module, name = _BACKENDS[format_]
    opener: Opener = getattr(import_module(module), name)
    return opener


def open_backend(
    artifact: Artifact, *, delegate: str | tuple[str, ...] = "auto", threads: int = 1
) -> Backend:
    """Loads an artifact into its runtime.

    Args:
        artifact: where the file leaves the shape of a tensor open, the card says it.
        delegate: a name, which is then required; a tuple of names, the first that works is taken; or "auto".
        threads: for the CPU's part of the work.

    Raises:
        InputError: an unknown delegate, or `threads` that is no whole number of 1 or more.
        MissingDependency: the runtime is not installed.
        DelegateError: no delegate of those asked for can run the model.
        ArtifactError: the model is damaged, or too new for the runtime.
    """
    opener = opener_of(artifact.runtime_format)
    shapes = _said_shapes(artifact)
    return _opened(
        artifact,
        delegate,
        threads,
        lambda each, count_: opener(artifact.payload, each, count_, shapes=shapes),
    )


def _said_shapes(artifact: Artifact) -> Shapes:
    if artifact.format == "tflite":  # says them all
        return {}
    from edgemm.card.fit import said_shapes

    return said_shapes(artifact.card)


def open_values(
    artifact: Artifact, *, delegate: str | tuple[str, ...] = "auto", threads: int = 1
) -> OpenBackend:
    """Loads an artifact whose dimensions may be open: an .onnx or .ort file.

    Args:
        delegate, threads: as of `open_backend`.

    Raises:
        InputError, MissingDependency, DelegateError, ArtifactError: as `open_backend`.
    """
    if artifact.runtime_format != "onnx":
        raise UnsupportedVersion(
            f"{artifact.path}: expected an .onnx or .ort file: a .{artifact.format} file is run with the sizes that it "
            "was written with"
        )
    from edgemm.backends.ort_open import open_ort_values

    return _opened(
        artifact, delegate, threads, lambda each, count_: open_ort_values(artifact.payload, each, count_)
    )


def open_entries(
    artifact: Artifact, *, delegate: str | tuple[str, ...] = "auto", threads: int = 1
) -> LitertEntries:
    """Loads a .tflite file with all its signatures.

    Args:
        delegate, threads: as of `open_backend`.

    Raises:
        InputError, MissingDependency, DelegateError, ArtifactError: as `open_backend`.
    """
    if artifact.format != "tflite":
        raise UnsupportedVersion(f"{artifact.path}: expected a .tflite file, which alone has signatures")
    from edgemm.backends.litert_entries import open_litert_entries

    return _opened(
        artifact, delegate, threads, lambda each, count_: open_litert_entries(artifact.payload, each, count_)
    )


def _opened(
    artifact: Artifact,
    delegate: str | tuple[str, ...],
    threads: int,
    open_: Callable[[Delegate, int], Opened],
) -> Opened:
    threads = count("threads", threads)
    try:
        with without_noise():
            wanted = candidates(delegate, artifact.runtime_format)
            return _first_that_works(artifact, wanted, threads, open_, quiet=delegate == "auto")
    except ArtifactError as e:
        raise type(e)(f"{artifact.path}: {e}") from e


def _first_that_works(
    artifact: Artifact,
    wanted: tuple[Delegate, ...],
    threads: int,
    open_: Callable[[Delegate, int], Opened],
    *,
    quiet: bool,
) -> Opened:
    reasons = []
    for each in wanted:
        try:
            _require_route(artifact, each)
            return open_(each, threads)
        except DelegateError as e:
            if len(wanted) == 1:
                raise
            (LOG.info if quiet else LOG.warning)("%s", e)
            reasons.append(e)
    raise DelegateMissing("; ".join(map(str, reasons))) from reasons[-1]


def _require_route(artifact: Artifact, wanted: Delegate) -> None:
    if not wanted.serves(artifact.runtime_format):
        raise DelegateMissing(
            f"delegate {wanted.name}: no runtime for .{artifact.format} files has a route to it. {wanted.advice}"
        )


__all__ = [
    "Backend",
    "Coverage",
    "OpenBackend",
    "open_backend",
    "open_entries",
    "open_values",
    "opener_of",
]
