"""What a test needs and a machine may lack: the test skips, with the sentence that says what to install."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import pytest

from edgemm.errors import MissingDependency

APT_COMPILER = "sudo apt install gcc libc6-dev"
T = TypeVar("T")


def needs(load: Callable[[], T]) -> T:
    """What `load` gives, such as `opencv` or `find_litert`; at the head of a file it skips the file.

    A bare `import cv2` at the head of a file keeps the whole room from being collected where it fails.
    """
    __tracebackhide__ = True  # the skip is the test's
    try:
        return load()
    except MissingDependency as missing:
        pytest.skip(str(missing), allow_module_level=True)


def package(name: str) -> Any:
    """`pytest.importorskip`, also for a package whose library in C is not there: OSError, ImportError."""
    __tracebackhide__ = True
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        pytest.skip(f"{name} cannot be imported: {error}", allow_module_level=True)


@lru_cache(maxsize=1)
def enforces_memory_limits() -> bool:
    """False under emulators of processors, which ignore them."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "try: bytearray(2 << 30)\nexcept MemoryError: print('enforced')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() == "enforced"


def c_compiler() -> str:
    """One that finds the C library's headers, which Debian has in another package."""
    __tracebackhide__ = True
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip(f"there is no C compiler to build the double with: {APT_COMPILER}")
    reads_headers = [compiler, "-E", "-include", "dlfcn.h", "-x", "c", "/dev/null"]
    if subprocess.run(reads_headers, capture_output=True, check=False).returncode:
        pytest.skip(f"{compiler} finds no headers of the C library: {APT_COMPILER}")
    return compiler
