"""`convert_bundle`: each part of a bundle on its own, and the whole held to its source."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm import atomic
from edgemm.artifact.bundle import CARD_NAME, Bundle, BundleCard, BundlePart, write_bundle
from edgemm.card.keys import refuse_unknown
from edgemm.converters.bundles.kept import why_kept
from edgemm.converters.bundles.lengths import known_lengths, of_cards, probes, settled, still_open
from edgemm.converters.bundles.options import BundleOptions
from edgemm.converters.bundles.recorded import Seen, record
from edgemm.converters.bundles.together import Together, judge
from edgemm.converters.conversion import convert
from edgemm.converters.fidelity import MIN_SNR_DB
from edgemm.converters.options import REPAIR_SECONDS, GateMode, Progress, RepairMode, Scheme, silent
from edgemm.converters.pipeline import Conversion
from edgemm.converters.written import Format, Settings
from edgemm.errors import (
    CardError,
    ConversionError,
    EdgemmError,
    FidelityMissed,
    InputError,
    UnsupportedOperator,
)
from edgemm.judge.items import Item, divided, load_items

if TYPE_CHECKING:
    from edgemm.model.bundle import BundleModel

NO_DATA = (
    "no data: the parts' activations are not calibrated, and nothing was measured end to end; give --calibrate or "
    "--evaluate with texts or recordings that the bundle is made for"
)
PART_SAMPLES = 64
"""Most samples that a part is judged on."""


@dataclass(frozen=True, slots=True)
class PartConversion:
    """What became of one part."""

    file: str
    """In the bundle."""
    size_bytes: int
    source_size_bytes: int
    conversion: Conversion | None = None
    """None where it was left as it is."""
    kept: str = ""
    """Why it was left as it is; "" where it was converted."""

    def to_json(self) -> dict[str, Any]:
        """The keys that scripts rely on."""
        content: dict[str, Any] = {
            "file": self.file, "size_bytes": self.size_bytes, "source_size_bytes": self.source_size_bytes,
        }  # fmt: skip
        if self.conversion is None:
            return content | {"kept": self.kept}
        told = self.conversion.to_json()
        return {**told, **content} | {"output": self.file}


@dataclass(frozen=True, slots=True)
class BundleConversion:
    """The result of the conversion of a bundle."""

    output: Path
    format: Format
    size_bytes: int
    """Of the ZIP; of its parts where nothing was written."""
    source_size_bytes: int
    parts: Mapping[str, PartConversion]
    together: Together | None
    """None where there were no data."""
    card: BundleCard
    notes: tuple[str, ...] = ()

    @property
    def missed(self) -> tuple[str, ...]:
        """Sentences about limits that the whole missed."""
        return () if self.together is None else self.together.missed

    def to_json(self) -> dict[str, Any]:
        """The keys that scripts rely on."""
        return {
            "schema": "edgemm.convert.bundle/1",
            "output": str(self.output),
            "format": self.format,
            "size_bytes": self.size_bytes,
            "source_size_bytes": self.source_size_bytes,
            "parts": {role: each.to_json() for role, each in self.parts.items()},
            "together": None if self.together is None else self.together.to_json(),
            "gate_missed": list(self.missed),
            "notes": list(self.notes),
        }


def convert_bundle(
    source: str | Path,
    *,
    output: str | Path,
    format: Format = "tflite",
    calibrate: str | Path | Sequence[Any] | None = None,
    evaluate: str | Path | Sequence[Any] | None = None,
    scheme: Scheme = "auto",
    parts: Mapping[str, str] | None = None,
    lengths: Mapping[str, Sequence[int]] | None = None,
    target: str = "cpu",
    gate: GateMode = "fail",
    min_db: float = MIN_SNR_DB,
    limit: int = 256,
    repair: RepairMode = "auto",
    repair_seconds: float = REPAIR_SECONDS,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> BundleConversion:
    """Converts the parts of a bundle, and writes the bundle of them.

    Each part is calibrated and gated on its own, on what it is fed with while the whole bundle runs on the data. Then
    the new bundle is judged against the source on data held out: where its driver decides by scores, by these over the
    steps that the source takes; and by what both answer freely, against what is right where the data say it.

    A part stays as it is where it is quantized already, where its caches grow, or where the format cannot express it.

    Args:
        source: a folder with bundle.json, a ZIP, or a folder in a layout of another project.
        output: ends in .zip.
        format: of the parts: "tflite" or "onnx".
        calibrate: texts (.txt, .tsv, .csv, .jsonl), recordings (a folder of .wav), or a sequence of texts or
            `AudioBlock`s, or of pairs of these and what is right. A quarter is held out to judge by.
        evaluate: other data to judge by.
        scheme: of the parts: see `convert`.
        parts: role -> a scheme of its own, or "keep".
        lengths: "ROLE.INPUT" -> its whole shape, of inputs that the files leave open; without, the card's length, or
            the largest in the data.
        target: see `convert`.
        gate: what to do when a part or the whole is below the limit: see `convert`.
        min_db: minimum SNR in dB for outputs that are not classes.
        limit: the most items of the data, and the most samples of a part, that are used.
        repair: see `convert`.
        repair_seconds: time limit for that, for each part.
        settings: opset, ONNX input type, TFLite layout.
        progress: called with (stage, done, total).

    Raises:
        InputError: an argument or the data do not fit, or no part can be converted.
        ArtifactError: the source is no bundle, or a damaged one.
        UnsupportedOperator: the format cannot express a part that was named.
        FidelityMissed: a part or the whole is below the gate; nothing was written. Its `conversion` is what was
            measured: of a part a `Conversion`, of the whole a `BundleConversion`.
    """
    return run(
        BundleOptions(
            Path(source), Path(output), format, calibrate, evaluate, scheme, parts or {}, lengths or {}, target, gate,
            min_db, limit, repair, repair_seconds, settings or Settings(), progress or silent,
        )
    )  # fmt: skip


def run(options: BundleOptions) -> BundleConversion:
    """The steps: read, record, convert, put together, judge, write."""
    from edgemm.model.find_bundle import find_bundle

    options.tell("reading")
    with ExitStack() as opened:
        bundle = opened.enter_context(find_bundle(options.source))
        refuse_unknown(bundle.card)
        model = opened.enter_context(opened_here(options.source))
        calibration, held = _data(options, model)
        _require_roles(options, model)
        kept = {role: why_kept(bundle, role, model.models[role], options) for role in model.models}
        _require_some(kept)
        notes = [] if calibration or held else [NO_DATA]
        fed = _record(options, model, [role for role, why in kept.items() if not why], calibration, held)
        folder = opened.enter_context(atomic.trial_folder(options.output))
        parts = _convert_parts(options, bundle, model, kept, fed, folder)
        notes += [*fed.notes, *_told(parts)]
        card, files = _put_together(model, bundle, parts, folder)
        atomic.save(folder / CARD_NAME, card.to_json())
        with _opened(folder, options.source) as made:
            together = (
                judge(model, made, held, options.limits, _tick(options, "judging the whole"))
                if held
                else None
            )
            card, goldens = _answered_again(model, made, card)
        notes += () if together is None else together.sentences
        done = BundleConversion(
            options.output, options.format, sum(each.size_bytes for each in parts.values()), bundle.size_bytes, parts,
            together, card, tuple(dict.fromkeys(notes)),
        )  # fmt: skip
        if done.missed and options.gate == "fail":
            raise _missed(done)
        if options.gate == "warn":
            notes += [f"below the gate: {each}" for each in done.missed]
        return _written(options, done, files | goldens, notes)


def opened_here(path: Path) -> BundleModel:
    """A bundle on the processor."""
    from edgemm.model.load import load_bundle

    return load_bundle(path, delegate="cpu")


@contextmanager
def _opened(folder: Path, source: Path) -> Iterator[BundleModel]:
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


def _answered_again(
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


@dataclass(frozen=True, slots=True)
class Fed:
    """What the parts are fed with."""

    calibration: Mapping[str, Seen]
    held: Mapping[str, Seen]
    sizes: Mapping[str, Mapping[str, tuple[int, ...]]]
    notes: Sequence[str]


def _data(options: BundleOptions, model: BundleModel) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """To calibrate on, and to judge by."""
    given: dict[str, tuple[Item, ...]] = {}
    for option, data in (("--calibrate", options.calibrate), ("--evaluate", options.evaluate)):
        given[option] = () if data is None else load_items(data, model.modality, options.limit, option)
    calibration, held = given["--calibrate"], given["--evaluate"]
    return (calibration, held) if held or not calibration else divided(calibration)


def _require_roles(options: BundleOptions, model: BundleModel) -> None:
    from edgemm.choices import hint

    for role in options.parts:
        if role not in model.models:
            known = ", ".join(model.models)
            raise InputError(
                f"--part {role}: expected one of {known}; found {role!r}{hint(role, model.models)}"
            )


def _require_some(kept: Mapping[str, str]) -> None:
    if all(kept.values()):
        said = "; ".join(f"{role!r}: {why}" for role, why in kept.items())
        raise InputError(f"no part would be converted. {said}")


def _record(
    options: BundleOptions,
    model: BundleModel,
    roles: Sequence[str],
    calibration: Sequence[Item],
    held: Sequence[Item],
) -> Fed:
    """Runs the source on the data, and on something at all where sizes are open."""
    tick = _tick(options, "recording what the parts are fed with")
    sizes = known_lengths(model, options.lengths)
    notes: list[str] = []
    if still_open(model, roles, sizes):
        sizes, notes = settled(model, roles, sizes, [*calibration, *held] or probes(model), tick)
    for role, shapes in of_cards(model, roles).items():
        sizes[role] = {**shapes, **sizes.get(role, {})}
    first = record(model, calibration, roles, sizes, options.limit, tick) if calibration else {}
    second = record(model, held, roles, sizes, min(options.limit, PART_SAMPLES), tick) if held else {}
    _require_sizes(model, roles, sizes, [*first.items(), *second.items()])
    return Fed(first, second, sizes, notes)


def _require_sizes(
    model: BundleModel, roles: Sequence[str], sizes: Any, seen: Sequence[tuple[str, Seen]]
) -> None:
    """Raises:
    InputError: a driver feeds a part with other sizes than it was told, so that no fixed size serves.
    """
    for role, each in seen:
        for name, shape in sizes.get(role, {}).items():
            other = each.shapes.get(name, set()) - {tuple(shape)}
            if other:
                raise InputError(
                    f"part {role!r}, input {name!r}: the driver {model.card.driver!r} feeds it with {list(min(other))} "
                    f"where {list(shape)} was expected: it uses it with open sizes alone. --part {role}=keep leaves it"
                )


def _convert_parts(
    options: BundleOptions,
    bundle: Bundle,
    model: BundleModel,
    kept: Mapping[str, str],
    fed: Fed,
    folder: Path,
) -> dict[str, PartConversion]:
    found = {}
    taken = {entry.file for key, entry in bundle.card.files() if key.startswith("assets.")}
    for role, why in kept.items():
        path = bundle.part_path(role)
        if why:
            found[role] = _as_it_is(bundle, role, why)
            continue
        file = next(
            name
            for name in (f"{role}.{options.format}", f"{role}.part.{options.format}")
            if name not in taken
        )
        try:
            done = _converted(options, role, path, model, fed, folder / file)
        except UnsupportedOperator as error:
            if role in options.parts:
                raise UnsupportedOperator(f"part {role!r}: {error}") from error
            found[role] = _as_it_is(bundle, role, f".{options.format} cannot express it: {error}")
            continue
        except FidelityMissed as error:
            missed = FidelityMissed(f"part {role!r}: {error}")
            missed.conversion = error.conversion
            raise missed from error
        except (ConversionError, InputError) as error:
            said = str(error).replace("--shape ", f"--length {role}.")
            raise type(error)(f"part {role!r}: {said}") from error
        found[role] = PartConversion(file, done.size_bytes, os.path.getsize(path), done)
    if all(each.conversion is None for each in found.values()):
        _require_some({role: each.kept for role, each in found.items()})
    return found


def _converted(
    options: BundleOptions, role: str, path: Path, model: BundleModel, fed: Fed, output: Path
) -> Conversion:
    card = model.models[role].card
    asked: Any = options.scheme_of(role)
    calibration, held = fed.calibration.get(role), fed.held.get(role)
    samples = calibration.samples if calibration is not None and calibration.samples else None
    dynamic = asked == "auto" and samples is None
    return convert(
        path,
        output=output,
        calibrate=samples,
        evaluate=held.samples if held is not None and held.samples else None,
        card=card,
        scheme="dynamic" if dynamic else asked,
        target=options.target,
        gate=options.gate,
        min_db=options.min_db,
        shapes=dict(fed.sizes.get(role, {})),
        constants={each.name: each.value for each in card.inputs if each.value is not None},
        settings=options.settings,
        limit=options.limit,
        repair=options.repair,
        repair_seconds=options.repair_seconds,
        progress=lambda stage, done, total: options.tell(f"{role}: {stage}", done, total),
    )


def _as_it_is(bundle: Bundle, role: str, why: str) -> PartConversion:
    size = os.path.getsize(bundle.part_path(role))
    return PartConversion(bundle.card.parts[role].file, size, size, None, why)


def _told(parts: Mapping[str, PartConversion]) -> list[str]:
    said = [f"part {role!r} is left as it is: {each.kept}" for role, each in parts.items() if each.kept]
    for role, each in parts.items():
        if each.conversion is not None:
            said += [f"part {role!r}: {note}" for note in each.conversion.notes]
    return said


def _put_together(
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


def _missed(done: BundleConversion) -> FidelityMissed:
    error = FidelityMissed(
        f"fidelity is below the gate, nothing was written: {'; '.join(done.missed)}. More calibration data, or "
        "--part ROLE=float for the part that loses most, usually helps; --gate warn writes it anyway"
    )
    error.conversion = done
    return error


def _written(
    options: BundleOptions, done: BundleConversion, files: Mapping[str, bytes | Path], notes: Sequence[str]
) -> BundleConversion:
    fidelity: dict[str, Any] = {
        "parts": {
            role: {"kept": each.kept}
            if each.conversion is None
            else {"scheme": each.conversion.scheme, **each.conversion.fidelity.to_json()}
            for role, each in done.parts.items()
        }
    }
    if done.together is not None:
        fidelity["together"] = done.together.to_json()
    with write_bundle(done.card.with_(fidelity=fidelity), options.output, files=files) as written:
        return BundleConversion(
            done.output, done.format, written.size_bytes, done.source_size_bytes, done.parts, done.together,
            written.card, tuple(dict.fromkeys(notes)),
        )  # fmt: skip


def _tick(options: BundleOptions, stage: str) -> Any:
    return lambda done, total: options.tell(stage, done, total)


__all__ = ["BundleConversion", "BundleOptions", "EdgemmError", "PartConversion", "convert_bundle", "run"]
