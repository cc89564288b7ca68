"""Latency of several files, measured in turns, so that a busy moment meets all of them alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from time import monotonic

import onnx_ir as ir

from edgemm.converters.latency import COUNTED, FEWEST, SECONDS, WARM_UP, Latency, summarize
from edgemm.converters.samples import Sample
from edgemm.converters.worker import opened
from edgemm.converters.written import Format, Settings, Written, write_plan
from edgemm.errors import ConversionError, MissingDependency, UnsupportedOperator
from edgemm.excerpt import excerpt
from edgemm.quantize import make_plan

BLOCK = 10
"""Inferences of a file in one turn, at most."""


def written_float(model: ir.Model, format_: Format = "onnx") -> Written:
    """A graph as a float file.

    Raises:
        UnsupportedOperator: the format cannot express it.
    """
    copy = model.clone()
    if format_ == "tflite":
        from edgemm.converters.passes import canonicalize
        from edgemm.converters.tflite.expand import expand_for_tflite

        expand_for_tflite(copy)
        canonicalize(copy)
    return write_plan(copy, make_plan(copy, None, scheme="float"), format_, Settings())


def in_turns(files: Sequence[Written], sample: Sample) -> list[Latency]:
    """One inference of each file, one thread.

    Raises:
        RunFailed: a runtime refuses a file.
    """
    times: list[list[int]] = [[] for _ in files]
    with ExitStack() as stack:
        sessions = [stack.enter_context(opened(file.payload, file.format)) for file in files]
        given = []
        for session, file in zip(sessions, files, strict=True):
            by_name = dict(zip([port.spec.name for port in file.inputs], file.feed(sample), strict=True))
            same = set(by_name) == set(session.inputs)
            given.append([by_name[name] for name in session.inputs] if same else list(by_name.values()))
        began_s = monotonic()
        for turn in range(WARM_UP + COUNTED):
            late = monotonic() - began_s > SECONDS * len(files) and len(times[0]) >= FEWEST
            if late:
                break
            for session, arrays, taken in zip(sessions, given, times, strict=True):
                found = session.time(arrays, BLOCK)
                if turn >= WARM_UP:
                    taken += found
    return [summarize(each) for each in times]


def both_runtimes(
    before: ir.Model, after: ir.Model, sample: Sample
) -> tuple[dict[str, tuple[Latency, Latency]], str]:
    """Format -> latency before and after; and what to say of a format that is left out."""
    found: dict[str, tuple[Latency, Latency]] = {}
    one, other = in_turns([written_float(before), written_float(after)], sample)
    found["onnx"] = one, other
    try:
        one, other = in_turns([written_float(before, "tflite"), written_float(after, "tflite")], sample)
    except (ConversionError, UnsupportedOperator, MissingDependency) as error:
        return found, f"latency as .tflite was not measured: {excerpt(error, 160)}"
    found["tflite"] = one, other
    return found, ""
