"""python convert_mutants.py FOLDER FIRST COUNT: converts mutants of the sources in a folder, as the command does.

Mutant n is the same in every run. Some are damaged as disks and networks damage files (`mutations`), more are sound
files of graphs that do not hold together (`graph_mutations`); each is converted to one of the formats, by one of the
schemes. Every end that a user must not meet is a fault, and printed: an exit code that is none of `ENDS`, a traceback,
more memory than `LIMIT_MB`. One that kills this process is seen by who started it: the file is then still there.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from graph_mutations import wrong_onnx, wrong_tflite
from mutations import mutations

from edgemm.cli import main as edgemm

ENDS = (0, 3, 6, 9)
"""Done, gate missed, damaged, cannot be expressed."""
ASKED = re.compile("--shape|--calibrate|calibration sample")
"""What exit code 2 is about: a damaged file may leave a size open, or not fit the data that it is calibrated on."""
LIMIT_MB = 2000
"""Of the process; what would take twice as much gets a MemoryError, which is a fault as well."""
SCHEMES = ("auto", "float", "calibrated")


def mutant(sound: bytes, suffix: str, number: int) -> tuple[str, bytes]:
    """What was done to it, and the file."""
    rng = random.Random(number)
    if rng.random() < 0.4:
        return next(mutations(sound, 1, number))
    return "wrong graph", (wrong_onnx if suffix == ".onnx" else wrong_tflite)(sound, rng)


def convert(source: Path, data: Path, number: int) -> tuple[int, str]:
    """The command's exit code, and what it printed."""
    rng = random.Random(-1 - number)
    scheme, output = rng.choice(SCHEMES), source.with_name(f"out{rng.choice(('.tflite', '.onnx'))}")
    how = ["--calibrate", str(data)] if scheme == "calibrated" else ["--scheme", scheme]
    said = source.with_name("said.txt")
    kept = [os.dup(stream) for stream in (1, 2)]
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)
    try:
        code = edgemm(["convert", str(source), "-o", str(output), "--repair-seconds", "2", *how])
    finally:
        for stream, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, stream)
            os.close(copy)
    return code, said.read_text(encoding="utf-8", errors="replace")


def highest_mb(process: int | str = "self") -> int:
    """The most memory that a process had since it was last asked, or since it began."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")
    except OSError:  # it ended meanwhile
        return 0
    said = status.partition("VmHWM:")[2].split()
    return int(said[0]) // 1024 if said else 0  # a process that ended and is not waited for has none


def of_children_mb() -> int:
    """The same of the processes that this one started, whichever had most; those that ended are counted in."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    alive = Path("/proc/thread-self/children").read_text(encoding="ascii").split()
    return max([ended, *map(highest_mb, alive)])


def main() -> int:
    folder, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_DATA, (2 * LIMIT_MB << 20,) * 2)
    sources = sorted(each for each in folder.iterdir() if each.suffix in (".onnx", ".tflite"))
    work = folder / "work"
    work.mkdir(exist_ok=True)
    ends: Counter[str] = Counter()
    faults: list[str] = []
    slowest_s, most_mb, children_mb = 0.0, 0, 0
    for number in range(first, first + count):
        sound = sources[number % len(sources)]
        name, changed = mutant(sound.read_bytes(), sound.suffix, number)
        target = work / f"mutant{sound.suffix}"
        target.write_bytes(changed)
        begun = time.monotonic()
        code, said = convert(target, sound.with_suffix(".npz"), number)
        slowest_s, used_mb = max(slowest_s, time.monotonic() - begun), highest_mb()
        most_mb, children_mb = max(most_mb, used_mb), max(children_mb, of_children_mb())
        ends[f"{sound.suffix} {code}"] += 1
        if (
            not (code in ENDS or (code == 2 and ASKED.search(said)))
            or "Traceback" in said
            or used_mb > LIMIT_MB
        ):
            faults.append(f"{number} {sound.name} {name}: exit {code}, {used_mb} MB: {said[-600:]}")
            target.rename(folder / f"fault-{number}{sound.suffix}.bad")
    report = {
        "ends": ends, "faults": faults, "mb": most_mb, "children_mb": children_mb, "slowest_s": round(slowest_s, 2),
    }  # fmt: skip
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
