"""Chooses among the forms that a network may have: tries them in their order until one holds the gate."""

from __future__ import annotations

from collections.abc import Callable

from edgemm.converters.candidate import Candidate
from edgemm.converters.pipeline.forms import INTEGER, Form, Tried
from edgemm.converters.pipeline.measure import measure_again
from edgemm.converters.pipeline.plan import take
from edgemm.converters.pipeline.work import Work
from edgemm.converters.pipeline.write import check_written_float, leave_out, write_planned
from edgemm.errors import UnsupportedOperator
from edgemm.quantize.choice import rivals, said
from edgemm.quantize.stored_size import stored_bytes

FLOAT_FASTER = (
    "float is faster here: it is predicted to take {in_float:.3g} ms, and the fastest int8 form, {form}, {int8:.3g} "
    "ms. --prefer size, or --scheme {form}, gives int8"
)
NO_DATA = "there is no calibration data, so dynamic and float alone were weighed: --calibrate shows ranges for the rest"
NO_INTEGERS = "io (--io) int8 has no effect: with the scheme {}, inputs and outputs stay float"
FLOAT_ALONE = (
    "float, because no int8 form held the gate: {lost}. --scheme {form} --gate warn writes int8 all the same; more or "
    "better calibration data usually helps"
)


def choose(work: Work) -> None:
    """Goes on to the next form where one is below the gate; the form of the file is settled but for a repair."""
    if len(work.forms) > 1 and work.options.gate != "off" and not work.fidelity.beyond_repair:
        _try_all(work) if work.options.prefer == "accuracy" else _try_until_held(work)


def _try_until_held(work: Work) -> None:
    first = _keep(work)
    for form in work.forms:
        if work.tried[work.plan.scheme].held:
            return
        if form.name not in work.tried:
            _try(work, form)
    if not work.tried[work.plan.scheme].held:
        back_to(
            work, first
        )  # not even float: whatever is said of it is said of the form that was wanted most


def _try_all(work: Work) -> None:
    """Every form that may be taken, and of those that hold the one that keeps most."""
    first = _keep(work)
    names = [each.form for each in rivals([form.estimate for form in work.forms])]
    for form in work.forms:
        done = any(each.held for each in work.tried.values())
        if form.name not in work.tried and (form.name in names or not done):
            _try(work, form)
    held = [form for form in work.forms if form.name in work.tried and work.tried[form.name].held]
    best = max(held, key=lambda form: _kept(work, form), default=first)
    if best.name != work.plan.scheme:
        back_to(work, best)


def _kept(work: Work, form: Form) -> tuple[bool, float]:
    """How much of the source a form keeps; int8 forms before float, which keeps all."""
    fidelity = work.tried[form.name].fidelity
    return form.name != "float", 0.0 if fidelity is None else fidelity.worst_db


def _keep(work: Work) -> Form:
    """Records what was measured of the form under way."""
    form = work.under_way
    size = len(work.written.payload)
    work.tried[form.name] = Tried(work.fidelity, work.latency, size, work.measured_s)
    return form


def _try(work: Work, form: Form) -> None:
    """Writes and measures a form; one that cannot be written is left out."""
    before, other_graph = work.under_way, form.model is not work.prepared.model
    take(work, form)
    try:
        if other_graph:
            check_written_float(work)
        write_planned(work)
    except UnsupportedOperator as error:
        leave_out(work, form, error)
        take(work, before)
        return
    measure_again(work)
    _keep(work)


def recall(work: Work, form: Form) -> None:
    """A form that was measured before, but for its file."""
    take(work, form)
    tried = work.tried[form.name]
    if tried.fidelity is not None and tried.latency is not None:
        work.fidelity, work.latency, work.measured_s = tried.fidelity, tried.latency, tried.measured_s


def back_to(work: Work, form: Form) -> None:
    """The same, written again."""
    recall(work, form)
    write_planned(work)


def tell_choice(work: Work) -> None:
    """The candidates, and a sentence about the one that was taken."""
    work.candidates = tuple(_candidate(work, form) for form in work.forms)
    if work.options.settings.io == "int8" and work.plan.scheme not in INTEGER:
        work.notes.append(NO_INTEGERS.format(work.plan.scheme))
    if work.options.scheme != "auto" or len(work.forms) < 2:
        return
    work.notes.append(f"scheme {work.plan.scheme}: {_reason(work)}")
    if work.calibration_data is None and work.own_ranges is None:
        work.notes.append(NO_DATA)
    if work.plan.scheme == "float":
        work.notes += _why_float(work)


def _missed(work: Work) -> Callable[[str], bool]:
    return lambda name: name in work.tried and not work.tried[name].held and name != work.plan.scheme


def _reason(work: Work) -> str:
    estimates = [form.estimate for form in work.forms]
    chosen = next(each for each in estimates if each.form == work.plan.scheme)
    return said(chosen, estimates, _missed(work), work.options.prefer)


def _why_float(work: Work) -> list[str]:
    int8 = [form for form in work.forms if form.name != "float"]
    fastest = min(int8, key=lambda form: form.cost.total_us)
    in_float = next(form for form in work.forms if form.name == "float").cost.total_us
    if fastest.cost.total_us < in_float:
        lost = "; ".join(
            f"{name}: {'; '.join(each.fidelity.missed) if each.fidelity else each.why}"
            for name, each in work.tried.items()
            if not each.held
        )
        return [FLOAT_ALONE.format(lost=lost, form=fastest.name)] if lost else []
    return [
        FLOAT_FASTER.format(in_float=in_float / 1000, form=fastest.name, int8=fastest.cost.total_us / 1000)
    ]


def _candidate(work: Work, form: Form) -> Candidate:
    tried, chosen = work.tried.get(form.name), form.name == work.plan.scheme
    if chosen:
        cost = work.prices.cost(work.prepared.model, work.plan)
        why = "the only one" if len(work.forms) == 1 else _reason(work)
        if work.options.scheme != "auto":
            why = "asked for"
        return Candidate(
            form.name,
            cost.total_us,
            len(work.written.payload),
            work.latency,
            work.fidelity,
            not work.fidelity.missed,
            True,
            why,
        )
    latency = tried.latency if tried is not None else None
    if form.name == "float" and latency is None:
        latency = work.float_latency
    return Candidate(
        form.name,
        form.cost.total_us,
        tried.size_bytes if tried is not None and tried.size_bytes else form.size_bytes + _beside(work),
        latency,
        None if tried is None else tried.fidelity,
        None if tried is None else tried.held,
        False,
        _why_not(work, form, tried),
    )


def _beside(work: Work) -> int:
    """Bytes of a file that are not constants: of the one that was written."""
    return max(len(work.written.payload) - stored_bytes(work.prepared.model, work.plan), 0)


def _why_not(work: Work, form: Form, tried: Tried | None) -> str:
    if tried is not None and tried.why:
        return tried.why
    if tried is not None and tried.fidelity is not None and tried.fidelity.missed:
        return f"below the gate: {'; '.join(tried.fidelity.missed)}"
    chosen = next(each for each in work.forms if each.name == work.plan.scheme)
    ratio = form.cost.total_us / max(chosen.cost.total_us, 1e-9)
    if ratio > 1.03:
        return f"slower: predicted {ratio:.2f} times as long"
    beside = _beside(work)
    larger = (form.size_bytes + beside) / max(chosen.size_bytes + beside, 1)
    if larger > 1.03:
        return f"larger: {larger:.1f} times"
    return "neither smaller nor faster by more than counts"
