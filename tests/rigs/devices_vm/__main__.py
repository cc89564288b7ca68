"""PYTHONPATH=tests/rigs python3 -m devices_vm [--timeout-s N] COMMAND...   runs COMMAND beside emulated devices"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from devices_vm.kernel import Missing, cache_folder, check_tools, get_kernel
from devices_vm.machine import Machine

_KEPT = ("HOME", "PATH", "LANG", "PYTHONPATH", "EDGEMM_SHARED")


def main() -> int:
    """The exit status of the command; 77 where the machine lacks what is needed."""
    parser = argparse.ArgumentParser(prog="devices_vm", description=__doc__)
    parser.add_argument(
        "--timeout-s", type=float, default=1500, help="switched off after so long (default 1500)"
    )
    parser.add_argument("--memory-mb", type=int, default=2048)
    parser.add_argument("--processors", type=int, default=2)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        check_tools()
        machine = Machine(
            get_kernel(cache_folder()), memory_mb=options.memory_mb, processors=options.processors
        )
    except Missing as error:
        sys.stderr.write(f"devices_vm: {error}\n")
        return 77
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment["NO_COLOR"] = environment["PYTHONUNBUFFERED"] = "1"
    return machine.run(options.command, Path.cwd(), environment, _show, options.timeout_s)


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
