"""The card of a bundle, `bundle.json`: which files are one model to its user, and how its driver uses them.

    {"schema": "edgemm.bundle/1", "name": "...", "task": "transcription", "driver": "attention",
     "attention": {...}, "parts": {"encoder": {"file": "encoder.onnx", "sha256": "..."}},
     "assets": {"tokens": {"file": "tokens.txt", "sha256": "..."}}}

The docstring under each field is its line in docs/bundles.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePosixPath
from typing import Any, ClassVar

from edgemm.card import reader
from edgemm.card.drivers import driver_names, find_driver
from edgemm.card.model_card import ModelCard, section_to_dict
from edgemm.card.rules import check_hash
from edgemm.card.tasks import task_names
from edgemm.choices import hint, near
from edgemm.errors import CardError, UnsupportedVersion

BUNDLE_SCHEMA = "edgemm.bundle/1"
CARD_NAME = "bundle.json"
"""Of the file that makes a folder a bundle."""
MAX_FILES = 256
"""Parts and assets together."""
MAX_GOLDENS = 16
MAX_NAME = 200
"""Characters in the name of a file, folders included."""
_NAME = re.compile(r"[^\x00-\x1f\x7f\\:*?\"<>|]+")
_NO_FOLDERS = ("", ".", "..")
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz")


@dataclass(frozen=True, slots=True)
class BundlePart:
    """One model of a bundle."""

    file: str
    """Its .tflite or .onnx file: a name inside the bundle, with / between folders."""
    sha256: str = ""
    """Of the whole file, hexadecimal; written by `edgemm bundle`, and checked before a runtime sees the file."""
    card: ModelCard | None = None
    """Of a file made elsewhere that is only run: as a model file's card, instead of the one inside. Others carry
    theirs."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {}


@dataclass(frozen=True, slots=True)
class BundleAsset:
    """What a driver needs besides its parts, such as a list of tokens."""

    file: str
    """A name inside the bundle, with / between folders."""
    sha256: str = ""
    """Of the file, hexadecimal; written by `edgemm bundle`."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {}


@dataclass(frozen=True, slots=True)
class BundleGolden:
    """An input, and what the bundle answers to it; `edgemm verify` runs it again."""

    text: str = ""
    """The input of a bundle that takes text."""
    asset: str = ""
    """The name of an asset that is the input: a .wav file for a bundle that takes sound, a picture's for one that takes
    pictures."""
    expected: dict[str, Any] = field(default_factory=dict)
    """The result as JSON, or those of its keys that are compared. Texts must be equal. {"asset": NAME} in place of the
    samples of a sound: those of a .wav file among the assets."""
    tolerance: float = 0.0
    """The largest difference of a number that counts as the same."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {"tolerance": (0.0, 1e12)}

    def expected_assets(self) -> dict[str, str]:
        """Key of the result -> name of the asset whose samples it is compared with."""
        return {
            key: str(each["asset"])
            for key, each in self.expected.items()
            if isinstance(each, dict) and each.keys() == {"asset"}
        }


@dataclass(frozen=True, slots=True)
class BundleCard:
    """All that a bundle says about itself."""

    driver: str
    """What makes the parts call each other: the name of a driver. Its settings stand under this name."""
    parts: Mapping[str, BundlePart] = field(default_factory=dict)
    """Role -> the model that plays it. Which roles there are, the driver says."""
    assets: Mapping[str, BundleAsset] = field(default_factory=dict)
    """Name -> what the driver needs besides, such as tokens."""
    name: str = "bundle"
    """What people call it."""
    version: str = "1"
    """Of the bundle, in any form."""
    licence: str = ""
    """SPDX expression, such as Apache-2.0; "" where it is not known."""
    min_edgemm: str = ""
    """Oldest edgemm that reads this bundle as it is meant, such as 0.2; "" for any."""
    task: str = ""
    """What the bundle is for, as in a model's card; "" for what its driver is for."""
    goldens: tuple[BundleGolden, ...] = ()
    """Inputs and the results that belong to them, for `edgemm verify`."""
    recipe: Any = None
    """How the driver works. In JSON it stands under the name of the driver."""
    fidelity: dict[str, Any] = field(default_factory=dict)
    """What was measured when the bundle was converted: of each part and of the whole; written by `edgemm convert`."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Keys that this version does not know, kept."""

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {}

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, where the driver's settings have such."""
        return tuple(getattr(self.recipe, "labels", ()))

    def files(self) -> Iterator[tuple[str, BundlePart | BundleAsset]]:
        """Key of each part and asset, such as "parts.encoder", and what stands there."""
        for what, entries in (("parts", self.parts), ("assets", self.assets)):
            for name, entry in entries.items():
                yield f"{what}.{name}", entry

    def with_(self, **changes: Any) -> BundleCard:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def with_hashes(self, found: Mapping[str, str]) -> BundleCard:
        """A copy with these hashes: key of a part or an asset, as `files()` gives it -> SHA-256."""
        return self.with_(
            parts={role: replace(each, sha256=found[f"parts.{role}"]) for role, each in self.parts.items()},
            assets={
                name: replace(each, sha256=found[f"assets.{name}"]) for name, each in self.assets.items()
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, schema key first; empty fields left out, the recipe in full."""
        written: dict[str, Any] = {"schema": BUNDLE_SCHEMA}
        for key in ("name", "version", "licence", "min_edgemm", "task", "driver"):
            if getattr(self, key):
                written[key] = getattr(self, key)
        if self.recipe is not None:
            written[self.driver] = section_to_dict(self.recipe)
        written["parts"] = {role: _entry(each) for role, each in self.parts.items()}
        if self.assets:
            written["assets"] = {name: _entry(each) for name, each in self.assets.items()}
        if self.goldens:
            written["goldens"] = [_entry(each) for each in self.goldens]
        if self.fidelity:
            written["fidelity"] = dict(self.fidelity)
        return written | {key: item for key, item in self.extra.items() if key not in written}

    def to_json(self) -> str:
        """The card as indented JSON; the same card always gives the same text.

        Raises:
            CardError: it holds what JSON cannot: infinity, NaN, an array.
        """
        try:
            return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise CardError(
                f"bundle.json cannot be written: {error}. Give plain, finite JSON values"
            ) from error

    @staticmethod
    def from_json(text: str | bytes) -> BundleCard:
        """Reads `bundle.json`.

        Raises:
            CardError: not JSON, too large, an unknown driver, or a value that is out of range; says which key.
            UnsupportedVersion: its schema or `min_edgemm` is newer than this edgemm.
            MissingDependency: the package that has the driver cannot be imported.
        """
        content = reader.read(text, BUNDLE_SCHEMA)
        driver = require_driver(content.get("driver"))
        recipe = _recipe(content, driver)
        parts = {name: _part(each, name) for name, each in _entries(content, "parts").items()}
        assets = {
            name: reader.read_object(each, BundleAsset, f"bundle.assets.{name}")
            for name, each in _entries(content, "assets").items()
        }
        card: BundleCard = reader.read_object(content, BundleCard, "bundle")
        return replace(card, recipe=recipe, parts=parts, assets=assets).completed()

    def completed(self) -> BundleCard:
        """A copy with the driver's task and settings where it has none, checked.

        Raises:
            CardError, MissingDependency: see `check`.
        """
        driver = require_driver(self.driver)
        recipe = driver.Recipe() if self.recipe is None else self.recipe
        card = replace(self, task=self.task or driver.task, recipe=recipe)
        card.check()
        return card

    def check(self) -> None:
        """The rules between fields, and what the driver needs.

        Raises:
            CardError: one is broken; says which key.
        """
        driver = require_driver(self.driver)
        _check_task(self.task, driver)
        for key, entry in self.files():
            _check_name(key.partition(".")[2], f"bundle.{key}")
            check_file_name(entry.file, f"bundle.{key}.file")
            check_hash(entry.sha256, f"bundle.{key}.sha256")
        if len(self.parts) + len(self.assets) > MAX_FILES:
            found = len(self.parts) + len(self.assets)
            raise CardError(f"bundle: expected at most {MAX_FILES} parts and assets, found {found}")
        _check_folders({entry.file for _, entry in self.files()})
        _check_needs(self, driver)
        if len(self.goldens) > MAX_GOLDENS:
            raise CardError(f"bundle.goldens: expected at most {MAX_GOLDENS}, found {len(self.goldens)}")
        for at, golden in enumerate(self.goldens):
            _check_golden(golden, self, f"bundle.goldens[{at}]")


def require_driver(name: object) -> Any:
    """The driver of this name.

    Raises:
        CardError: there is none.
        MissingDependency: the package that has it cannot be imported.
    """
    known = driver_names()
    if not isinstance(name, str) or name not in known:
        expected = ", ".join(f'"{each}"' for each in known) or "one of an installed package (there is none)"
        found = f'"{name[:80]}"' if isinstance(name, str) else "none" if name is None else type(name).__name__
        raise CardError(f"bundle.driver: expected one of {expected}, found {found}{hint(name, known)}")
    return find_driver(name)


def check_file_name(name: str, path: str) -> None:
    """Returns where a name stays inside the bundle, on every system.

    Raises:
        CardError: it is absolute, leads out, or has characters that some systems do not take.
    """
    parts = name.split("/")
    plain = bool(_NAME.fullmatch(name)) and len(name) <= MAX_NAME and not any(p in _NO_FOLDERS for p in parts)
    if not plain or any(part != part.strip() for part in parts):
        raise CardError(
            f"{path}: expected the name of a file inside the bundle, such as encoder.onnx or tables/tokens.txt, found "
            f"{name[:80]!r}"
        )
    if name.casefold() == CARD_NAME:
        raise CardError(f"{path}: expected another file than {CARD_NAME} itself, found {name!r}")


def _check_folders(names: set[str]) -> None:
    """No file has the name of another one's folder, nor one that differs in large and small letters alone."""
    plain: dict[str, str] = {}
    for name in sorted(names):
        if name.casefold() in plain:
            other = plain[name.casefold()]
            raise CardError(
                f"bundle: {other!r} and {name!r} are one file where case does not count. Rename one"
            )
        plain[name.casefold()] = name
    for name in names:
        for folder in PurePosixPath(name.casefold()).parents:
            if str(folder) in plain:
                raise CardError(
                    f"bundle: {plain[str(folder)]!r} is a file, and the folder of {name!r}. Rename one"
                )


def _check_name(name: str, path: str) -> None:
    if not re.fullmatch(r"[\w.\-]{1,64}", name):
        raise CardError(f"{path[:100]}: expected a name of letters, digits, _, - and ., found {name[:80]!r}")


def _check_task(task: str, driver: Any) -> None:
    known = (driver.task, *(name for name in task_names() if name != driver.task))
    if task not in known:
        raise CardError(
            f'bundle.task: expected one of {", ".join(map(json.dumps, known))}, found "{task[:80]}"'
            f"{hint(task, known)}"
        )


def _check_needs(card: BundleCard, driver: Any) -> None:
    roles, optional = tuple(driver.roles), tuple(getattr(driver, "optional", ()))
    who = f"the driver {card.driver!r}"
    for role in roles:
        if role not in card.parts:
            meant = near(role, [each for each in card.parts if each not in (*roles, *optional)])
            raise CardError(
                f"bundle.parts: {who} needs {', '.join(map(repr, roles))}; {role!r} is missing"
                + (f". Did you mean it by {meant!r}?" if meant else "")
            )
    for role in card.parts:
        if role not in (*roles, *optional):
            raise CardError(
                f"bundle.parts.{role}: {who} has no such part. Expected {', '.join(map(repr, (*roles, *optional)))}"
                f"{hint(role, (*roles, *optional))}"
            )
    for name in getattr(driver, "assets", ()):
        if name not in card.assets:
            meant = near(name, [each for each in card.assets if each not in driver.assets])
            raise CardError(
                f"bundle.assets: {who} needs {', '.join(map(repr, driver.assets))}; {name!r} is missing"
                + (f". Did you mean it by {meant!r}?" if meant else "")
            )


def _check_golden(golden: BundleGolden, card: BundleCard, path: str) -> None:
    if bool(golden.text) == bool(golden.asset):
        found = "both" if golden.text else "neither"
        raise CardError(f"{path}: expected an input, text or asset, found {found}")
    if golden.asset and golden.asset not in card.assets:
        raise CardError(
            f"{path}.asset: expected the name of an asset ({', '.join(card.assets) or 'there is none'}), found "
            f"{golden.asset[:80]!r}{hint(golden.asset, card.assets)}"
        )
    for key, name in golden.expected_assets().items():
        if name not in card.assets:
            raise CardError(
                f"{path}.expected.{key[:80]}: expected the name of an asset, found {name[:80]!r}"
                f"{hint(name, card.assets)}"
            )
    if not golden.expected:
        raise CardError(f"{path}.expected: expected the result as an object, found none")


def _entries(content: dict[str, Any], key: str) -> dict[str, Any]:
    found = content.pop(key, {})
    if not isinstance(found, dict):
        raise CardError(f"bundle.{key}: expected an object, found {type(found).__name__}")
    return found


def _part(content: Any, role: str) -> BundlePart:
    path = f"bundle.parts.{role}"
    described = content.get("card") if isinstance(content, dict) else None
    card = None
    if described is not None:
        try:
            card = ModelCard.from_json(json.dumps(described))
        except (CardError, UnsupportedVersion) as error:
            raise type(error)(f"{path}: {error}") from error
    if isinstance(content, dict):
        content = {key: item for key, item in content.items() if key != "card"}
    part: BundlePart = reader.read_object(content, BundlePart, path)
    if PurePosixPath(part.file).suffix.lower() in _ARCHIVES:
        raise CardError(
            f"{path}.file: expected a .tflite or .onnx model, found {part.file[:80]!r}. A bundle holds no other "
            "bundle: name the models in it"
        )
    return replace(part, card=card)


def _recipe(content: dict[str, Any], driver: Any) -> Any:
    """The settings of the driver, taken out of `content`; its defaults where there are none."""
    name = content["driver"]
    if name in {each.name for each in fields(BundleCard)}:
        raise CardError(
            f"bundle.driver: the driver {name!r} of another package has the name of a key of bundle.json"
        )
    section = content.pop(name, None)
    recipe = reader.read_object({} if section is None else section, driver.Recipe, f"bundle.{name}")
    try:
        recipe.check()
    except CardError as error:
        raise CardError(f"bundle.{name}.{error}") from error
    return recipe


def _entry(entry: BundlePart | BundleAsset | BundleGolden) -> dict[str, Any]:
    """As JSON has it; what says nothing is left out."""
    written: dict[str, Any] = {}
    for each in fields(entry):
        value = getattr(entry, each.name)
        if each.name != "extra" and value not in (None, "", {}, 0.0):
            written[each.name] = value.to_dict() if isinstance(value, ModelCard) else value
    return written | {key: item for key, item in entry.extra.items() if key not in written}
