"""What people read are tables and sentences, never printed dictionaries or lists of Python's."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from needs import needs

from edgemm.artifact import write_artifact
from edgemm.bench import bench
from edgemm.card import ModelCard, OutputCard
from edgemm.cli import main
from edgemm.litert_runtime import find_litert

ASSETS = Path(__file__).parents[1] / "assets"
PYTHON = re.compile(r"[{}]|\[\]|\('|None|True|False|Coverage")


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    needs(find_litert)
    pytest.importorskip("onnxruntime")


@pytest.fixture(params=["quadrant.tflite", "bright.onnx"])
def file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    fidelity = {"outputs": [{"name": "scores", "snr_db": 31.25, "accuracy": None, "parts": [{"name": "a"}]}]}
    card = ModelCard(
        name="quadrants",
        task="classification",
        outputs=(OutputCard("scores", (1, 4), "probabilities"),),
        labels=tuple("abcd"),
        fidelity=fidelity,
    )
    path = tmp_path / str(request.param)
    write_artifact(path, (ASSETS / request.param).read_bytes(), card)
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_bench(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "bench", str(file), "--runs", "5")
    assert not PYTHON.search(out)
    assert re.search(r"\nmedian +\d+\.\d+ ms\n", out)
    assert re.search(r"\np10 to p90 +[\d.]+ to [\d.]+ ms\n", out)
    assert "5 inferences, after 11 of warm-up" in out


def test_bench_leaves_the_warm_up_out(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that says 100 ms for each of the first 11 inferences, and 2 ms for the rest."""
    lengths = iter([0, *[100] * 11, *[2] * 20])
    clock = itertools.accumulate(step * 1_000_000 for length in lengths for step in (0, length))
    monkeypatch.setattr("edgemm.bench.time", SimpleNamespace(perf_counter_ns=lambda: next(clock)))
    found = bench(file, runs=20)
    assert (found.first_ms, found.p10_ms, found.p50_ms, found.p99_ms) == (100.0, 2.0, 2.0, 2.0)
    assert (found.warmup_runs, found.runs) == (11, 20)


def test_bench_tells_what_xnnpack_runs(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(ASSETS / "quadrant.tflite")
    assert "xnnpack runs 2 of 3 operators" in printed(capsys, "bench", path, "--runs", "5")
    coverage = json.loads(printed(capsys, "bench", path, "--runs", "5", "--json"))["coverage"]
    assert coverage == {
        "delegated": 2, "total": 3, "partitions": 1, "remaining": {"SOFTMAX": 1}, "delegate": "xnnpack",
    }  # fmt: skip


def test_inspect(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "inspect", str(file))
    assert not PYTHON.search(out)
    assert re.search(r"\nname +quadrants 1\n", out)
    assert re.search(r"\nscores +31\.25 +-\n", out)


def test_inspect_without_a_card(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "inspect", str(ASSETS / "add.onnx"))
    assert "no card" in out
    assert "edgemm card new" in out


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "doctor")
    assert not PYTHON.search(out)
    assert "xnnpack" not in [line.split()[0] for line in out.splitlines() if line]
