"""A Dask cluster of processes on this machine: a real scheduler, and workers that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spread_pieces import until

from edgemm import child_process

if TYPE_CHECKING:
    from typing_extensions import Self

CONFIG = {"DASK_DISTRIBUTED__WORKER__DAEMON": "False", "DASK_DISTRIBUTED__ADMIN__LOG_LENGTH": "100"}


class Cluster:
    """A scheduler and workers of one thread each; all end with the context."""

    def __init__(self, folder: Path, workers: int, *, may_kill: int = 3, nanny: bool = False) -> None:
        """Starts them.

        Args:
            folder: for the scheduler's address and the workers' scratch.
            may_kill: workers that may die of a piece before the scheduler gives it up with the next.
            nanny: each worker has one, which starts it again.
        """
        self._nanny = "--nanny" if nanny else "--no-nanny"
        self._folder = folder
        self.file = folder / "scheduler.json"
        self._environment = {
            **os.environ, **CONFIG, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(may_kill),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(child_process.search_path()), "DASK_TEMPORARY_DIRECTORY": str(folder),
        }  # fmt: skip
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self._started(
            "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"
        )
        until(self.file.exists)
        for _ in range(workers):
            self.add_worker()

    def _started(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        with open(self._folder / "cluster.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, "--scheduler-file", str(self.file), *arguments],
                env=self._environment, cwd=self._folder, stdout=log, stderr=log,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def add_worker(self) -> None:
        """One more, of one thread."""
        self.workers.append(
            self._started(
                "distributed.cli.dask_worker",
                "--nthreads",
                "1",
                "--death-timeout",
                "10",
                self._nanny,
                "--no-dashboard",
            )
        )

    @property
    def address(self) -> str:
        """Of the scheduler."""
        import json

        return str(json.loads(self.file.read_text())["address"])

    def kill(self, process_id: int) -> None:
        """Kills the worker, as a machine that goes away does."""
        assert process_id in [each.pid for each in self.workers]
        os.kill(process_id, signal.SIGKILL)

    def close(self) -> None:
        """Ends all."""
        for each in self._processes:
            each.kill()
        for each in self._processes:
            each.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
