"""Where the accuracy goes: which layer loses how much, and which tensors share a scale that does not suit them.

Every layer is computed on integers alone, all others in float, on the plan's own grids; the noise that reaches the
outputs is that layer's. The arithmetic is the plan's, so the answer holds for both formats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.fidelity import evaluation_part, snr_db
from edgemm.converters.measure import without_final_softmax
from edgemm.converters.samples import Samples
from edgemm.quantize import Calibration
from edgemm.quantize.cost import macs
from edgemm.quantize.fusion import fused_activation, hosts, stored_output
from edgemm.quantize.legality import rule_of
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.reference import Reference

MAX_SAMPLES = 8
UNLIKE = 16.0
"""Parts of one tensor whose ranges differ by more: the smaller keeps less than 16 of 256 steps."""
Tick = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class LayerLoss:
    """What one layer costs when it alone is integer."""

    node: str
    operator: str
    snr_db: float
    """Of the worst output."""
    noise_share: float
    """0..1, of the noise of all layers."""
    macs: int


@dataclass(frozen=True, slots=True)
class SharedScale:
    """A tensor whose parts have unlike ranges and one scale."""

    node: str
    """What writes it."""
    value: str
    ratio: float
    """Range of the tensor by that of its smallest part."""
    part: str
    """The smallest part: the name of a Concat's input, or "channel 4"."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Layers, worst first, and shared scales."""

    layers: tuple[LayerLoss, ...]
    shared: tuple[SharedScale, ...]

    def to_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "layers": [asdict(each) for each in self.layers],
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
    tick: Tick | None = None,
) -> Diagnosis:
    """Ranks the layers of a plan by the noise that each brings to the outputs.

    Args:
        model: canonical, the one that the plan is for.
        samples: at most MAX_SAMPLES of them are used.
        calibration: tells the ranges of a Concat's parts.
        tick: called with (layers done, layers in all).
    """
    few = evaluation_part(samples, MAX_SAMPLES)
    opened, _ = without_final_softmax(model)
    expected = outputs(Reference(opened), few)
    layers = layers_of(opened, plan)
    losses = []
    for done, node in enumerate(layers, 1):
        found = outputs(emulated(opened, alone(plan, node)), few)
        losses.append((node, *_loss(expected, found)))
        if tick is not None:
            tick(done, len(layers))
    total = sum(noise for _, _, noise in losses) or 1.0
    ranked = [
        LayerLoss(str(node.name), node.op_type, worst, noise / total, macs(node))
        for node, worst, noise in sorted(losses, key=lambda each: -each[2])
    ]
    return Diagnosis(tuple(ranked), tuple(shared_scales(opened, plan, expected, calibration)))


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
    """SNR of the worst output, and the noise as a share of the signal, over all outputs."""
    snrs = [snr_db(truth, found[name]) for name, truth in expected.items()]
    return min(snrs), float(sum(10.0 ** (-each / 10.0) for each in snrs))


def shared_scales(
    model: ir.Model,
    plan: Plan,
    expected: Mapping[str, npt.NDArray[Any]],
    calibration: Calibration | None,
) -> list[SharedScale]:
    """Concats of unlike parts, and outputs with unlike channels, that one scale serves."""
    found = []
    for node in model.graph:
        value = stored_output(node)
        if not plan.is_int8(str(node.name)) or str(value.name) not in plan.activations:
            continue
        parts: Sequence[tuple[str, float]] = ()
        if node.op_type == "Concat" and calibration is not None:
            parts = [(str(each.name), _reach(calibration, each)) for each in node.inputs if each is not None]
        elif value.is_graph_output() and str(value.name) in expected:
            parts = _channels(expected[str(value.name)])
        known = [(name, reach) for name, reach in parts if reach > 0]
        if len(known) < 2:
            continue
        whole, (name, least) = max(reach for _, reach in known), min(known, key=lambda each: each[1])
        if whole / least > UNLIKE:
            found.append(SharedScale(str(node.name), str(value.name), whole / least, name))
    return found


def _reach(calibration: Calibration, value: ir.Value) -> float:
    ends = calibration.ranges.get(str(value.name))
    return 0.0 if ends is None else max(abs(ends.low), abs(ends.high))


def _channels(array: npt.NDArray[Any]) -> list[tuple[str, float]]:
    """Along the first axis behind sample and batch, or the last one: the one whose slices differ most."""
    if array.ndim < 3 or not array.size:
        return []
    best: list[tuple[str, float]] = []
    for axis in {2, array.ndim - 1}:
        others = tuple(each for each in range(array.ndim) if each != axis)
        reach = np.abs(array).max(axis=others)
        parts = [(f"channel {index}", float(size)) for index, size in enumerate(reach)]
        positive = [size for _, size in parts if size > 0]
        if positive and (not best or max(positive) / min(positive) > _ratio(best)):
            best = parts
    return best


def _ratio(parts: Sequence[tuple[str, float]]) -> float:
    sizes = [size for _, size in parts if size > 0]
    return max(sizes) / min(sizes)
