"""Looks for samples that the file answers otherwise than the source, where it was asked to explain."""

from __future__ import annotations

from edgemm.converters.examples import changed_answers
from edgemm.converters.measure import is_emulated, run_artifact
from edgemm.converters.pipeline.work import Work


def tell_examples(work: Work) -> None:
    """Keeps some of them."""
    if not work.options.explain or work.noise or work.fidelity.beyond_repair:
        return
    samples = work.judged_on
    found = run_artifact(work.written, samples, emulate=is_emulated(work.written, work.plan)).outputs
    work.examples = changed_answers(
        work.prepared.card, work.written, work.judge.roles, samples, work.expected, found
    )
