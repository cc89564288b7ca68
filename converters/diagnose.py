"""Where accuracy is lost: which layer loses how much, and which tensors share a scale that does not suit them.

Every layer is computed on integers alone, all others in float, on the plan's own grids; the noise that reaches the
outputs is that layer's. The arithmetic is the plan's, so the answer holds for both formats.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.fidelity import evaluation_part, snr_db
from edgemm.converters.fidelity.finite import finite_part
from edgemm.converters.measure import without_final_softmax
from edgemm.converters.samples import Samples
from edgemm.converters.shared_scales import SharedScale, shared_scales
from edgemm.converters.suspects import by_own_noise
from edgemm.quantize import Calibration
from edgemm.quantize.cost import macs
from edgemm.quantize.fusion import fused_activation, hosts
from edgemm.quantize.legality import rule_of
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.reference import Reference

MAX_SAMPLES = 8
BEFORE_SOFTMAX = "(SNR before the final softmax, to rank the layers; the file is judged with it)"
Tick = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class LayerLoss:
    """What one layer costs when it alone is integer."""

    node: str
    operator: str
    snr_db: float
    """Of the worst output, before a final softmax: it ranks layers, and is not a figure of the file."""
    noise_share: float
    """0..1, of the noise of all layers."""
    macs: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Layers, worst first, and shared scales."""

    layers: tuple[LayerLoss, ...]
    shared: tuple[SharedScale, ...]
    before_softmax: bool = False
    """A final softmax was left out, which would hide what it saturates: the figures rank layers, and are not comparable
    with the fidelity of the file."""

    def to_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "layers": [asdict(each) for each in self.layers],
            "layers_before_softmax": self.before_softmax,
            "shared_scales": [asdict(each) for each in self.shared],
        }

    def table(self, rows: int = 12) -> str:
        """The worst layers with a bar for their share of the noise, then the shared scales."""
        width = max((len(each.node) for each in self.layers[:rows]), default=4)
        lines = [f"{'layer'.ljust(width)}  operator      SNR dB  share of the noise"]
        for each in self.layers[:rows]:
            bar = "#" * round(30 * each.noise_share)
            share = f"{each.noise_share:6.1%} {bar}".rstrip()
            lines.append(f"{each.node.ljust(width)}  {each.operator:12.12}  {each.snr_db:6.1f}  {share}")
        if self.before_softmax:
            lines.append(BEFORE_SOFTMAX)
        if len(self.layers) > rows:
            lines.append(f"... and {len(self.layers) - rows} more layers")
        lines += [
            f"{each.value} ({each.node}): {each.part} has 1/{each.ratio:.0f} of the range, on one scale with the rest"
            for each in self.shared
        ]
        return "\n".join(lines)


def diagnose(
    model: ir.Model,
    plan: Plan,
    samples: Samples,
    calibration: Calibration | None = None,
    *,
    until: float = math.inf,
    tick: Tick | None = None,
) -> Diagnosis:
    """Ranks the layers of a plan by the noise that each brings to the outputs.

    Args:
        model: canonical, the one that the plan is for.
        samples: at most MAX_SAMPLES of them are used.
        calibration: has the ranges of a Concat's parts.
        until: time.monotonic() at which it stops; layers not reached by then are not ranked.
        tick: called with (layers done, layers in all).
    """
    few = evaluation_part(samples, MAX_SAMPLES)
    opened, cut = without_final_softmax(model)
    expected = outputs(Reference(opened), few)
    layers = layers_of(opened, plan)
    if until != math.inf and layers:
        layers = by_own_noise(opened, plan, layers, evaluation_part(few, 2))
    losses = []
    for done, node in enumerate(layers, 1):
        if time.monotonic() > until:
            break
        found = outputs(emulated(opened, alone(plan, node)), few)
        losses.append((node, *_loss(expected, found)))
        if tick is not None:
            tick(done, len(layers))
    total = sum(noise for _, _, noise in losses) or 1.0
    ranked = [
        LayerLoss(str(node.name), node.op_type, worst, noise / total, macs(node))
        for node, worst, noise in sorted(losses, key=lambda each: -each[2])
    ]
    return Diagnosis(tuple(ranked), tuple(shared_scales(opened, plan, few, calibration)), bool(cut))


def outputs(reference: Reference, samples: Samples) -> dict[str, npt.NDArray[Any]]:
    """Output name -> [samples, ...]."""
    runs = [reference.run(sample) for sample in samples.inputs]
    return {name: np.stack([run[name] for run in runs]) for name in reference.outputs}


def emulated(model: ir.Model, plan: Plan) -> Reference:
    """The plan's integer arithmetic, as written, in onnxruntime."""
    from edgemm.converters.onnx_writer import write_onnx

    return Reference(write_onnx(model, plan).payload, optimize=False)


def layers_of(model: ir.Model, plan: Plan) -> list[ir.Node]:
    """The nodes that compute on integers, with what they fuse counted in."""
    inside = hosts(model)
    return [
        node
        for node in model.graph
        if plan.precision.get(str(node.name), Precision.FLOAT) is not Precision.FLOAT
        and str(node.name) not in inside
        and not rule_of(node).moves
    ]


def alone(plan: Plan, node: ir.Node) -> Plan:
    """The plan with that layer alone on integers."""
    fused = fused_activation(node)
    kept = {str(node.name), *([str(fused.name)] if fused is not None else [])}
    precision = {name: each if name in kept else Precision.FLOAT for name, each in plan.precision.items()}
    return replace(plan, precision=precision)


def _loss(
    expected: Mapping[str, npt.NDArray[Any]], found: Mapping[str, npt.NDArray[Any]]
) -> tuple[float, float]:
    """SNR of the worst output, and the noise as a share of the signal, over all outputs; of finite values."""
    pairs = [finite_part(truth, found[name]) for name, truth in expected.items()]
    snrs = [snr_db(each.expected, each.found) for each in pairs]
    return min(snrs), float(sum(10.0 ** (-each / 10.0) for each in snrs))
