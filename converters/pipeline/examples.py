"""Looks for samples that the file answers otherwise than the source, where it was asked to explain."""

from __future__ import annotations

from edgemm.converters.examples import changed_answers, some
from edgemm.converters.measure import is_emulated, run_artifact
from edgemm.converters.pipeline.work import Work

MOST = 256
"""Samples that are looked at."""


def tell_examples(work: Work) -> None:
    """Keeps some of them."""
    if not work.options.explain or work.noise or work.fidelity.beyond_repair:
        return
    samples, expected = some(work.judged_on, work.expected, MOST)
    found = run_artifact(work.written, samples, emulate=is_emulated(work.written, work.plan)).outputs
    work.examples = changed_answers(
        work.prepared.card, work.written, work.judge.roles, samples, expected, found
    )
