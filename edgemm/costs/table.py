"""Cost tables: what operators take on one kind of processor, as JSON ("edgemm.costs/1")."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgemm import atomic, strict_json
from edgemm.choices import choice, expected_one_of
from edgemm.costs.derived import RATIOS, derived
from edgemm.costs.point import PRECISIONS, Point, Work
from edgemm.errors import InputError
from edgemm.instructions import Instructions, instructions

SCHEMA = "edgemm.costs/1"
FORMATS = ("tflite", "onnx")
BUILT_IN = ("vnni", "avx2", "dotprod", "i8mm")
"""Names of the tables that come with edgemm: x86 with VNNI, x86 without, Arm with dot products, Arm with I8MM."""
FOR_TARGET = {
    "cpu": "vnni",
    "vnni": "vnni",
    "x86": "avx2",
    "arm": "dotprod",
    "coral": "dotprod",
    "tensorrt": "vnni",
    "tflite-2.14": "dotprod",
}
"""Target -> table. Most x86 processors have VNNI, and Arm with dot products has ratios like theirs."""
MAX_BYTES = 4 << 20
_LARGEST = 2**53
_AGAIN = "Measure it again on the device: edgemm bench --costs -o FILE"
_NO_NUMBER = re.compile(rb":\s*(NaN|-?Infinity|-?\d+(?:\.\d+)?[eE]\+?\d{3,})")
""""us": NaN" and the like, which Python writes and JSON lacks."""


@dataclass(frozen=True, slots=True)
class CostTable:
    """Times of operators on one machine, one thread."""

    instructions: str
    """What int8 hangs on: "AVX2 AVX512 VNNI"."""
    points: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    """Format -> what was measured; "tflite" or "onnx", only those whose runtime was there."""
    machine: str = ""
    """The processor, as it names itself."""
    threads: int = 1
    runtimes: Mapping[str, str] = field(default_factory=dict)
    """Format -> runtime and its version: "litert 2.3.0"."""
    clock: str = "processor time"
    """What the times are of."""
    measured: bool = True
    """False where they were derived from another machine's."""
    source: str = ""
    """Where they are from, in words."""
    name: str = ""
    """Of a table that comes with edgemm; "" for one that was measured."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "instructions": self.instructions,
            "machine": self.machine,
            "threads": self.threads,
            "runtimes": dict(self.runtimes),
            "clock": self.clock,
            "measured": self.measured,
            "source": self.source,
            "points": {format_: [each.to_json() for each in self.points[format_]] for format_ in self.points},
        }

    def write(self, path: str | Path) -> None:
        """Writes the table, a line for each point.

        Raises:
            InputError: the folder cannot be written, or `path` is a link or a device.
        """
        atomic.save(path, self._text())

    def _text(self) -> str:
        whole = self.to_json()
        points = whole.pop("points")
        head = json.dumps(whole, indent=1, ensure_ascii=False)[:-2]
        lists = [
            f'  "{format_}": [\n   ' + ",\n   ".join(json.dumps(each) for each in listed) + "\n  ]"
            for format_, listed in points.items()
        ]
        return head + ',\n "points": {\n' + ",\n".join(lists) + "\n }\n}\n"

    @classmethod
    def read(cls, path: str | Path) -> CostTable:
        """A table that `edgemm bench --costs -o FILE` has written.

        Raises:
            InputError: no such file, or it is no such table.
        """
        try:
            with Path(path).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as e:
            raise InputError(f"{path}: cannot be read as a cost table: {e.strerror or e}") from e
        try:
            return cls.from_json(_parsed(content))
        except ValueError as e:
            raise InputError(
                f"{path}: expected a cost table ({SCHEMA}), found something else: {e}. {_AGAIN}"
            ) from e

    @classmethod
    def from_json(cls, value: Any) -> CostTable:
        """A table out of plain JSON values.

        Raises:
            ValueError: it is none; says where.
        """
        if not isinstance(value, dict) or "schema" not in value:
            raise ValueError("another kind of file")
        if value["schema"] != SCHEMA:
            raise ValueError(f"the schema {value['schema']!r}")
        kinds: dict[str, type] = {
            "schema": str, "name": str, "instructions": str, "machine": str, "threads": int, "runtimes": dict,
            "clock": str, "measured": bool, "source": str, "points": dict,
        }  # fmt: skip
        for key in value:
            if key not in kinds:
                raise ValueError(f"the key {key!r}: {expected_one_of(tuple(kinds), key)}")
        for key, kind in kinds.items():
            if type(value.get(key)) is not kind:
                raise ValueError(f"no {key!r}" if key not in value else f"{key!r} of another type")
        if value["threads"] < 1:
            raise ValueError(f"{value['threads']} threads")
        runtimes = value["runtimes"]
        if not all(isinstance(each, str) for each in runtimes.values()):
            raise ValueError("'runtimes' of another type")
        points = value["points"]
        for format_ in (*points, *runtimes):
            if format_ not in FORMATS:
                raise ValueError(f"the format {format_!r}: {expected_one_of(FORMATS, format_)}")
        if not any(points.values()):
            raise ValueError("no points")
        read = {format_: _points(format_, points[format_]) for format_ in points}
        rest = {key: value[key] for key in kinds if key not in ("schema", "points")}
        return cls(**rest, points=read)

    @classmethod
    def built_in(cls, name: str) -> CostTable:
        """A table that comes with edgemm.

        Args:
            name: one of BUILT_IN.

        Raises:
            InputError: another name.
        """
        from edgemm import data

        choice("costs", name, BUILT_IN)
        measured = cls.read(data.path("costs/vnni.json"))
        if name not in RATIOS:
            return measured
        ratio = RATIOS[name]
        points = {format_: derived(listed, format_, ratio) for format_, listed in measured.points.items()}
        return replace(
            measured, name=name, instructions=ratio.instructions, machine="", measured=False, source=ratio.words,
            points=points,
        )  # fmt: skip

    @property
    def unmeasured(self) -> str:
        """A sentence where the times were not measured; "" where they were."""
        if self.measured:
            return ""
        return (
            f"the costs of {self.name or self.instructions} are not measured but {self.source}; "
            "measure yours on the device: edgemm bench --costs -o costs.json"
        )


def _parsed(content: bytes) -> Any:
    """The JSON of a file.

    Raises:
        ValueError: it is none; says where, in words.
    """
    try:
        return strict_json.parse(content, MAX_BYTES)
    except UnicodeDecodeError as e:
        raise ValueError("it is no text") from e
    except json.JSONDecodeError as e:
        raise ValueError(
            f"it is no JSON from line {e.lineno} on" if content.strip() else "it is empty"
        ) from e
    except ValueError as e:
        number = _NO_NUMBER.search(content)
        if number is None:
            raise
        line = content.count(b"\n", 0, number.start()) + 1
        raise ValueError(f"line {line}: {number.group(1).decode()} is no time") from e


def _points(format_: str, listed: Any) -> tuple[Point, ...]:
    if not isinstance(listed, list):
        raise ValueError(f"{format_!r} of another type")
    return tuple(_point(each, f"{format_} point {index}") for index, each in enumerate(listed))


def _point(value: Any, where: str) -> Point:
    if not isinstance(value, dict) or not {"kind", "precision", "work", "us"} <= set(value):
        raise ValueError(f"{where} without its kind, precision, work and us")
    kind, precision, us = value["kind"], value["precision"], value["us"]
    if unknown := set(value) - {"kind", "precision", "work", "us", "delegated"}:
        raise ValueError(f"{where} with the key {sorted(unknown)[0]!r}")
    if not isinstance(kind, str) or not kind:
        raise ValueError(f"{where} without a kind")
    if precision not in PRECISIONS:
        raise ValueError(f"{where}: the precision {precision!r}: {expected_one_of(PRECISIONS, precision)}")
    work = value["work"]
    whole = isinstance(work, list) and len(work) == 5 and all(type(each) is int for each in work)
    if not whole or not 0 < work[0] <= _LARGEST or not all(0 <= each <= _LARGEST for each in work):
        raise ValueError(f"{where}: work is five whole numbers, the first at least 1")
    if type(us) not in (int, float) or not 0 < us <= 1e9:
        raise ValueError(
            f"{where} ({kind!r} in {precision}): us, its time in microseconds, is above 0 and at most 1e9"
        )
    delegated = value.get("delegated", True)
    if not isinstance(delegated, bool):
        raise ValueError(f"{where}: delegated is true or false")
    return Point(kind, precision, Work(*work), float(us), delegated)


def table_for(target: str) -> CostTable:
    """The table that comes with edgemm for a target.

    Args:
        target: a target of `edgemm convert`; "here" is this machine's processor.

    Raises:
        InputError: another word.
    """
    if target == "here":
        return CostTable.built_in(table_here(instructions()))
    return CostTable.built_in(FOR_TARGET[choice("target", target, (*FOR_TARGET, "here"))])


def table_here(here: Instructions) -> str:
    """The name of the table that fits a processor best."""
    if here.kind == "arm":
        return "i8mm" if "I8MM" in here.names else "dotprod"
    return "avx2" if here.target == "x86" else "vnni"
