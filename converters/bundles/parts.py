"""The parts, each converted on its own: in one length, or in several that are put together."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm.artifact.bundle import Bundle
from edgemm.converters.bundles.fed import Fed
from edgemm.converters.bundles.kept import why_not
from edgemm.converters.bundles.options import BundleOptions
from edgemm.converters.bundles.result import PartConversion
from edgemm.converters.conversion import convert
from edgemm.converters.pipeline import Conversion
from edgemm.converters.tflite.signatures import merge_signatures
from edgemm.errors import ConversionError, FidelityMissed, InputError, UnsupportedOperator

if TYPE_CHECKING:
    from edgemm.model.bundle import BundleModel


def convert_parts(
    options: BundleOptions,
    bundle: Bundle,
    model: BundleModel,
    kept: Mapping[str, str],
    feds: Sequence[Fed],
    folder: Path,
) -> dict[str, PartConversion]:
    """Into the folder.

    Args:
        bundle: the source.
        model: the same, loaded.
        kept: role -> why the part stays as it is; "" where it is converted.
        feds: for each length what the parts are fed with.

    Raises:
        InputError: none could be converted.
        ConversionError: one cannot be.
        FidelityMissed: one is below the gate.
    """
    found = {}
    taken = {entry.file for key, entry in bundle.card.files() if key.startswith("assets.")}
    for role, why in kept.items():
        if why:
            found[role] = _as_it_is(bundle, role, why)
            continue
        part = _Part(role, bundle.part_path(role), model, options)
        try:
            found[role] = part.converted(feds, folder, taken)
        except UnsupportedOperator as error:
            if role in options.parts:
                raise UnsupportedOperator(f"part {role!r}: {error}") from error
            found[role] = _as_it_is(bundle, role, why_not(error, model.models[role], options.format))
        except FidelityMissed as error:
            missed = FidelityMissed(f"part {role!r}: {error}")
            missed.conversion = error.conversion
            raise missed from error
        except (ConversionError, InputError) as error:
            said = str(error).replace("--shape ", f"--length {role}.")
            raise type(error)(f"part {role!r}: {said}") from error
    require_some({role: "" if each.conversion else each.kept for role, each in found.items()})
    return found


def require_some(kept: Mapping[str, str]) -> None:
    """Raises:
    InputError: every part stays as it is.
    """
    if all(kept.values()):
        said = "; ".join(f"{role!r}: {why}" for role, why in kept.items())
        raise InputError(f"no part would be converted. {said}")


def told(parts: Mapping[str, PartConversion]) -> list[str]:
    """Notes about the parts, for people."""
    said = [f"part {role!r} is left as it is: {each.kept}" for role, each in parts.items() if each.kept]
    for role, each in parts.items():
        for length, made in each.lengths.items() or [("", made) for made in each.conversions]:
            about = f"part {role!r}, {length}" if length else f"part {role!r}"
            said += [f"{about}: {note}" for note in made.notes]
    return list(dict.fromkeys(said))


@dataclass(frozen=True, slots=True)
class _Part:
    role: str
    path: Path
    """Of the source."""
    model: BundleModel
    options: BundleOptions

    def converted(self, feds: Sequence[Fed], folder: Path, taken: set[str]) -> PartConversion:
        """In as many lengths as it has.

        Args:
            folder: written into.
            taken: names of files that are not free.
        """
        ending = self.options.format
        names = (f"{self.role}.{ending}", f"{self.role}.part.{ending}")
        file = next(name for name in names if name not in taken)
        lengths = _different(self.role, feds)
        source_size = os.path.getsize(self.path)
        if len(lengths) == 1:
            (fed,) = lengths
            done = self._convert(fed, folder / file)
            return PartConversion(file, done.size_bytes, source_size, done)
        made, files = dict[str, Conversion](), dict[str, Path]()
        for fed in lengths:
            name = fed.bucket.name
            files[name] = folder / f"{name}.{file}"
            try:
                first = next(iter(made.values()), None)  # signatures share weights that are stored alike
                made[name] = self._convert(fed, files[name], None if first is None else first.scheme)
            except FidelityMissed as error:
                missed = FidelityMissed(f"{name}: {error}")
                missed.conversion = error.conversion
                raise missed from error
        merged = merge_signatures(files, folder / file)
        for each in files.values():
            each.unlink()
        return PartConversion(file, merged.size_bytes, source_size, next(iter(made.values())), lengths=made)

    def _convert(self, fed: Fed, output: Path, scheme: str | None = None) -> Conversion:
        options, card = self.options, self.model.models[self.role].card
        asked: Any = scheme or options.scheme_of(self.role)
        calibration, held = fed.calibration.get(self.role), fed.held.get(self.role)
        samples = calibration.samples if calibration is not None and calibration.samples else None
        about = " ".join(filter(None, (self.role, fed.bucket.name)))
        return convert(
            self.path,
            output=output,
            calibrate=samples,
            evaluate=held.samples if held is not None and held.samples else None,
            card=card,
            scheme=asked,
            target=options.target,
            gate=options.gate,
            min_db=options.min_db,
            shapes=dict(fed.sizes.get(self.role, {})),
            constants={each.name: each.value for each in card.inputs if each.value is not None},
            settings=options.settings,
            limit=options.limit,
            repair=options.repair,
            repair_seconds=options.repair_seconds,
            explain=options.explain,
            prefer=options.prefer if asked == "auto" else "speed",
            costs=options.costs,
            progress=lambda stage, done, total: options.tell(f"{about}: {stage}", done, total),
        )


def _different(role: str, feds: Sequence[Fed]) -> list[Fed]:
    """Those in which the part has sizes of its own, the longest first: a runtime that asks for no signature runs it."""
    found: list[Fed] = []
    for fed in reversed(feds):
        if all(fed.sizes.get(role) != each.sizes.get(role) for each in found):
            found.append(fed)
    return found


def _as_it_is(bundle: Bundle, role: str, why: str) -> PartConversion:
    size = os.path.getsize(bundle.part_path(role))
    return PartConversion(bundle.card.parts[role].file, size, size, None, why)
