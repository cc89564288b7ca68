"""Debian's kernel, downloaded and unpacked into a cache: what the emulated machine boots."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "linux-image-amd64"
_TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "apt-get": "apt",
    "dpkg": "dpkg",
}
"""Program -> the Debian package that has it."""


class Missing(Exception):
    """The machine lacks something; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One that is unpacked."""

    image: Path
    """vmlinuz"""
    modules: Path
    """lib/modules/RELEASE"""


def check_tools() -> None:
    """Looks for the programs that are needed.

    Raises:
        Missing: one is not there.
    """
    lacking = [package for program, package in _TOOLS.items() if not shutil.which(program)]
    if lacking:
        raise Missing(f"expected {', '.join(_TOOLS)}: sudo apt install {' '.join(lacking)}")


def cache_folder() -> Path:
    """Where kernels are kept: EDGEMM_CACHE_DIR, or ~/.cache/edgemm."""
    named = os.environ.get("EDGEMM_CACHE_DIR")
    return (Path(named) if named else Path.home() / ".cache" / "edgemm") / "devices_vm"


def get_kernel(cache: Path) -> Kernel:
    """The kernel in the cache, or Debian's of today.

    Raises:
        Missing: there is none, and none can be downloaded.
    """
    return _cached(cache) or _download(cache)


def _cached(cache: Path) -> Kernel | None:
    for image in cache.glob("linux-image-*/boot/vmlinuz-*"):
        release = image.name.removeprefix("vmlinuz-")
        return Kernel(image, image.parent.parent / "lib" / "modules" / release)
    return None


def _download(cache: Path) -> Kernel:
    name = _package()
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        _run(["apt-get", "download", "-q", name], folder)
        (package,) = Path(folder).glob("*.deb")
        _run(["dpkg", "-x", package.name, name], folder)
        (release,) = Path(folder, name, "lib", "modules").iterdir()
        _run(["busybox", "depmod", "-b", name, release.name], folder)
        os.replace(Path(folder, name), cache / name)
    unpacked = cache / name
    return Kernel(unpacked / "boot" / f"vmlinuz-{release.name}", unpacked / "lib" / "modules" / release.name)


def _package() -> str:
    """The package with the kernel itself, on which `linux-image-amd64` depends."""
    found = re.search(
        r"linux-image-\S+-amd64\b", _run(["apt-cache", "depends", PACKAGE], ".").partition("\n")[2]
    )
    if not found:
        raise Missing(f"apt knows no {PACKAGE}: is this Debian? Try: sudo apt update")
    return found[0]


def _run(command: list[str], folder: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise Missing(f"{' '.join(command)} failed: {done.stderr.strip()}; try: sudo apt update")
    return done.stdout
