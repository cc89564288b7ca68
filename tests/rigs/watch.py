"""Watches a command and all of its children with strace: what they connect to, look up, and write.

The kernel's own account of the system calls, so nothing that a library does by itself is missed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

CALLS = (
    "socket,connect,bind,sendto,sendmsg,sendmmsg,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,"
    "link,linkat,symlink,symlinkat,unlink,unlinkat,truncate,mknod,mknodat"
)
NETWORK = re.compile(r"AF_INET6?\b|AF_PACKET|sin6?_port|/nscd/socket|/resolve/")
LOOK_UP = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf")
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
LINE = re.compile(r"^\d+ +(?:\d+\.\d+ +)?(\w+)\((.*)$")
PATH = re.compile(r'(?:(AT_FDCWD|\d+)(?:<([^>]*)>)?, )?"((?:[^"\\]|\\.)*)"')
STAYS = """
import sys, time
from edgemm.cli import main
seconds, arguments = float(sys.argv[1]), sys.argv[2:]
code = main(arguments)
time.sleep(seconds)
sys.exit(code)
"""
"""Runs a command of edgemm, and stays for so many seconds: a look-up may come long after a library was loaded."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a command and its children did."""

    code: int
    said: str
    network: tuple[str, ...]
    """Calls that reach for the network, or look up a name."""
    written: tuple[Path, ...]
    """Paths that were opened for writing, made, renamed or removed; devices and /proc left out."""

    def outside(self, *folders: Path) -> list[str]:
        """Of those, what lies in none of the folders."""
        allowed = [folder.resolve() for folder in folders]
        return sorted(
            {str(path) for path in self.written if not any(path.is_relative_to(each) for each in allowed)}
        )


def needs_strace() -> str:
    """The program; skips where it is missing, or where the kernel lets nobody trace."""
    __tracebackhide__ = True
    found = shutil.which("strace")
    if found is None:
        pytest.skip("there is no strace to watch processes with: sudo apt install strace")
    tried = subprocess.run([found, "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"strace may trace nothing here: {tried.stderr.strip()[:200]}")
    return found


def watch(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, stay_s: float = 0.0
) -> Watched:
    """Runs `edgemm ARGUMENTS` under strace.

    Args:
        folder: the current folder of the command; the log is written beside it.
        stay_s: seconds that the process lives on after the command is done.
    """
    log = folder.with_suffix(".strace")
    command = [needs_strace(), "-f", "-qq", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(log)]
    done = subprocess.run(
        [*command, sys.executable, "-c", STAYS, str(stay_s), *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    calls = [match.groups() for match in map(LINE.match, lines) if match]
    network = tuple(f"{name}({rest}" for name, rest in calls if _reaches_out(name, rest))
    written = tuple(path for name, rest in calls for path in _written(name, rest, folder))
    return Watched(done.returncode, done.stdout + done.stderr, network, written)


def _reaches_out(name: str, rest: str) -> bool:
    if name.startswith("open"):
        return any(f'"{path}"' in rest for path in LOOK_UP)
    return (
        bool(NETWORK.search(rest))
        if name in ("socket", "connect", "bind") or name.startswith("send")
        else False
    )


def _written(name: str, rest: str, folder: Path) -> list[Path]:
    """Failed attempts count: on another machine they would not fail."""
    if name.startswith(("send", "socket", "connect", "bind")) or (
        name.startswith("open") and not WRITES.search(rest)
    ):
        return []
    found = []
    for place, inside, text in PATH.findall(rest):
        base = Path(inside) if place and inside else folder
        path = Path(os.path.normpath(base / text))
        if not path.is_relative_to("/dev") and not path.is_relative_to("/proc"):
            found.append(path.parent.resolve() / path.name)
    return found
