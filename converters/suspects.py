"""Which layers to look at first: those after which the noise has grown most, of two runs of the whole graph.

Found by one run in float and one on integers, with what every layer leaves in memory as an output of both. That says
where noise arises, not what it does to the outputs, which takes a run for each layer (`edgemm.converters.diagnose`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.converters.samples import Samples
from edgemm.quantize.fusion import stored_output
from edgemm.quantize.plan import Plan
from edgemm.quantize.reference import Reference

LEAST = 1e-30


def by_own_noise(model: ir.Model, plan: Plan, layers: Sequence[ir.Node], samples: Samples) -> list[ir.Node]:
    """The layers, those first after which noise is largest beside what came in, each as a share of its signal.

    Args:
        layers: integer in the plan, of this graph.
        samples: few; each is run twice.
    """
    from edgemm.converters.onnx_writer import write_onnx

    exposed = model.clone()
    wanted = {str(stored_output(node).name) for node in layers}
    exposed.graph.outputs.clear()
    exposed.graph.outputs.extend(v for node in exposed.graph for v in node.outputs if str(v.name) in wanted)
    plain = Reference(exposed, optimize=False)
    integer = Reference(write_onnx(exposed, plan).payload, optimize=False)
    signal, noise = dict.fromkeys(wanted, LEAST), dict.fromkeys(wanted, 0.0)
    for sample in samples.inputs:
        found = integer.run(sample)
        for name, truth in plain.run(sample).items():
            signal[name] += float(np.square(truth, dtype=np.float64).sum())
            noise[name] += float(np.square(truth.astype(np.float64) - found[name]).sum())
    shares = {name: noise[name] / signal[name] for name in wanted}
    own = {str(node.name): shares[str(stored_output(node).name)] - _before(node, shares) for node in layers}
    return sorted(layers, key=lambda node: (-own[str(node.name)], str(node.name)))


def _before(node: ir.Node, shares: Mapping[str, float]) -> float:
    """The noise of the noisiest of the layers before a node."""
    waiting = [value for value in node.inputs if value is not None]
    seen: set[int] = set()
    most = 0.0
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if str(value.name) in shares:
            most = max(most, shares[str(value.name)])
            continue
        maker = value.producer()
        waiting += [each for each in maker.inputs if each is not None] if maker is not None else []
    return most
