"""Opening an artifact, or any model file: its card, trust, the runtime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

from edgemm.backends import open_backend
from edgemm.card.keys import warn_unknown
from edgemm.errors import CardError, DamagedArtifact, InputError, MachineShortage, naming
from edgemm.frozen import replace
from edgemm.log import LOG
from edgemm.model.exchange import check_card
from edgemm.model.model import Model
from edgemm.shortage import shortage
from edgemm.tasks import open_decoder, undecoded

if TYPE_CHECKING:
    from pathlib import Path

    from edgemm.artifact import Artifact
    from edgemm.backends.backend import Backend
    from edgemm.card.fit import CardLike
    from edgemm.card.model_card import ModelCard
    from edgemm.foreign import ForeignCard
    from edgemm.model.bundle import BundleModel
    from edgemm.model.open_model import OpenModel
    from edgemm.model.signature_model import SignatureModel
    from edgemm.tasks import Decoder


def load(
    path: str | Path,
    *,
    delegate: str | tuple[str, ...] = "auto",
    threads: int = 1,
    card: CardLike | None = None,
    **options: Any,
) -> Model:
    """Opens an artifact, any .tflite or .onnx file, or a bundle, ready to run.

    Args:
        path: of the file, or of a bundle: its ZIP, its folder, or a folder in a layout of another project. A model
            whose origin is not known (`edgemm.artifact.trust`) is first opened in a child process.
        card: for a file that carries none, or instead of the one that it carries: a `ModelCard`, its dictionary, the
            path of a JSON file, or the name of a preset. Names and layouts that do not fit are taken from the file;
            its `payload_sha256` is not checked.
        delegate: a name, which is then required; a tuple, an order of fallback; or "auto".
        threads: for the CPU's part of the work.
        options: of the task, or of the bundle's driver, instead of what the card says: `threshold=0.3`,
            `classes=("person",)`. Which there are, docs/cards.md says for each task, docs/bundles.md for each driver.

    Returns:
        A `Model`; of a bundle a `BundleModel`, which has the same face. It is typed as a `Model` all the same:
        `load_bundle` gives it by its own type.

    Raises:
        ArtifactError: damaged, too new, or its card and its tensors do not agree.
        DelegateError: the delegate cannot be had, fails, or takes nothing.
        MissingDependency: the runtime for this format is not installed.
        MachineShortage: there is no memory, file descriptor or process left to load it.
        InputError: an unknown delegate, `threads` below 1, no such card, or no such option.

    Warns:
        CardWarning: the card has a key that is not known, as a misspelt one.
    """
    with _told_shortage(path):
        from edgemm.artifact.file import is_bundle, read_artifact

        if not is_bundle(path):
            return _load(read_artifact(path), delegate, threads, card, options)
        if card is not None:
            raise InputError(f"{path}: the cards of a bundle stand in it. Expected none beside it")
        return cast("Model", load_bundle(path, delegate=delegate, threads=threads, **options))


def load_bundle(
    path: str | Path,
    *,
    delegate: str | tuple[str, ...] = "auto",
    threads: int = 1,
    precision: str | None = None,
    **options: Any,
) -> BundleModel:
    """Opens a bundle: its ZIP, its folder, or a folder in a layout of another project. See `load`.

    Args:
        precision: for a folder in a layout of another project: "float" to take the files with float weights where there
            are some with int8 too; None: int8.

    Raises:
        InputError: there is no such bundle, no such option of its driver, or a precision for another kind of bundle.
        ArtifactError: a file is missing, changed, damaged, or of another model; or `bundle.json` is not valid.
        DelegateError, MissingDependency, MachineShortage: as `load`.

    Warns:
        CardWarning: `bundle.json` has a key that is not known, as a misspelt one.
    """

    def open_part(artifact: Artifact, card: ModelCard | None) -> Model | OpenModel | SignatureModel:
        return _load_part(artifact, delegate, threads, card)

    with _told_shortage(path):
        from edgemm.model.bundle import BundleModel
        from edgemm.model.find_bundle import find_bundle

        bundle = find_bundle(path, precision)
        try:
            warn_unknown(
                bundle.card, str(path), "to correct it, edit bundle.json, and write the bundle again"
            )
            return BundleModel(bundle, open_part, options)
        except BaseException:
            bundle.close()
            raise


def load_part(
    path: str | Path,
    *,
    delegate: str | tuple[str, ...] = "auto",
    threads: int = 1,
    card: CardLike | None = None,
) -> Model | OpenModel | SignatureModel:
    """Opens a model that is one of several: as `load`, and a file whose sizes are open as one that is run on arrays of
    any length, with caches that grow: an .onnx file, or an .ort file of ONNX Runtime's own format. A .tflite file of
    several signatures is opened with all of them.

    Args:
        path, delegate, threads, card: as of `load`. Shapes in the card close what the file leaves open.

    Returns:
        What has `part()`, `inputs`, `outputs`, `coverage`, `delegates` and `close()`.

    Raises:
        ArtifactError, DelegateError, MissingDependency, MachineShortage, InputError: as `load`.
    """
    with _told_shortage(path):
        from edgemm.artifact import read_artifact

        return _load_part(read_artifact(path), delegate, threads, card)


def _load_part(
    artifact: Artifact, delegate: str | tuple[str, ...], threads: int, card: CardLike | None
) -> Model | OpenModel | SignatureModel:
    from edgemm.model.open_sizes import has_signatures, leaves_open

    given = artifact if card is None else _with_card(artifact, card)
    if leaves_open(given):
        return _load_open(given, delegate, threads)
    if has_signatures(given):
        return _load_signatures(given, delegate, threads)
    return _load(artifact, delegate, threads, card, {})


def _load_open(artifact: Artifact, delegate: str | tuple[str, ...], threads: int) -> OpenModel:
    from edgemm.backends import open_values
    from edgemm.model.open_model import OpenModel

    _require_trust(artifact)
    _tell_unsuited(artifact)
    if artifact.card is None:
        artifact = _with_told_labels(artifact)
    backend = open_values(artifact, delegate=delegate, threads=threads)
    try:
        with naming(artifact.path):
            return OpenModel(artifact, backend)
    except BaseException:
        backend.close()
        raise


def _with_told_labels(artifact: Artifact) -> Artifact:
    """With the names of the classes that the file gives in another project's way, and nothing else of what it says."""
    told = _told(artifact)
    if told is None or not told.card.labels:
        return artifact
    from edgemm.card.model_card import ModelCard

    return replace(artifact, card=ModelCard(labels=told.card.labels))


def _load_signatures(artifact: Artifact, delegate: str | tuple[str, ...], threads: int) -> SignatureModel:
    from edgemm.backends import open_entries
    from edgemm.model.signature_model import SignatureModel

    _require_trust(artifact)
    backend = open_entries(artifact, delegate=delegate, threads=threads)
    try:
        with naming(artifact.path):
            return SignatureModel(artifact, backend)
    except BaseException:
        backend.close()
        raise


def _require_trust(artifact: Artifact) -> None:
    """Probes a file whose origin is not known as a part is run: with sizes that it leaves open, all its signatures."""
    from edgemm.artifact.trust import is_trusted

    if not is_trusted(artifact, open_sizes=True):
        from edgemm.model.file_probe import probe

        probe(artifact, open_sizes=True)


def _with_card(artifact: Artifact, card: CardLike) -> Artifact:
    from edgemm.card.fit import find_card
    from edgemm.card.vocabulary import with_kept_files

    kept = {} if artifact.card is None else artifact.card.files
    return replace(artifact, card=with_kept_files(find_card(card), kept))


@contextmanager
def _told_shortage(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (MemoryError, OSError, ImportError) as error:
        if lacking := shortage(error):
            raise MachineShortage(f"{path}: {lacking}") from error
        raise


def _load(
    artifact: Artifact,
    delegate: str | tuple[str, ...],
    threads: int,
    card: CardLike | None,
    options: dict[str, Any],
) -> Model:
    from edgemm.artifact.trust import is_trusted

    if card is not None:
        artifact = _with_card(artifact, card)
    told = _told(artifact) if artifact.card is None else None
    if told is not None:  # its shapes are needed to open a file that leaves some open
        artifact = replace(artifact, card=told.card)
    if not is_trusted(artifact):
        from edgemm.model.file_probe import probe

        probe(artifact)
    _tell_unsuited(artifact)
    open_ = partial(_open_trusted, artifact, delegate=delegate, threads=threads)
    backend = open_()
    try:
        decoder = None
        place, correct = _card_place(artifact.where, card)
        with naming(place, f"To correct it, {correct}"):
            if card is not None and artifact.card is not None:
                from edgemm.card.fit import fit_card

                artifact = replace(artifact, card=fit_card(artifact.card, backend.inputs, backend.outputs))
            if told is not None:
                artifact, decoder = _as_told(artifact, told, backend)
            if options and artifact.card is None:
                raise InputError(
                    f"options {', '.join(options)}: this file has no card, so that its outputs are given as they are. "
                    f"Begin a card with `edgemm card new {artifact.path} -o CARD.json`, then give it by --card"
                )
            model = Model(artifact, backend, open_, options, decoder)
        warn_unknown(model.card, place, f"to correct it, {correct}")
        return model
    except BaseException:
        backend.close()
        raise


def _tell_unsuited(artifact: Artifact) -> None:
    if artifact.format == "onnx":  # weights in .tflite files are the same for all processors
        from edgemm.model.suits import tell_unsuited

        tell_unsuited(artifact)


def _told(artifact: Artifact) -> ForeignCard | None:
    """What the file says about itself in another project's way."""
    from edgemm.foreign import foreign_card

    return foreign_card(artifact)


def _open_trusted(artifact: Artifact, *, delegate: str | tuple[str, ...], threads: int) -> Backend:
    """`open_backend` for a file that is known to run: where it does not, and memory is limited, that is the reason.

    Runtimes do not say so: XNNPACK "failed to reshape" a model that it has no memory for.
    """
    try:
        return open_backend(artifact, delegate=delegate, threads=threads)
    except DamagedArtifact as error:
        from edgemm.model.file_probe import memory_limit
        from edgemm.model.probe_limits import LOW_LIMIT, leaves_less_than

        lacking = shortage(error) or (LOW_LIMIT if leaves_less_than(memory_limit(artifact)) else "")
        if lacking:
            said = str(error).removeprefix(f"{artifact.path}: ")
            raise MachineShortage(f"{artifact.path}: {lacking}. The runtime says: {said}") from error
        raise


def _as_told(artifact: Artifact, told: ForeignCard, backend: Backend) -> tuple[Artifact, Decoder | None]:
    """With what the file says about itself, where its tensors and its task agree; else as one that says nothing. And
    its decoder, which was opened to find that out."""
    from edgemm.card.fit import fit_card

    try:
        card = fit_card(told.card, backend.inputs, backend.outputs)
        check_card(card, backend)
        decoder = None if undecoded(card) else open_decoder(card, backend.outputs)
    except CardError as error:
        LOG.warning(
            "%s: its %s does not fit its tensors and is ignored (%s)", artifact.path, told.origin, error
        )
        return replace(artifact, card=None), None
    return replace(artifact, card=card), decoder


def _card_place(path: str, given: CardLike | None) -> tuple[str, str]:
    """What a card was read from, and how it is corrected there."""
    if given is None:
        return path, f"write another card with `edgemm card set {path} CARD.json`"
    if isinstance(given, str | PathLike):
        return str(given), "edit this file"
    return f"the card given for {path}", "change it where it is made"
