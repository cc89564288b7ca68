"""Damaged sources of both formats through `edgemm convert`: each is converted, misses the gate, or is refused, in
bounded memory and in a process that lives on.

The sources are the graphs of the differential test, and the .tflite files that are made of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package
from sweep import swept

package("onnx_ir")
package("ai_edge_litert.interpreter")
import edgemm  # noqa: E402
from edgemm.artifact import read_artifact  # noqa: E402
from edgemm.converters import convert  # noqa: E402
from tests.differential.graphs import FAMILIES  # noqa: E402
from tests.differential.points import GraphKey  # noqa: E402
from tests.differential.source import make_source  # noqa: E402

Rounds = Callable[[int, int], int]
PROGRAM = Path(__file__).parents[1] / "rigs" / "convert_mutants.py"
LIMIT_MB = 2000
"""Of the process that converts, and of each that it starts."""
EACH = 500
"""Mutants for one process."""
SAMPLES = 4


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: of each family an .onnx file, and of that .tflite files in float and in int8, with data beside each."""
    folder = tmp_path_factory.mktemp("sources")
    for family in swept(sorted(FAMILIES), slice(None, None, 6)):
        source = make_source(GraphKey(family, 0), folder)
        data = {
            name: np.stack([each[name] for each in source.data.calibration[:SAMPLES]])
            for name in source.inputs
        }
        np.savez(Path(source.convertible).with_suffix(".npz"), **data)  # type: ignore[arg-type]
        for scheme in ("float", "static"):
            given = [dict(each) for each in source.data.calibration[:SAMPLES]] if scheme == "static" else None
            output = folder / f"{family}.{scheme}.tflite"
            convert(
                source.convertible, output=output, scheme=scheme, calibrate=given, gate="off", repair="off"
            )
            _as_found(output, data)
    return folder


def _as_found(output: Path, data: dict[str, Any]) -> None:
    """The file without its card, whose hash would refuse what is damaged; pictures with their channels last."""
    with edgemm.load(output) as model:
        shapes = {each.name: tuple(each.shape) for each in model.inputs}
    output.write_bytes(read_artifact(output).payload)
    np.savez(
        output.with_suffix(".npz"),
        **{
            name: array if array.shape[1:] == shapes.get(name) or array.ndim != 5 else array.transpose(0, 1, 3, 4, 2)
            for name, array in data.items()
        },
    )  # fmt: skip


def converted(folder: Path, first: int, count: int) -> dict[str, Any]:
    """What came of mutants, in a process of its own."""
    path = [str(Path(edgemm.__file__).resolve().parents[1]), str(PROGRAM.parent)]
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), str(first), str(count)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.returncode} after {first}: {done.stderr[-3000:]}"
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_every_mutant_ends_as_a_user_is_told(
    sources: Path, rounds: Rounds, capsys: pytest.CaptureFixture[str]
) -> None:
    """10,000 in the whole."""
    ends: Counter[str] = Counter()
    count = rounds(10_000, 60)
    for first in range(0, count, EACH):
        found = converted(sources, first, min(EACH, count - first))
        assert found["faults"] == []
        assert max(found["mb"], found["children_mb"]) < LIMIT_MB
        ends.update(found["ends"])
        with capsys.disabled():
            print(f"\n{first}: {json.dumps(found)}", end="")  # noqa: T201
    assert ends.total() == count
    for suffix in (".onnx", ".tflite"):
        assert ends[f"{suffix} 0"] > 0, "damage that does no harm is converted"
        assert ends[f"{suffix} 6"] > 0
