"""What each node is predicted to take, where it was asked to explain."""

from __future__ import annotations

from edgemm.converters.pipeline.work import Work


def tell_costs(work: Work) -> None:
    """Keeps it; nothing for accelerators, which no table of costs is for."""
    target = work.plan.target
    if work.options.explain and not (target.integer_only or target.activations_symmetric):
        work.node_us = work.prices.cost(work.prepared.model, work.plan).nodes
