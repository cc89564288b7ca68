"""What a model costs: energy where a machine tells it, memory of its own process, sizes."""

from __future__ import annotations

import resource
import zlib
from pathlib import Path

import numpy as np
import pytest

from edgemm import data
from edgemm.bench import resident_mb
from edgemm.card.model_card import HistoryStep
from edgemm.judge import compute
from edgemm.judge.energy import EnergyMeter

DIGITS = data.path("models/digits.onnx")


def put(root: Path, name: str, text: object) -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")
    return file


def test_a_machine_that_tells_nothing_has_no_energy(tmp_path: Path) -> None:
    meter = EnergyMeter(tmp_path)
    meter.start()
    meter.sample()
    assert meter.stop() is None
    assert meter.what is None


def test_counters_of_packages_are_added_and_those_of_their_parts_are_not(tmp_path: Path) -> None:
    first = put(tmp_path, "powercap/intel-rapl:0/energy_uj", 1_000_000)
    second = put(tmp_path, "powercap/intel-rapl:1/energy_uj", 500_000)
    part = put(tmp_path, "powercap/intel-rapl:0:0/energy_uj", 10)
    meter = EnergyMeter(tmp_path)
    meter.start()
    first.write_text("3000000")
    second.write_text("1000000")
    part.write_text("900000000")
    assert meter.stop() == 2.5
    assert meter.what == "the processor packages"


def test_a_counter_that_begins_again_is_followed(tmp_path: Path) -> None:
    counter = put(tmp_path, "powercap/intel-rapl:0/energy_uj", 9_000_000)
    put(tmp_path, "powercap/intel-rapl:0/max_energy_range_uj", 10_000_000)
    meter = EnergyMeter(tmp_path)
    meter.start()
    counter.write_text("500000")
    assert meter.stop() == 1.5


def test_a_counter_that_is_not_told_any_more_is_not_known(tmp_path: Path) -> None:
    counter = put(tmp_path, "powercap/intel-rapl:0/energy_uj", 9)
    meter = EnergyMeter(tmp_path)
    meter.start()
    counter.unlink()
    assert meter.stop() is None


@pytest.mark.parametrize(
    "files",
    [{"power1_input": 5_000_000}, {"in1_input": 5000, "curr1_input": 1000}],
    ids=["INA226", "INA3221"],
)
def test_power_of_a_sensor_over_time(
    tmp_path: Path, files: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "hwmon/hwmon3/name", "ina3221")
    put(tmp_path, "hwmon/hwmon0/name", "coretemp")
    put(tmp_path, "hwmon/hwmon0/power1_input", 99_000_000)
    for name, number in files.items():
        put(tmp_path, f"hwmon/hwmon3/{name}", number)
    times = iter([10.0, 10.5, 12.0])
    monkeypatch.setattr("edgemm.judge.energy.time.perf_counter", lambda: next(times))
    meter = EnergyMeter(tmp_path)
    meter.start()
    meter.sample()
    assert meter.stop() == pytest.approx(10.0)  # 5 watts for 2 seconds
    assert meter.what == "the board's supply"


def test_memory_is_that_of_a_process_of_its_own() -> None:
    """Not that of this one, which getrusage of a child begins with: 200 MB here change nothing."""
    before = compute.measure_memory(DIGITS)["peak_mb"]
    held = np.ones(25_000_000)
    found = compute.measure_memory(DIGITS)
    assert held[-1] == 1.0
    assert before is not None
    assert found["peak_mb"] == pytest.approx(before, rel=0.2)
    assert 0.5 < (found["peak_model_mb"] or 0) < (found["peak_mb"] or 0)


def test_memory_is_resident_and_not_address_space() -> None:
    """Which is ten times as much. getrusage has the same figure, or that of a parent that had more."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    assert 0.9 * resident_mb() <= compute._peak_mb() <= 1.1 * largest


def test_memory_of_what_cannot_be_loaded_is_not_known(tmp_path: Path) -> None:
    file = tmp_path / "x.onnx"
    file.write_bytes(b"nothing")
    assert compute.measure_memory(file) == {"peak_mb": None, "peak_model_mb": None}


def test_sizes_of_a_file_and_of_a_folder(tmp_path: Path) -> None:
    first, second = b"a" * 5000, bytes(range(256)) * 9000  # more than one block
    (tmp_path / "parts").mkdir()
    (tmp_path / "x").write_bytes(first)
    (tmp_path / "parts" / "y").write_bytes(second)
    assert compute.measure_storage(tmp_path) == {
        "file_bytes": len(first) + len(second),
        "compressed_bytes": len(zlib.compress(first, 9)) + len(zlib.compress(second, 9)),
    }
    assert compute.measure_storage(tmp_path / "x")["file_bytes"] == 5000


def test_time_of_an_inference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "SECONDS", 0.05)
    found = compute.measure_compute(DIGITS, runs=20)
    assert found["runs"] == 20
    assert 0 < found["p10_ms"] <= found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"]
    assert 0 < found["processor_ms"] < 50
    assert found["latency_why"] is None


def test_what_cannot_be_timed_says_why(tmp_path: Path) -> None:
    found = compute.measure_compute(tmp_path / "none.onnx", runs=2)
    assert "none.onnx" in found["latency_why"]
    assert found["p50_ms"] is None


def test_training_is_the_sum_of_its_steps_where_they_say_it() -> None:
    steps = [
        HistoryStep("pruned", {}),
        HistoryStep("distilled", {"seconds": 12.5}),
        HistoryStep("x", {"seconds": 2}),
    ]
    assert compute.training_seconds(steps) == 14.5
    assert compute.training_seconds(steps[:1]) is None
    assert (
        compute.training_seconds([HistoryStep("x", {"seconds": "long"}), HistoryStep("y", {"seconds": True})])
        is None
    )
