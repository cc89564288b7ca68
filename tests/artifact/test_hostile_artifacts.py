"""Damaged and hostile files: exit code 6 with a message, or exactly the right answer. Nothing else.

A file that still has its card must answer as before. One whose card is gone altogether, with a model that
was changed, is a foreign model: it may run, but only after a child process survived it.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgemm
from edgemm.artifact import Format, read_artifact, write_artifact
from edgemm.artifact.containers import onnx_metadata, zip_tail
from edgemm.artifact.containers.contents import Contents
from edgemm.artifact.goldens import Goldens
from edgemm.card import ModelCard
from edgemm.errors import ArtifactError

pytestmark = [
    pytest.mark.device,
    pytest.mark.filterwarnings("ignore::edgemm.errors.CardWarning"),  # damage may make a key unknown
]
TESTS = Path(__file__).parents[1]
ASSETS = TESTS / "assets"
CONTAINERS = {"tflite": zip_tail, "onnx": onnx_metadata}
LIMIT_S = 5.0
LIMIT_MB = 150
"""By which the highest memory of this process may grow over one test; the bombs unpack to 64 MB each."""


def _rig() -> Any:
    spec = spec_from_file_location("mutations", TESTS / "rigs" / "mutations.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RIG = _rig()


def answers(model: edgemm.Model) -> dict[str, bytes]:
    """Outputs for inputs that are the same each time."""
    rng = np.random.default_rng(7)
    inputs = {
        spec.name: rng.integers(-100, 100, spec.shape).astype(spec.dtype).reshape(spec.shape)
        for spec in model.inputs
    }
    return {name: array.tobytes() for name, array in model.run(inputs).items()}


def check_refusal(error: ArtifactError, path: Path) -> None:
    """It says which file, ends with 6, and holds nothing that a terminal obeys."""
    assert error.exit_code == 6
    assert str(path) in str(error)
    assert str(error).isprintable()


class Expected:
    """A sound artifact, and what it answers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.artifact = read_artifact(path)
        with edgemm.load(path) as model:
            self.answers = answers(model)

    def is_met_by(self, path: Path) -> str:
        """ "refused", "right" or "foreign"; anything else is an AssertionError."""
        begun = time.monotonic()
        try:
            with edgemm.load(path) as model:
                found, said = model.artifact, answers(model)
        except ArtifactError as error:
            check_refusal(error, path)
            return "refused"
        finally:
            assert time.monotonic() - begun < LIMIT_S
        if found.card is None and found.payload != self.artifact.payload:
            return "foreign"
        assert found.payload == self.artifact.payload
        assert found.card in (None, self.artifact.card)
        assert said == self.answers
        return "right"


def golden(name_in: str, array_in: Any, name_out: str, array_out: Any) -> Goldens:
    return Goldens(({name_in: array_in},), ({name_out: array_out},), {name_out: 0.5})


MADE: dict[str, tuple[ModelCard, Goldens | None]] = {
    "quadrant.tflite": (
        ModelCard(labels=("a", "b", "c", "d")),
        golden("pixels", np.zeros((1, 2, 2, 1), np.int8), "scores", np.zeros((1, 4), np.int8)),
    ),
    "total.tflite": (ModelCard(name="running total", extra={"x-note": "kept"}), None),
    "total.onnx": (ModelCard(name="running total", extra={"x-note": "kept"}), None),
    "add.onnx": (
        ModelCard(name="adder"),
        golden("x", np.ones(1, np.float32), "y", np.full(1, 2, np.float32)),
    ),
}


@pytest.fixture(params=MADE)
def expected(request: pytest.FixtureRequest, tmp_path: Path) -> Expected:
    card, goldens = MADE[request.param]
    path = tmp_path / request.param
    write_artifact(path, (ASSETS / request.param).read_bytes(), card, goldens)
    return Expected(path)


def outcomes(expected: Expected, files: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """What came of each file; fails on the first that does what none may do."""
    found = {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    target = expected.path.with_name(f"bad{expected.path.suffix}")
    for name, data in files:
        target.write_bytes(data)
        try:
            found[name] = expected.is_met_by(target)
        except BaseException as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < LIMIT_MB
    return found


def test_damaged_files_are_refused_or_right(expected: Expected) -> None:
    found = outcomes(expected, RIG.mutations(expected.path.read_bytes(), 75, seed=len(expected.path.name)))
    assert len(found) == 75
    assert sum(outcome == "refused" for outcome in found.values()) > 50


def test_damaged_foreign_models_crash_nobody(expected: Expected) -> None:
    """Nobody can tell whether their answer is right; they must only be refused cleanly, or run."""
    for _, data in RIG.mutations(expected.artifact.payload, 12, seed=3):
        target = expected.path.with_name(f"bad{expected.path.suffix}")
        target.write_bytes(data)
        try:
            edgemm.load(target).close()
        except ArtifactError as error:
            check_refusal(error, target)


def forge(format_: Format, payload: bytes, **parts: Any) -> bytes:
    return b"".join(CONTAINERS[format_].join(Contents(payload, **parts)))


def test_forged_cards_are_refused(expected: Expected) -> None:
    artifact = expected.artifact
    files = [(name, forge(artifact.format, artifact.payload, card=card)) for name, card in RIG.forged_cards()]
    assert set(outcomes(expected, files).values()) == {"refused"}


def test_forged_goldens_are_refused(expected: Expected) -> None:
    artifact = expected.artifact
    assert artifact.card is not None
    card = artifact.card.to_json().encode()
    files = [
        (name, forge(artifact.format, artifact.payload, card=card, goldens=goldens))
        for name, goldens in RIG.forged_goldens()
    ]
    assert set(outcomes(expected, files).values()) == {"refused"}


def test_forged_containers_are_refused(expected: Expected) -> None:
    artifact = expected.artifact
    forged = RIG.forged_tails if artifact.format == "tflite" else RIG.forged_records
    assert set(outcomes(expected, forged(artifact.payload)).values()) == {"refused"}
