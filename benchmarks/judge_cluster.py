"""A judgement on a Dask cluster of this machine: two workers of one thread against one, and one killed half-way.

How much faster two are is what the machine gives too: where its two processors are threads of one core, or others use
them, nothing is twice as fast. So the same pieces are done by two processes without Dask beside it, and pieces that
wait, and use no processor, show what Dask itself costs.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemm import child_process, data
from edgemm.judge.pieces import answer_pieces, close_judged, data_facts, map_pieces, model_facts
from edgemm.judge.spread import Spread, spread

LIMIT = 1.6
"""Two workers against one."""
ROUNDS = 3
SAMPLES, MAPS, WAITS = 1000, 12, 40
WAIT_S = 0.1
KILL_AFTER = 6
"""Rows."""
WAITING = "benchmarks.judge_cluster:wait"
JUDGING = "edgemm.judge.pieces:run_piece"


def wait(piece: dict[str, Any]) -> dict[str, Any]:
    """A piece that uses no processor."""
    time.sleep(WAIT_S)
    return {"number": piece["number"]}


def run() -> list[dict[str, Any]]:
    """Nothing where Dask is not installed."""
    if importlib.util.find_spec("distributed") is None:
        return []
    asked = judgement()
    waits = [{"number": number} for number in range(WAITS)]
    alone = spread(asked, run=JUDGING)
    close_judged()
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), 1) as (one, _):
        spread(asked[:1] + waits[:1], run=JUDGING, dask=one, tries=1)  # the packages are loaded
        with cluster(Path(folder), 2) as (two, _):
            spread(asked[:4], run=JUDGING, dask=two)
            rows, computing = faster(lambda at: spread(asked, run=JUDGING, dask=at), one, two)
            _, waiting = faster(lambda at: spread(waits, run=WAITING, dask=at), one, two)
    here = processes(asked)
    same = all(each.rows == alone.rows and not each.failures for each in rows)
    killed, lost = killed_half_way(asked)
    details = {
        "pieces": len(asked),
        "two processes without Dask": round(here, 2),
        "processes that wanted to run": round(os.getloadavg()[0], 1),
        "same rows": same,
    }
    return [
        _row("judging on Dask: two workers against one", computing, details, ok=same and computing >= LIMIT),
        _row("judging on Dask: pieces that wait", waiting, {"pieces": WAITS}, ok=waiting >= LIMIT),
        {
            "name": "judging on Dask: a worker killed half-way",
            "ratio": sum(one != other for one, other in zip(killed.rows, alone.rows, strict=True)),
            "limit": 0,
            "ok": killed.rows == alone.rows and not killed.failures and lost,
            "details": {"pieces": len(asked), "worker died": lost},
        },
    ]


def _row(name: str, ratio: float, details: dict[str, Any], *, ok: bool) -> dict[str, Any]:
    return {"name": name, "ratio": round(ratio, 2), "limit": LIMIT, "ok": ok, "details": details}


def judgement() -> list[dict[str, Any]]:
    """Of the bundled digits: all held-out pictures, spoiled ones, and maps."""
    model = model_facts(data.path("models/digits.onnx"))
    truth = data_facts(data.path("digits/held_out.npz"))
    pieces = answer_pieces(model, truth, SAMPLES, seed=0)
    for kind in ("noise", "blur"):
        pieces += answer_pieces(model, truth, SAMPLES, seed=0, corruption=(kind, 3))
    return pieces + map_pieces(model, truth, range(0, SAMPLES, SAMPLES // MAPS), seed=0)


def faster(do: Callable[[str], Spread], one: str, two: str) -> tuple[list[Spread], float]:
    """What came of it, and how much faster two workers are: the best of some rounds of each, in turns."""
    found, seconds = [], dict[str, list[float]]({one: [], two: []})
    for _ in range(ROUNDS):
        for address in (one, two):
            begin_s = time.perf_counter()
            found.append(do(address))
            seconds[address].append(time.perf_counter() - begin_s)
    return found, min(seconds[one]) / min(seconds[two])


def processes(asked: Sequence[dict[str, Any]]) -> float:
    """How much faster two processes of this machine are than one, with no Dask between: what the machine gives."""
    code = (
        "import sys, time; from benchmarks.judge_cluster import judgement, run_here; asked = judgement(); "
        "run_here(asked[:2]); sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.readline(); "
        "begin_s = time.perf_counter(); run_here(asked); print(time.perf_counter() - begin_s)"
    )

    def seconds(count: int) -> float:
        started = [
            subprocess.Popen(
                [sys.executable, "-c", code], env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(count)
        ]  # fmt: skip
        for each in started:
            assert each.stdout is not None
            each.stdout.readline()
        for each in started:
            assert each.stdin is not None
            each.stdin.write("\n")
            each.stdin.flush()
        return max(float(each.communicate()[0]) for each in started)

    rounds = [(seconds(1), seconds(2)) for _ in range(ROUNDS)]
    return 2 * min(one for one, _ in rounds) / min(two for _, two in rounds)


def run_here(asked: Sequence[dict[str, Any]]) -> None:
    """All pieces in this process."""
    spread(asked, run=JUDGING)


def killed_half_way(asked: Sequence[dict[str, Any]]) -> tuple[Spread, bool]:
    """What came of it, and whether a worker really died before the end."""
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), 2) as (address, workers):

        def on_row(done: int, total: int) -> None:
            if done == KILL_AFTER and workers[0].poll() is None:
                os.kill(workers[0].pid, signal.SIGKILL)

        found = spread(asked, run=JUDGING, dask=address, on_row=on_row)
        return found, workers[0].poll() == -signal.SIGKILL


@contextmanager
def cluster(folder: Path, count: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and workers of one thread each, as processes."""
    file = folder / f"scheduler-{count}.json"
    file.unlink(missing_ok=True)
    started = [
        _started("dask_scheduler", file, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
        *(
            _started(
                "dask_worker",
                file,
                "--nthreads",
                "1",
                "--no-nanny",
                "--no-dashboard",
                "--death-timeout",
                "30",
            )
            for _ in range(count)
        ),
    ]
    try:
        yield _address(file, count), started[1:]
    finally:
        for each in started:
            each.kill()
            each.wait()


def _started(module: str, file: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", str(file), *arguments]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=_environment(), cwd=file.parent, stdout=quiet, stderr=quiet)


def _environment() -> dict[str, str]:
    """This edgemm and these benchmarks, one thread."""
    path = [*child_process.search_path(), str(Path(__file__).parents[1])]
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(path)}


def _address(file: Path, count: int) -> str:
    import json

    import distributed

    while not file.exists():
        time.sleep(0.05)
    address = str(json.loads(file.read_text())["address"])
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=60)
    return address
