"""The networks in float and in int8, judged side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgemm.cli.demo.live import Progress

SAMPLES, SPOILT, RUNS = 300, 50, 50
"""Pictures that are answered, those of them that are spoiled in each way, and inferences that are timed: few, since the
whole takes seconds. `edgemm judge` takes more."""


def judge_digits(folder: Path, progress: Progress) -> dict[str, Any]:
    """The digits network in both forms on held-out pictures: what `edgemm.judge.judgement.judge` says."""
    from edgemm import data
    from edgemm.cli.judge import count_macs
    from edgemm.judge.judgement import Judging, Plan, judge

    files = [Judging(str(folder / f"digits.{scheme}.tflite")) for scheme in ("float", "int8")]
    plan = Plan(str(data.path("digits/held_out.npz")), samples=SAMPLES, spoilt=SPOILT, maps=0, runs=RUNS)
    return judge(
        files,
        plan,
        tell=lambda stage, done, total: progress(f"judging: {stage}", done, total),
        count_macs=count_macs,
    )
