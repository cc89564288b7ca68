"""Chooses among the forms that a network may have: tries them in their order until one holds the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgemm.converters.candidate import Candidate
from edgemm.converters.fidelity import Fidelity
from edgemm.converters.pipeline.forms import INTEGER, Form, Tried
from edgemm.converters.pipeline.measure import measure_again
from edgemm.converters.pipeline.plan import NOTHING_PAYS, take
from edgemm.converters.pipeline.sizes import beside_bytes
from edgemm.converters.pipeline.work import Work
from edgemm.converters.pipeline.write import check_written_float, leave_out, write_planned
from edgemm.errors import UnsupportedOperator
from edgemm.quantize.choice import ALIKE, Estimate, against, in_order, rivals, said
from edgemm.quantize.costs import Cost

FLOAT_FASTER = (
    "float is faster here: it is predicted to take {in_float:.3g} ms, and the fastest int8 form, {form}, {int8:.3g} "
    "ms. {how} gives int8"
)
FLOAT_ALIKE = (
    "int8 ({form}) is predicted to be no faster than float here, and saves no room that counts. --scheme {form} gives "
    "it all the same"
)
NO_DATA = "there is no calibration data, so dynamic and float alone were weighed: --calibrate shows ranges for the rest"
NO_INTEGERS = "io (--io) int8 has no effect: with the scheme {}, inputs and outputs stay float"
FLOAT_ALONE = (
    "float, because no int8 form held the gate: {lost}. --scheme {form} --gate warn writes int8 all the same; more or "
    "better calibration data usually helps"
)
BY_LABELS = (
    "the gate counts how often the best class is the source's, which asks more than that as many answers are right: "
    "--evaluate with labelled data (a folder for each class, or labels in an .npz) judges by the accuracy"
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
    known = [
        Estimate(form.name, _cost(work, form).total_us, _size(work, form), work.prices.format)
        for form in work.forms
    ]
    chosen = next((each for each in known if each.form == work.plan.scheme), None)
    reason = "" if chosen is None else said(chosen, known, _missed(work), work.options.prefer)
    work.candidates = tuple(
        _candidate(work, form, each, reason if each is chosen else _why_not(work, each, chosen))
        for form, each in zip(work.forms, known, strict=True)
    )
    if chosen is None:  # a repair has made another form of the only one
        cost = work.prices.cost(work.prepared.model, work.plan).total_us
        made = Estimate(work.plan.scheme, cost, len(work.written.payload), work.prices.format)
        work.candidates = (_taken(work, made, "it holds the gate, and the other did not"), *work.candidates)
    floats = work.plan.scheme not in INTEGER or (work.plan.scheme == "mixed" and work.prices.float_ends)
    if work.options.settings.io == "int8" and floats:
        work.notes.append(NO_INTEGERS.format(work.plan.scheme))
    if work.options.scheme != "auto" or (len(work.forms) < 2 and work.plan.scheme != "float"):
        return
    work.notes.append(f"scheme {work.plan.scheme}: {reason}")
    if work.calibration_data is None and work.own_ranges is None and len(work.forms) > 1:
        work.notes.append(NO_DATA)
    if work.plan.scheme == "float":
        work.notes += _why_float(work, known)


def _missed(work: Work) -> Callable[[str], bool]:
    return lambda name: name in work.tried and not work.tried[name].held and name != work.plan.scheme


def _why_float(work: Work, known: Sequence[Estimate]) -> list[str]:
    int8 = [each for each in known if each.form != "float"]
    if not int8:
        return []
    fastest = min(int8, key=lambda each: each.predicted_us)
    in_float = next(each.predicted_us for each in known if each.form == "float")
    if fastest.predicted_us < in_float:
        lost = "; ".join(
            f"{name}: {'; '.join(each.fidelity.missed) if each.fidelity else each.why}"
            for name, each in work.tried.items()
            if not each.held
        )
        by_class = [BY_LABELS] if any(_unlabelled(each.fidelity) for each in work.tried.values()) else []
        return [FLOAT_ALONE.format(lost=lost, form=fastest.form), *by_class] if lost else []
    if fastest.predicted_us <= in_float * ALIKE:
        return [FLOAT_ALIKE.format(form=fastest.form)]
    smallest = in_order(known, "size")[0].form != "float"
    how = f"--prefer size, or --scheme {fastest.form}," if smallest else f"--scheme {fastest.form}"
    return [
        FLOAT_FASTER.format(
            in_float=in_float / 1000, form=fastest.form, int8=fastest.predicted_us / 1000, how=how
        )
    ]


def _unlabelled(fidelity: Fidelity | None) -> bool:
    """A form missed the gate by classes that nobody knows the right ones of."""
    if fidelity is None or not fidelity.missed or fidelity.task:
        return False
    return any(each.top1_agreement is not None and each.accuracy is None for each in fidelity.outputs)


def _candidate(work: Work, form: Form, known: Estimate, why: str) -> Candidate:
    tried = work.tried.get(form.name)
    if form.name == work.plan.scheme:
        return _taken(work, known, why)
    latency = tried.latency if tried is not None else None
    if form.name == "float" and latency is None:
        latency = work.float_latency
    return Candidate(
        form.name,
        known.predicted_us,
        known.size_bytes,
        not _is_written(tried),
        latency,
        None if tried is None else tried.fidelity,
        None if tried is None else tried.held,
        False,
        why,
    )


def _taken(work: Work, known: Estimate, why: str) -> Candidate:
    """The form that was written."""
    if work.options.scheme != "auto":
        why = "asked for" if work.options.scheme == known.form else NOTHING_PAYS
    held = not work.fidelity.missed
    return Candidate(
        known.form, known.predicted_us, known.size_bytes, False, work.latency, work.fidelity, held, True, why
    )


def _cost(work: Work, form: Form) -> Cost:
    """Of the file as it is, where it is that form's: a repair may have changed it."""
    written = form.name == work.plan.scheme
    return work.prices.cost(work.prepared.model, work.plan) if written else form.cost


def _size(work: Work, form: Form) -> int:
    tried = work.tried.get(form.name)
    if form.name == work.plan.scheme:
        return len(work.written.payload)
    return (
        tried.size_bytes if tried is not None and _is_written(tried) else form.size_bytes + beside_bytes(work)
    )


def _is_written(tried: Tried | None) -> bool:
    return tried is not None and tried.size_bytes > 0


def _why_not(work: Work, form: Estimate, chosen: Estimate | None) -> str:
    tried = work.tried.get(form.form)
    if tried is not None and tried.why:
        return tried.why
    if tried is not None and tried.fidelity is not None and tried.fidelity.missed:
        return f"below the gate: {'; '.join(tried.fidelity.missed)}"
    return "below the gate" if chosen is None else against(form, chosen)
