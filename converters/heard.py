"""What a written file answers to recordings, window by window, with its own state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgemm.card import ModelCard
from edgemm.converters.reference import Outputs
from edgemm.converters.sample_arrays import Recording
from edgemm.converters.worker import How, opened
from edgemm.converters.written import Written


def file_hears(
    written: Written, card: ModelCard, recordings: Sequence[Recording], how: How
) -> list[list[Outputs]]:
    """What a written file answers to each window of each recording, in the runtime that a device would use.

    Args:
        card: of the source, which names the states.

    Raises:
        RunFailed: the runtime refuses the file, fails in it, or dies of it.
    """
    states = {pair.input: pair.output for pair in card.states}
    main = next(port.name for port in written.inputs if port.name not in states)
    with opened(written.payload, written.format, how) as session:
        places_in = _places(session.inputs, [port.spec.name for port in written.inputs])
        places_out = _places([port.spec.name for port in written.outputs], session.outputs)

        def answered(sample: Outputs) -> Outputs:
            arrays = written.feed(sample)
            found = session.run([arrays[at] for at in places_in])
            return {
                port.name: port.restore(found[at])
                for port, at in zip(written.outputs, places_out, strict=True)
            }

        found = []
        for recording in recordings:
            zeros = {
                port.name: port.restore(port.spec.quantize(np.zeros(port.spec.shape, np.float32)))
                for port in written.inputs
                if port.name in states
            }
            before, runs = zeros, []
            for window in recording.windows:
                runs.append(answered({main: window, **before}))
                before = {name: runs[-1][output] for name, output in states.items()}
            found.append(runs)
        return found


def _places(wanted: Sequence[str], found: Sequence[str]) -> list[int]:
    """Where each of `wanted` is in `found`; by place where the names are others."""
    same = set(wanted) == set(found)
    return [list(found).index(name) for name in wanted] if same else list(range(len(wanted)))
