"""The program `edgemm`, and `python -m edgemm`.

Signals are listened to before anything else is loaded; see `edgemm.signals`.
"""

import os
import sys


def main() -> int:
    """Runs one command and returns its exit code."""
    try:
        from edgemm import signals

        signals.listen()
    except KeyboardInterrupt:  # Python's own handler, until then
        os._exit(0 if sys.argv[1:2] == ["run"] else 130)
    from edgemm.cli import main as run

    try:
        return signals.decide(run())
    except SystemExit as end:
        signals.decide(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise


if __name__ == "__main__":
    sys.exit(main())
