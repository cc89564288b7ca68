"""python load_mutants.py ARTIFACT COUNT KIND SEED TARGET: loads and runs mutants of an artifact.

KIND is "as it is" (the file is damaged as it lies there), "re-hashed" (the model in it is damaged, and the card says
the hash of the damaged one) or "no card" (the damaged model alone). It goes on after errors of edgemm alone: anything
else is a fault, and printed. One that kills this process is seen by who started it.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mutations import mutations

import edgemm
from edgemm.artifact import read_artifact, write_artifact
from edgemm.errors import ArtifactError, EdgemmError
from edgemm.model.file_probe import probing


def files(artifact: Path, count: int, kind: str, seed: int, target: Path) -> Iterator[str]:
    """Writes one mutant after the other to the target; gives its name."""
    sound = read_artifact(artifact)
    whole = artifact.read_bytes() if kind == "as it is" else sound.payload
    for name, changed in mutations(whole, count, seed):
        target.write_bytes(changed)
        if kind == "re-hashed":
            try:
                write_artifact(target, changed, sound.card, sound.goldens)
            except ArtifactError:  # no container can be made of it: it stays without a card
                pass
        yield name


def run(target: Path) -> str:
    """Loads and runs it, on random inputs and on its goldens."""
    rng = np.random.default_rng(5)
    with edgemm.load(target) as model:
        for _ in range(2):
            model.run(
                {
                    spec.name: (rng.standard_normal(spec.shape) * 50).astype(spec.dtype)
                    for spec in model.inputs
                }
            )
        if model.artifact.goldens is not None:
            model.replay_goldens()
    return "runs"


def highest_mb() -> int:
    """The most memory that this process had; `ru_maxrss` would begin with that of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main() -> int:
    artifact, count, kind, seed, target = sys.argv[1:]
    ends: Counter[str] = Counter()
    faults: list[str] = []
    slowest_s = 0.0
    with probing():
        for name in files(Path(artifact), int(count), kind, int(seed), Path(target)):
            begun = time.monotonic()
            try:
                ends[run(Path(target))] += 1
            except EdgemmError as error:
                ends[type(error).__name__] += 1
                if not str(error).isprintable() or "Traceback" in str(error):
                    faults.append(f"{name}: {str(error)!r}")
            except Exception:  # noqa: BLE001  what must not be
                ends["fault"] += 1
                faults.append(f"{name}: {traceback.format_exc()[-1500:]}")
                Path(target).rename(Path(target).with_name(f"fault-{len(faults)}-{Path(target).name}"))
            slowest_s = max(slowest_s, time.monotonic() - begun)
    report = {"ends": ends, "faults": faults, "rss_mb": highest_mb(), "slowest_s": round(slowest_s, 2)}
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
