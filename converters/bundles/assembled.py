"""The new bundle put together, opened as a device does, and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm import atomic
from edgemm.artifact.bundle import Bundle, BundleCard, BundlePart, write_bundle
from edgemm.converters.bundles.result import BundleConversion, PartConversion
from edgemm.errors import CardError, ConversionError

if TYPE_CHECKING:
    from edgemm.model.bundle import BundleModel


def opened_here(path: Path) -> BundleModel:
    """A bundle on the processor."""
    from edgemm.model.load import load_bundle

    return load_bundle(path, delegate="cpu")


@contextmanager
def opened(folder: Path, source: Path) -> Iterator[BundleModel]:
    """The new bundle, as a device opens it.

    Raises:
        ConversionError: its driver does not take a part as it is now, such as one whose length is fixed.
    """
    try:
        made = opened_here(folder)
    except CardError as error:
        said = str(error).removeprefix(f"{folder}: ")
        raise ConversionError(
            f"{source}: as converted, {said}. A part that cannot be so is left as it is by --part ROLE=keep"
        ) from error
    with made:
        yield made


def answered_again(
    model: BundleModel, made: BundleModel, card: BundleCard
) -> tuple[BundleCard, dict[str, bytes | Path]]:
    """The card with the goldens of the source, as the new bundle answers them; and the files of these."""
    from edgemm.model.bundle_goldens import make_golden

    files: dict[str, bytes | Path] = {}
    for golden in model.card.goldens:
        given = golden.text or str(model.bundle.folder / model.card.assets[golden.asset].file)
        card, more = make_golden(made, card, given, golden.tolerance)
        files |= more
    return card, files


def put_together(
    model: BundleModel, bundle: Bundle, parts: Mapping[str, PartConversion], folder: Path
) -> tuple[BundleCard, dict[str, bytes | Path]]:
    """The card of the new bundle, and its files, which lie in `folder` then."""
    entries = {
        role: BundlePart(each.file) if each.kept == "" else bundle.card.parts[role]
        for role, each in parts.items()
    }
    files: dict[str, bytes | Path] = {}
    needed = model.needed_assets()
    for key, entry in bundle.card.files():
        kind, _, name = key.partition(".")
        if (kind == "parts" and not parts[name].kept) or (kind == "assets" and name not in needed):
            continue
        path = folder / entry.file
        path.parent.mkdir(parents=True, exist_ok=True)
        content = bundle.asset(name) if kind == "assets" else bundle.read_part(name).path.read_bytes()
        atomic.write(path, [content])
        files[entry.file] = path
    for each in parts.values():
        files[each.file] = folder / each.file
    assets = {name: each for name, each in bundle.card.assets.items() if name in needed}
    return bundle.card.with_(parts=entries, assets=assets, goldens=(), fidelity={}), files


def _of_lengths(part: PartConversion) -> dict[str, Any]:
    of_each = {name: each.fidelity.to_json() for name, each in part.lengths.items()}
    return {"lengths": of_each} if of_each else {}


def written(
    done: BundleConversion, files: Mapping[str, bytes | Path], notes: Sequence[str]
) -> BundleConversion:
    """The ZIP; what was kept stands in its card."""
    fidelity: dict[str, Any] = {
        "parts": {
            role: {"kept": each.kept}
            if each.conversion is None
            else {"scheme": each.conversion.scheme, **each.conversion.fidelity.to_json(), **_of_lengths(each)}
            for role, each in done.parts.items()
        }
    }
    if done.together is not None:
        fidelity["together"] = done.together.to_json()
    with write_bundle(done.card.with_(fidelity=fidelity), done.output, files=files) as found:
        return replace(done, size_bytes=found.size_bytes, card=found.card, notes=tuple(dict.fromkeys(notes)))
