"""ONNX Runtime's own profile: the time of each node, with the execution provider that ran it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from edgemm.backends.operator_time import ROUNDS, WARM_UP, OperatorTime, OperatorTimes, over_rounds
from edgemm.backends.ort import OrtBackend, ready_session
from edgemm.card.fit import said_shapes
from edgemm.delegates.delegate import Delegate

if TYPE_CHECKING:
    from edgemm.artifact import Artifact

_KERNEL = "_kernel_time"
"""How the name of a node's event ends."""
_PROVIDERS = {"CPUExecutionProvider": "cpu"}


def ort_times(artifact: Artifact, wanted: Delegate, threads: int, runs: int) -> OperatorTimes:
    """See `operator_times`; `runs` are of each round."""
    with TemporaryDirectory(prefix="edgemm-profile-") as folder:
        version, session = ready_session(artifact.payload, wanted, threads, profile=f"{folder}/profile")
        backend = OrtBackend(session, version, wanted, must_take=False, shapes=said_shapes(artifact.card))
        try:
            for index, spec in enumerate(backend.inputs):
                backend.input_buffer(index)[...] = spec.zero_point
            for _ in range(WARM_UP + ROUNDS * runs):
                backend.run()
            events = json.loads(Path(session.end_profiling()).read_bytes())
        finally:
            backend.close()
    return OperatorTimes(read_profile(events, runs), ROUNDS * runs, f"onnxruntime {version}, its profile")


def read_profile(events: Iterable[Mapping[str, Any]], runs: int) -> tuple[OperatorTime, ...]:
    """Of the events of a profile, the last ROUNDS * runs times that each node ran.

    Args:
        events: of the file, in the order in which they happened.
        runs: inferences of a round.
    """
    nodes: dict[tuple[str, str, str], list[float]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            told = event["args"]
            provider = str(told.get("provider", ""))
            key = event["name"], str(told["op_name"]), _PROVIDERS.get(provider, provider)
            nodes.setdefault(key, []).append(float(event["dur"]))
    counts = Counter((kind, provider) for _, kind, provider in nodes)
    rounds = []
    for at in range(ROUNDS):
        spent: Counter[tuple[str, str]] = Counter()
        for (_, kind, provider), times in nodes.items():
            counted = times[-ROUNDS * runs :]
            spent[kind, provider] += sum(counted[at * runs : (at + 1) * runs]) / runs  # type: ignore[assignment]
        rounds.append([OperatorTime(kind, counts[kind, on], us, on) for (kind, on), us in spent.items()])
    return over_rounds(rounds)
