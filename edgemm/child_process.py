"""How edgemm starts processes of its own: isolated from the current folder, and on a leash.

    with Leash() as leash:
        called = command("edgemm.backends.delegate_child:main", "cpu", leash=leash)
        child = subprocess.Popen(called, pass_fds=leash.passed)

The child runs in Python's isolated mode (`-I`): it looks neither into the current folder nor at PYTHON* variables,
and finds packages where this process does. It loads the edgemm that this process has, whatever else is installed.

A leash is a pipe whose one end this process holds. When the process dies, however it does, the kernel closes that end
and kills the child, also one that hangs in native code and one that was just being started. (PR_SET_PDEATHSIG would
kill it already when the thread ends that started it.)
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgemm.shortage import shortage

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from subprocess import Popen

PACKAGE = Path(__file__).resolve().parent
"""The folder of the edgemm that this process has."""
CALL = "sys.exit(getattr(import_module(module), function)())"
_BOOT = f"""
import sys
settings = __import__("json").loads(sys.argv[1])
sys.path[:] = settings["path"]
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("edgemm", settings["edgemm"])
sys.modules["edgemm"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["edgemm"])
from edgemm.child_process import obey_leash
obey_leash(settings["leash"])
from importlib import import_module
sys.argv[:] = [settings["entry"], *sys.argv[2:]]
module, _, function = settings["entry"].partition(":")
{CALL}
"""
"""The child's first lines. `json` comes from the standard library alone: in isolated mode that is first on the path."""


class Leash:
    """Kills the children that hold its other end when this process ends, or when it is closed."""

    def __init__(self) -> None:
        """Raises:
        OSError: no file descriptor is free.
        """
        self._far, self._near = os.pipe()

    @property
    def passed(self) -> tuple[int, ...]:
        """What a child needs in `pass_fds`."""
        return (self._far,)

    def held(self) -> None:
        """The child is started: its end is closed here."""
        if self._far >= 0:
            os.close(self._far)
            self._far = -1

    def close(self) -> None:
        """Lets go; a child that still runs is killed. May be called twice."""
        self.held()
        if self._near >= 0:
            os.close(self._near)
            self._near = -1

    def __enter__(self) -> Leash:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def command(entry: str, *arguments: str, leash: Leash | None = None) -> list[str]:
    """The command line of a child.

    Args:
        entry: "module:function"; the function gets `arguments` in `sys.argv[1:]`, and its result is the exit status.
        leash: its `passed` goes into `pass_fds`.
    """
    settings = {
        "entry": entry,
        "path": search_path(),
        "edgemm": str(PACKAGE / "__init__.py"),
        "leash": -1 if leash is None else leash.passed[0],
    }
    flags = ["-I"] + ["-B"] * sys.dont_write_bytecode
    return [sys.executable, *flags, "-c", _BOOT, json.dumps(settings), *arguments]


class PipedChild(NamedTuple):
    """A child that is asked over a pipe."""

    process: Popen[bytes]
    pipe: Connection
    leash: Leash

    def close(self) -> None:
        """Ends it, and what it forked."""
        self.leash.close()
        self.pipe.close()
        self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()


def start_piped(entry: str, **options: Any) -> PipedChild:
    """Starts a child whose one argument is the file descriptor of its end of a pipe.

    Args:
        entry: "module:function".
        options: `stdout`, `stderr` and `env` of `subprocess.Popen`; the child has no input.

    Raises:
        OSError: no process can be started; nothing is left open.
    """
    import socket
    import subprocess
    from multiprocessing.connection import Connection

    with ExitStack() as failed:
        leash = failed.enter_context(Leash())
        here, there = socket.socketpair()
        with here, there:
            process = subprocess.Popen(
                command(entry, str(there.fileno()), leash=leash), stdin=subprocess.DEVNULL,
                pass_fds=(there.fileno(), *leash.passed), **options,
            )  # fmt: skip
            pipe = Connection(here.detach())
        leash.held()
        failed.pop_all()
    return PipedChild(process, pipe, leash)


def search_path() -> list[str]:
    """Where a child looks for packages: where this process does, the current folder left out.

    An edgemm that is run from a checkout in the current folder may have its dependencies there: then it comes last.
    """
    here, home = os.getcwd() if _has_folder() else "", str(PACKAGE.parent)
    path = [each for each in sys.path if os.path.isabs(each) and os.path.realpath(each) != here]
    return path + [home] * (home == here)


def _has_folder() -> bool:
    """False when the current folder was deleted."""
    try:
        return bool(os.getcwd())
    except OSError:
        return False


def obey_leash(far: int) -> None:
    """In the child: the kernel kills this process when the other end of the pipe is closed.

    Args:
        far: -1: there is no leash.
    """
    if far < 0:
        return
    import fcntl
    import select
    import signal

    os.set_inheritable(far, False)
    with suppress(OSError):  # a system without it: then the child ends when it next asks for work
        fcntl.fcntl(far, fcntl.F_SETOWN, os.getpid())
        if hasattr(fcntl, "F_SETSIG"):  # Linux; elsewhere SIGIO comes, which ends the process too
            fcntl.fcntl(far, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(far, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    if select.select([far], [], [], 0)[0]:  # it was closed before the kernel was told
        os._exit(1)


def cannot_start(error: OSError) -> str:
    """Why no process could be started, and what to do."""
    return shortage(error) or f"no process can be started ({error})"
