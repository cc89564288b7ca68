"""Thousands of damaged and forged artifacts, half of them with a card whose hash matches: each ends as a result or as
an EdgemmError, in a process that neither crashes, hangs nor grows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from needs import package

import edgemm
from edgemm import data

Rounds = Callable[[int, int], int]
BUNDLED = Path(data.__file__).parent
LIMIT_MB = 1000
"""Of the process that loads them."""
PROGRAM = Path(__file__).parents[1] / "rigs" / "load_mutants.py"
SOURCES = {"digits": ("digits",), "keywords": ("calibration_words",)}
"""Bundled model -> what it is calibrated on."""


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The bundled models as int8 in both formats."""
    package("onnx_ir")
    package("ai_edge_litert.interpreter")
    from edgemm.converters import convert

    folder = tmp_path_factory.mktemp("artifacts")
    made = []
    for name, (samples,) in SOURCES.items():
        for suffix in (".tflite", ".onnx"):
            output = folder / f"{name}{suffix}"
            convert(
                BUNDLED / "models" / f"{name}.onnx", output=output, calibrate=BUNDLED / samples, gate="off"
            )
            made.append(output)
    return made


def loaded(artifact: Path, count: int, kind: str, seed: int, tmp_path: Path) -> dict[str, Any]:
    """What came of the mutants of one artifact, in a process of its own."""
    arguments = [str(artifact), str(count), kind, str(seed), str(tmp_path / f"bad{artifact.suffix}")]
    path = [str(Path(edgemm.__file__).resolve().parents[1]), str(PROGRAM.parent)]
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(path), "EDGEMM_CACHE_DIR": str(tmp_path / "cache"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-3000:]}"
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["as it is", "re-hashed", "no card"])
def test_mutants_are_results_or_errors(
    artifacts: list[Path], kind: str, rounds: Rounds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """10,000 in the whole: half of them re-hashed, a quarter as damage leaves them, a quarter without a card."""
    whole = {"re-hashed": 1250, "as it is": 625, "no card": 625}[kind]
    ends: Counter[str] = Counter()
    for number, artifact in enumerate(artifacts):
        found = loaded(artifact, rounds(whole, 8), kind, number, tmp_path)
        assert found["faults"] == []
        assert found["rss_mb"] < LIMIT_MB
        assert found["slowest_s"] < 120
        ends.update(found["ends"])
        with capsys.disabled():
            print(f"\n{artifact.name} {kind}: {json.dumps(found)}", end="")  # noqa: T201
    assert sum(ends.values()) == 4 * rounds(whole, 8)
    assert ends["DamagedArtifact"] > 0
