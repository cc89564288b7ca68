"""Keys of a card that nobody reads: a misspelt key changes what a model answers, and says nothing.

Keys that begin with "x-" are their author's own notes and are kept. Others are refused where a card is written
(`edgemm card set`, `edgemm convert`), with the key that was probably meant; where a card is only loaded they are kept,
with a warning, since they may be of a later version.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from edgemm.card.model_card import HistoryStep, InputCard, ModelCard, OutputCard, StatePair
from edgemm.card.reader import BESIDE
from edgemm.card.recipes import AudioRecipe, ImageRecipe, LatentRecipe, PointsRecipe
from edgemm.card.tasks import TASKS, task_names
from edgemm.card.text_recipe import TextRecipe
from edgemm.errors import CardError, CardWarning
from edgemm.frozen import field_names, is_frozen, replace

if TYPE_CHECKING:
    from edgemm.card.bundle_card import BundleCard

OWN = "x-"
"""How keys begin that are kept without a word."""
_BUNDLE = "bundle.json itself"
HELP, GUESSED = "x-help", "x-guessed"
"""Keys of `edgemm card new`, which are not written into a file."""

_SECTIONS: dict[type, str] = {
    ModelCard: "the card itself",
    InputCard: "an entry of inputs",
    ImageRecipe: "image, in an entry of inputs",
    LatentRecipe: "latent, in an entry of inputs",
    AudioRecipe: "audio, in an entry of inputs",
    TextRecipe: "text, in an entry of inputs",
    PointsRecipe: "points, in an entry of inputs",
    OutputCard: "an entry of outputs",
    StatePair: "an entry of states",
    HistoryStep: "an entry of history",
}
"""Kind of object -> where it stands in a card."""


@cache
def _all_sections() -> dict[type, str]:
    """And those of a bundle's."""
    from edgemm.card.bundle_card import BundleAsset, BundleCard, BundleGolden, BundlePart

    return _SECTIONS | {
        BundleCard: _BUNDLE,
        BundlePart: "an entry of parts",
        BundleAsset: "an entry of assets",
        BundleGolden: "an entry of goldens",
    }


def unknown_keys(card: ModelCard | BundleCard) -> tuple[str, ...]:
    """A sentence for each unknown key: its place, and what was probably meant."""
    root = "card" if isinstance(card, ModelCard) else "bundle"
    return tuple(_sentence(path, key, kind) for path, key, kind in _extras(card, root))


def refuse_unknown(card: ModelCard | BundleCard) -> None:
    """Returns where every key is known, or its author's own.

    Raises:
        CardError: a key that is neither; names up to three of them.
    """
    found = unknown_keys(card)
    if found:
        from edgemm.choices import ended

        more = f" {len(found) - 3} more keys like this." if len(found) > 3 else ""
        raise CardError(
            f"{' '.join(map(ended, found[:3]))}{more} Correct it, or begin it with {OWN!r} to keep it as a note of "
            "your own"
        )


def warn_unknown(card: ModelCard | BundleCard, where: str, correct: str) -> None:
    """Warns of each unknown key (`CardWarning`), once per file and key, in the name of the program that called edgemm.

    Args:
        where: what the card was read from.
        correct: how a key is corrected there, without a full stop.
    """
    for each in unknown_keys(card):
        _warn_once(where, each, correct)


@lru_cache(maxsize=256)
def _warn_once(where: str, sentence: str, correct: str) -> None:
    from edgemm.choices import ended
    from edgemm.redaction import without_secrets

    said = f"{where}: {ended(sentence)} The key is ignored; {correct}"
    warnings.warn(without_secrets(said), CardWarning, stacklevel=_level_outside())


def _level_outside() -> int:
    """The `stacklevel` with which the caller warns in the name of the program that called edgemm."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "edgemm":
        frame, level = frame.f_back, level + 1
    return level


def without_help(card: ModelCard) -> ModelCard:
    """The card without what `edgemm card new` wrote to explain it."""
    cleaned: ModelCard = _without_help(card)
    return cleaned


def _without_help(value: Any) -> Any:
    if isinstance(value, tuple) and value and is_frozen(value[0]):
        return tuple(_without_help(each) for each in value)
    if not is_frozen(value):
        return value
    changes = {name: _without_help(getattr(value, name)) for name in field_names(type(value))}
    changes["extra"] = {key: item for key, item in changes["extra"].items() if key not in (HELP, GUESSED)}
    return replace(value, **changes)


def _extras(value: Any, path: str) -> Iterator[tuple[str, str, type]]:
    """Path, key and kind of object of every unknown key."""
    for key in value.extra:
        if not key.startswith(OWN) and not _is_section(
            key, type(value)
        ):  # another task's is kept, and not read
            yield path, key, type(value)
    for name in field_names(type(value)):
        inner = getattr(value, name)
        if is_frozen(inner):
            yield from _extras(inner, f"{path}.{_name_of_recipe(value) if name == 'recipe' else name}")
        elif isinstance(inner, Mapping) and name not in BESIDE:
            for key, entry in inner.items():
                if is_frozen(entry):
                    yield from _extras(entry, f"{path}.{name}.{key}")
        elif isinstance(inner, tuple):
            for at, entry in enumerate(inner if inner and is_frozen(inner[0]) else ()):
                yield from _extras(entry, f"{path}.{name}[{at}]")


def _is_section(key: str, kind: type) -> bool:
    """Packages are asked for their names only where it is none of ours."""
    return (kind is ModelCard and key in TASKS) or key in _sections(kind)


def _sections(kind: type) -> tuple[str, ...]:
    """Names of tasks or drivers, whose sections stand in such an object."""
    if kind in _SECTIONS:
        return task_names() if kind is ModelCard else ()
    from edgemm.card.drivers import driver_names

    return driver_names() if _all_sections().get(kind) == _BUNDLE else ()


def _name_of_recipe(card: Any) -> str:
    return str(card.task if isinstance(card, ModelCard) else card.driver)


def _sentence(path: str, key: str, kind: type) -> str:
    known = _known(kind)
    elsewhere = [
        where for other, where in _all_sections().items() if other is not kind and key in _known(other)
    ]
    from edgemm.choices import hint

    told = f". It belongs into {elsewhere[0]}" if elsewhere else hint(key, known)
    return f"{path}.{key[:80]}: is not a key of {_section(path, kind)}{told}"


def _section(path: str, kind: type) -> str:
    """Where an object stands in a card; a task's recipe under the task's name."""
    return _all_sections().get(kind, path.removeprefix("card.").removeprefix("bundle."))


def _known(kind: Any) -> list[str]:
    return [
        *(name for name in field_names(kind) if name not in BESIDE),
        *_sections(kind),
    ]
