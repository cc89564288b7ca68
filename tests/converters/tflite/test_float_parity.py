"""The float file computes what the graph does, with both sets of kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgemm.quantize import Reference

WITHIN = 1e-5
"""Of the output's range: float32 sums in another order."""


def test_float_file_computes_what_the_graph_does(
    named: Callable[[str], Any], run: Callable[..., Any], case: str, kernels: str
) -> None:
    network = named(case)
    file = network.write(network.float_plan())
    reference = Reference(network.model)
    for sample in network.samples[:3]:
        for found, expected in zip(run(file, sample, kernels), reference.run(sample).values(), strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=WITHIN * np.ptp(expected))


def test_kept_layout_computes_the_same(named: Callable[[str], Any], run: Callable[..., Any]) -> None:
    network = named("squeeze_excite")
    file = network.write(network.float_plan(), keep_layout=True)
    expected = Reference(network.model).run(network.samples[0])["y"]
    (found,) = run(file, network.samples[0])
    np.testing.assert_allclose(found, expected, rtol=0, atol=WITHIN * np.ptp(expected))
