"""What became of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgemm.artifact.bundle import BundleCard
from edgemm.converters.bundles.together import Together
from edgemm.converters.pipeline import Conversion
from edgemm.converters.written import Format


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
    lengths: Mapping[str, Conversion] = field(default_factory=dict)
    """Signature -> its conversion, the longest first; {} where it has one length. `conversion` is the first."""

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        """Of all its lengths."""
        return tuple(self.lengths.values()) or ((self.conversion,) if self.conversion is not None else ())

    def named(self, role: str) -> tuple[tuple[str, Conversion], ...]:
        """The same with names: "encoder", or "encoder length_16" where there are several."""
        if self.lengths:
            return tuple((f"{role} {name}", each) for name, each in self.lengths.items())
        return tuple((role, each) for each in self.conversions)

    def to_json(self) -> dict[str, Any]:
        """The keys that scripts rely on."""
        content: dict[str, Any] = {
            "file": self.file, "size_bytes": self.size_bytes, "source_size_bytes": self.source_size_bytes,
        }  # fmt: skip
        if self.conversion is None:
            return content | {"kept": self.kept}
        told = {**self.conversion.to_json(), **content, "output": self.file}
        if self.lengths:
            told["lengths"] = {
                name: each.to_json() | {"output": self.file} for name, each in self.lengths.items()
            }
        return told


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
    def conversions(self) -> list[tuple[str, Conversion]]:
        """Of every part and length that was converted, with its name."""
        return [one for role, part in self.parts.items() for one in part.named(role)]

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
