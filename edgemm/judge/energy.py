"""Energy, where the machine tells it: RAPL counters of the processor, or power sensors of the board.

/sys/class/powercap/intel-rapl:N/energy_uj       counters of each package (Intel and AMD); often readable by root alone
/sys/class/hwmon/hwmonN/power1_input             sensors that tell microwatts (INA219, INA226, INA3221 ...)
/sys/class/hwmon/hwmonN/in1_input, curr1_input   sensors that tell millivolts and milliamperes (INA3221 of Jetson)

A sensor measures all that it feeds, and also what runs besides.
"""

from __future__ import annotations

import time
from pathlib import Path

ROOT = Path("/sys/class")
SENSORS = ("ina219", "ina220", "ina226", "ina230", "ina231", "ina238", "ina3221", "ina260")
"""Names of drivers whose sensors measure a board's supply."""


class EnergyMeter:
    """Joules between `start` and `stop`."""

    def __init__(self, root: Path = ROOT) -> None:
        """Args:
        root: where the system shows its devices.
        """
        self._counters = [each for each in _counters(root) if _number(each) is not None]
        self._sensors = (
            [] if self._counters else [each for each in _sensors(root) if _watts(each) is not None]
        )
        self._begin: list[int | None] = []
        self._joules, self._last_s, self._last_w = 0.0, 0.0, 0.0

    @property
    def what(self) -> str | None:
        """What the figure covers; None where nothing is told."""
        if self._counters:
            return "the processor packages"
        return "the board's supply" if self._sensors else None

    def start(self) -> None:
        """From here on."""
        self._begin = [_number(each) for each in self._counters]
        self._joules, self._last_s, self._last_w = 0.0, time.perf_counter(), self._power()

    def sample(self) -> None:
        """Sensors tell power: it is read again and again in between."""
        if not self._sensors:
            return
        now, watts = time.perf_counter(), self._power()
        self._joules += (watts + self._last_w) / 2 * (now - self._last_s)
        self._last_s, self._last_w = now, watts

    def stop(self) -> float | None:
        """Joules since `start`; None where nothing is told."""
        if self._counters:
            pairs = zip(self._counters, self._begin, strict=True)
            spent = [_between(each, before, _number(each)) for each, before in pairs]
            known = [each for each in spent if each is not None]
            return sum(known) / 1e6 if len(known) == len(spent) else None
        self.sample()
        return self._joules if self._sensors else None

    def _power(self) -> float:
        return sum(_watts(each) or 0.0 for each in self._sensors)


def _between(counter: Path, before: int | None, after: int | None) -> int | None:
    """Microjoules; a counter begins again at 0 when it reaches its largest number."""
    if before is None or after is None:
        return None
    if after >= before:
        return after - before
    largest = _number(counter.with_name("max_energy_range_uj"))
    return None if largest is None else after - before + largest


def _counters(root: Path) -> list[Path]:
    """Of whole packages: their parts ("intel-rapl:0:0") are counted in them."""
    found = sorted((root / "powercap").glob("intel-rapl:*/energy_uj"))
    return [each for each in found if each.parent.name.count(":") == 1]


def _sensors(root: Path) -> list[Path]:
    """Folders of sensors of a board's supply."""
    found = sorted((root / "hwmon").glob("hwmon*/name"))
    return [each.parent for each in found if _text(each) in SENSORS]


def _watts(sensor: Path) -> float | None:
    """Now: the first channel that tells."""
    power = _number(sensor / "power1_input")
    if power is not None:
        return power / 1e6
    millivolts, milliamperes = _number(sensor / "in1_input"), _number(sensor / "curr1_input")
    return None if millivolts is None or milliamperes is None else millivolts * milliamperes / 1e6


def _number(file: Path) -> int | None:
    try:
        return int(_text(file))
    except ValueError:
        return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
