"""A judgement on a Dask cluster of this machine: two workers of one thread against one, and one killed half-way.

How much faster two are by the clock is what the machine gives too: where its two processors are threads of one core, or
others use them, nothing is twice as fast. So the same pieces are done by two processes without Dask beside it. What
others do not change: the processor time of one worker against that of the busier one of two, and pieces that wait and
use no processor.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from edgemm import child_process, data
from edgemm.judge.pieces import answer_pieces, close_judged, data_facts, map_pieces, model_facts
from edgemm.judge.spread import Spread, spread

LIMIT = 1.6
"""Two workers against one."""
ROUNDS = 2
SAMPLES, MAPS, WAITS = 1000, 20, 40
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
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), 1) as one:
        warm(one, asked)
        with cluster(Path(folder), 2) as two:
            warm(two, asked)
            computing = faster(lambda at: spread(asked, run=JUDGING, dask=at), one, two)
            waiting = faster(lambda at: spread(waits, run=WAITING, dask=at), one, two)
    same = all(each.rows == alone.rows and not each.failures for each in computing.found)
    killed, lost = killed_half_way(asked)
    details = {
        "pieces": len(asked),
        "two processes without Dask": round(processes(asked), 2),
        "processes that wanted to run": round(os.getloadavg()[0], 1),
        "same rows": same,
    }
    name = "judging on Dask: two workers against one"
    return [
        _row(f"{name}, by the clock", computing.by_clock, details, ok=same),
        _row(f"{name}, by processor time", computing.by_processor, {"pieces": len(asked)}, ok=same),
        _row(f"{name}, pieces that wait", waiting.by_clock, {"pieces": WAITS}, ok=True),
        {
            "name": "judging on Dask: a worker killed half-way",
            "ratio": sum(one != other for one, other in zip(killed.rows, alone.rows, strict=True)),
            "limit": 0,
            "ok": killed.rows == alone.rows and not killed.failures and lost,
            "details": {"pieces": len(asked), "worker died": lost},
        },
    ]


def _row(name: str, ratio: float, details: dict[str, Any], *, ok: bool) -> dict[str, Any]:
    return {
        "name": name,
        "ratio": round(ratio, 2),
        "limit": LIMIT,
        "ok": ok and ratio >= LIMIT,
        "details": details,
    }


def judgement() -> list[dict[str, Any]]:
    """Of the bundled digits: all held-out pictures, spoiled ones, and maps."""
    model = model_facts(data.path("models/digits.onnx"))
    truth = data_facts(data.path("digits/held_out.npz"))
    pieces = answer_pieces(model, truth, SAMPLES, seed=0)
    for kind in ("noise", "blur"):
        pieces += answer_pieces(model, truth, SAMPLES, seed=0, corruption=(kind, 3))
    return pieces + map_pieces(model, truth, range(0, SAMPLES, SAMPLES // MAPS), seed=0)


class Workers(NamedTuple):
    """Those of one cluster."""

    address: str
    """Of the scheduler."""
    processes: list[subprocess.Popen[bytes]]

    def seconds(self) -> list[float]:
        """The processor time that each has used."""
        ticks = os.sysconf("SC_CLK_TCK")
        fields = [
            Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split() for each in self.processes
        ]
        return [(int(each[11]) + int(each[12])) / ticks for each in fields]


class Faster(NamedTuple):
    """How much faster two workers are than one."""

    found: list[Spread]
    """What came of it."""
    by_clock: float
    """The best round of each."""
    by_processor: float
    """What one worker uses in all rounds, against the busier one of two."""


def faster(do: Callable[[str], Spread], one: Workers, two: Workers) -> Faster:
    """Some rounds of each, in turns."""
    found, clock = [], dict[str, list[float]]({one.address: [], two.address: []})
    before = one.seconds(), two.seconds()
    for _ in range(ROUNDS):
        for workers in (one, two):
            begin_s = time.perf_counter()
            found.append(do(workers.address))
            clock[workers.address].append(time.perf_counter() - begin_s)
    used = [
        max(now - then for now, then in zip(workers.seconds(), begun, strict=True))
        for workers, begun in zip((one, two), before, strict=True)
    ]
    return Faster(found, min(clock[one.address]) / min(clock[two.address]), used[0] / max(used[1], 1e-3))


def warm(workers: Workers, asked: Sequence[dict[str, Any]]) -> None:
    """Every worker has loaded its packages and read the data."""
    import distributed

    from edgemm.judge.spread.cluster import remote
    from edgemm.version import __version__

    with distributed.Client(workers.address, set_as_default=False) as client:
        client.run(remote, JUDGING, json.dumps(asked[0]), __version__)
        client.run(remote, JUDGING, json.dumps(asked[-1]), __version__)


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
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), 2) as two:
        workers = two.processes

        def on_row(done: int, total: int) -> None:
            if done == KILL_AFTER and workers[0].poll() is None:
                os.kill(workers[0].pid, signal.SIGKILL)

        found = spread(asked, run=JUDGING, dask=two.address, on_row=on_row)
        return found, workers[0].poll() == -signal.SIGKILL


@contextmanager
def cluster(folder: Path, count: int) -> Iterator[Workers]:
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
        yield Workers(_address(file, count), started[1:])
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
    import distributed

    while not file.exists():
        time.sleep(0.05)
    address = str(json.loads(file.read_text())["address"])
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=60)
    return address
