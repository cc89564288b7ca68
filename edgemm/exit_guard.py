"""A clean exit although a thread of ours hangs in a driver.

Before Python 3.14 a thread that comes back from native code after the interpreter has ended is unwound by force. In
C++ (OpenCV, LiteRT, ONNX Runtime) that ends in `std::terminate`, which kills the whole program with SIGABRT and the
words "terminate called without an active exception", whatever its exit code was to be.

Where a thread of ours is still alive at the end of the program, `std::terminate` is therefore made to let that thread
sleep; and the program leaves with its own exit code, before the C++ libraries are taken apart under the thread.
"""

from __future__ import annotations

import atexit
import os
import threading

THREAD_PREFIX = "edgemm "
"""How the names of all our threads begin."""
_SET_TERMINATE = "_ZSt13set_terminatePFvvE"
"""`std::set_terminate(void (*)())`."""
_registered = threading.Lock()


def guard_exit() -> None:
    """Looks at the end of the program for threads that hang; to call it again changes nothing.

    Called when the first module that starts threads is imported: what is registered first runs last, after every
    source and stream was closed.
    """
    if _registered.acquire(blocking=False):
        atexit.register(_at_exit)


def left_threads() -> list[threading.Thread]:
    """Threads of ours that are alive, and that nobody waits for when the program ends."""
    return [each for each in threading.enumerate() if each.daemon and each.name.startswith(THREAD_PREFIX)]


def _at_exit() -> None:
    if left_threads():
        try:
            _let_them_sleep()
        except (OSError, AttributeError, ImportError, ValueError):
            return  # another C library: what is not there cannot be guarded


def _let_them_sleep() -> None:
    """`terminate` sleeps, and `exit` goes at once, with the exit code that it was given."""
    import ctypes

    libc = ctypes.CDLL(None)
    sleep = ctypes.cast(libc.pause, ctypes.c_void_p)
    for library in _cxx_libraries():
        getattr(ctypes.CDLL(library), _SET_TERMINATE)(sleep)
    libc.on_exit(ctypes.cast(libc._exit, ctypes.c_void_p), None)


def _cxx_libraries() -> set[str]:
    """The C++ libraries that are loaded; a wheel may bring its own."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        paths = {line.rstrip("\n").partition("/")[2] for line in maps}
    return {f"/{path}" for path in paths if os.path.basename(path).startswith("libstdc++")}
