"""`factor_graph`: the whole way, from a canonical graph and calibration data to one with layers of low rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from edgemm.errors import InputError
from edgemm.quantize.prune.graph.cost import total_macs, total_parameters
from edgemm.quantize.prune.graph.finite import check_weights
from edgemm.quantize.prune.graph.groups import check_names
from edgemm.quantize.prune.graph.lowrank.budget import Choice, Ranks
from edgemm.quantize.prune.graph.lowrank.fits import Fits
from edgemm.quantize.prune.graph.lowrank.layers import Splittable, splittable
from edgemm.quantize.prune.graph.lowrank.look import Looked, look
from edgemm.quantize.prune.graph.lowrank.refit import refitted
from edgemm.quantize.prune.graph.lowrank.split import Factors, split
from edgemm.quantize.prune.graph.lowrank.timed import Clock, LayerLatency, faster_ranks
from edgemm.quantize.prune.graph.operators import OPERATORS
from edgemm.quantize.prune.graph.trace import trace
from edgemm.quantize.prune.graph.watch import Watch, output_error
from edgemm.quantize.prune.graph.weigh import divided
from edgemm.quantize.prune.graph.work import Settings
from edgemm.quantize.prune.removal import PruneReport, Removal
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import Sample

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Factored:
    """A graph with layers of low rank, and what was done."""

    model: ir.Model
    report: PruneReport
    met: bool
    """Whether the target is met by that alone."""
    added: tuple[str, ...]
    """Names of the first layers of all pairs."""


@dataclass(slots=True, eq=False)
class _Work:
    model: ir.Model
    samples: Sequence[Sample]
    looked: Looked
    layers: dict[str, Splittable]
    made: dict[tuple[str, int], Factors] = field(default_factory=dict)

    def factors(self, name: str, rank: int) -> Factors:
        """Of one layer, each once."""
        if (name, rank) not in self.made:
            basis = self.looked.spectra[name].kept(rank)
            self.made[name, rank] = Factors(self.layers[name], basis, self.looked.means[name])
        return self.made[name, rank]

    def split(self, ranks: Ranks, *, to_refit: bool = False) -> ir.Model:
        """The graph with these ranks."""
        factors = {name: self.factors(name, rank) for name, rank in ranks.items()}
        return split(self.model, factors, to_refit=to_refit)


def factor_graph(
    model: ir.Model,
    samples: Sequence[Sample],
    target: Target,
    energy: float,
    *,
    latency: LayerLatency,
    keep: Sequence[str] = (),
    settings: Settings | None = None,
    tell: Tell = lambda stage, done, total: None,
) -> Factored:
    """Replaces layers of a canonical float graph by two of lower rank, as far as a target asks for, where the two are
    measured to be faster. The layers behind are fitted anew.

    The graph given is left as it is.

    Args:
        samples: calibration data: input name -> array.
        energy: the part of the energy (around the mean) of each layer's output that its pair keeps, above 0, below 1,
            on samples that the pair was not fitted to where there are eight or more.
        latency: measures graphs on a sample, in turns.
        keep: layers (names of nodes) that stay as they are.
        tell: called with (stage, done, total) as the work goes on.

    Raises:
        InputError: no samples, no such layer, `energy` is out of range, or what is computed is no number.
    """
    check_energy(energy)
    if not len(samples):
        raise InputError("low rank needs calibration data, found none. Give at least 64 samples")
    check_weights(model)
    check_names(trace(model, OPERATORS), keep)
    asked = settings or Settings()
    layers, left = splittable(model, keep)
    ranks, met, work = dict[str, int](), False, None
    if layers:
        seen = look(
            model, layers, samples, asked.seed, lambda done, total: tell("observing layers", done, total)
        )
        work = _Work(model, samples, seen, {each.name: each for each in layers})
        choices = _choices(work, energy, left, tell)
        clock = Clock(latency, work.factors, seen.inputs)
        fits = Fits(model, target, asked, work.split, lambda models: latency(models, samples[0]))
        ranks, met = faster_ranks(
            choices, fits, clock, left, lambda done, total: tell("measuring layers", done, total)
        )
    if work is None or not ranks:
        return Factored(model, _report(model, model, {}, {}, left), False, ())
    small = work.split(ranks, to_refit=True)
    made = refitted(
        model, small, ranks, samples, asked.seed, lambda done, total: tell("compensating", done, total)
    )
    before = {str(node.name) for node in model.graph}
    added = tuple(str(node.name) for node in made.graph if str(node.name) not in before)
    return Factored(made, _report(model, made, ranks, work.layers, left), met, added)


def check_energy(energy: object) -> float:
    """The part of a layer's output that its pair keeps.

    Raises:
        InputError: it is no number above 0 and below 1.
    """
    number = isinstance(energy, int | float) and not isinstance(energy, bool)
    if not number or not 0 < energy < 1:  # type: ignore[operator]
        raise InputError(
            f"low_rank (--low-rank): expected the part of each layer's output energy that is kept, above 0 and below "
            f"1, such as 0.99; found {energy!r}"
        )
    return float(energy)  # type: ignore[arg-type]


def _choices(work: _Work, energy: float, left: dict[str, str], tell: Tell) -> list[Choice]:
    """Ranks that keep enough, with what the outputs lose: the energy that is lost in the layer, times what the outputs
    feel of it at the smallest rank."""
    found = []
    for done, (name, layer) in enumerate(work.layers.items(), 1):
        spectrum = work.looked.spectra[name]
        least = spectrum.least(layer.ranks, energy)
        if least is None:
            left[name] = f"no rank that saves MACs keeps {energy:.4g} of its output's energy"
            continue
        scale = _felt(work, name, least) / max(float(spectrum.errors[least]), 1e-12)
        lost = {rank: scale * float(spectrum.errors[rank]) for rank in layer.ranks if rank >= least}
        found.append(Choice(layer, tuple(lost), lost))
        tell("measuring outputs", done, len(work.layers))
    return found


def _felt(work: _Work, name: str, rank: int) -> float:
    """Error of the outputs with one layer split."""
    judged = divided(len(work.samples))[1]
    truth = [work.looked.outputs[number] for number in judged]
    watch = Watch(work.split({name: rank}), list(truth[0]))
    return max(output_error(truth, [watch.run(work.samples[number]) for number in judged]), 1e-12)


def _report(
    model: ir.Model, made: ir.Model, ranks: Ranks, layers: Mapping[str, Splittable], left: Mapping[str, str]
) -> PruneReport:
    removed = tuple(
        Removal(str(node.name), "rank", layers[str(node.name)].full, ranks[str(node.name)])
        for node in model.graph if str(node.name) in ranks
    )  # fmt: skip
    before, after = (
        {"macs": float(total_macs(each)), "parameters": float(total_parameters(each))}
        for each in (model, made)
    )
    return PruneReport(removed, before, after, tuple(_notes(left)))


def _notes(left: Mapping[str, str]) -> list[str]:
    """One for each reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in left.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"no low rank: {', '.join(names)}: {reason}" for reason, names in by_reason.items()]
