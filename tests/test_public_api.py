"""The names that users build on, and what importing them costs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import edgemm
from edgemm import errors

pytestmark = pytest.mark.device

SEAMS = {
    "Frame": ["pixels", "captured_ns", "sequence", "color", "origin", "film_ns"],
    "AudioBlock": [
        "samples",
        "sample_rate",
        "captured_ns",
        "position",
        "gap_samples",
        "origin",
        "gap_reason",
    ],
    "Item": ["value", "frame", "sequence", "captured_ns", "age_ms", "late", "stages_ms"],
    "Budget": ["max_age_ms", "policy", "on_late"],
    "Classification": ["labels", "scores", "class_ids"],
    "Keyword": ["label", "score", "start_s", "end_s", "detected"],
    "Detections": ["boxes_xyxy", "scores", "class_ids", "labels", "points_xy"],
    "Segmentation": ["classes", "labels"],
    "Landmarks": ["points_xy", "scores", "score", "names", "skeleton", "depths"],
    "TextLines": ["lines", "scores", "quads_xy", "rows"],
    "Transcript": ["text", "start_s", "end_s", "words", "final"],
    "Word": ["text", "begin_s", "end_s", "confidence"],
    "Written": ["text", "score", "alternatives", "ended", "cut", "final"],
    "Alternative": ["text", "score"],
    "Tag": ["label", "begin_s", "end_s", "score"],
    "Tags": ["labels", "scores", "begin_s", "end_s", "begun", "ended"],
    "Segment": ["begin_s", "end_s", "score"],
    "Segments": ["segments", "final"],
    "Audio": ["samples", "sample_rate"],
    "Picture": ["pixels"],
    "Embedding": ["vector"],
    "Identity": ["label", "score", "detected"],
    "Scene": ["things", "detected", "lost", "left_out"],
    "Thing": ["quad_xy", "box_xyxy", "score", "label", "track", "results", "things"],
    "Crop": [
        "by",
        "of",
        "turn",
        "toward",
        "turned",
        "shift",
        "square",
        "margin",
        "at_most",
        "min_score",
        "classes",
    ],
    "Track": ["next", "every_s", "lost_below", "overlap", "gap_s", "smooth"],
    "Smooth": ["min_cutoff_hz", "beta", "derivate_cutoff_hz", "relative"],
    "Tensors": ["values"],
}


@pytest.mark.parametrize("name", SEAMS)
def test_a_value_has_these_fields_in_this_order(name: str) -> None:
    kind = getattr(edgemm, name)
    assert is_dataclass(kind)
    assert [field.name for field in fields(kind)][: len(SEAMS[name])] == SEAMS[name]


@pytest.mark.parametrize("name", SEAMS)
def test_a_value_is_frozen_and_slotted(name: str) -> None:
    kind: Any = getattr(edgemm, name)
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)


EXIT_CODES = {
    "EdgemmError": 1,
    "InputError": 2,
    "FidelityMissed": 3,
    "TrainingError": 3,
    "LatencyMissed": 4,
    "DelegateMissing": 5,
    "DelegateFailed": 5,
    "DamagedArtifact": 6,
    "CardError": 6,
    "UnsupportedVersion": 6,
    "SourceNotFound": 7,
    "UnknownSource": 2,
    "SourceLost": 7,
    "SourceTimeout": 7,
    "MissingDependency": 8,
    "UnsupportedOperator": 9,
    "CalibrationError": 2,
}


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_an_error_has_its_exit_code(name: str, code: int) -> None:
    assert getattr(edgemm, name).exit_code == code


def test_every_error_is_in_one_tree_and_reachable() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, Exception) and not issubclass(kind, Warning)
    ]
    assert all(issubclass(kind, edgemm.EdgemmError) for kind in kinds)
    assert {kind.__name__ for kind in kinds} <= set(edgemm.__all__)


def test_an_input_error_is_a_value_error() -> None:
    assert issubclass(edgemm.InputError, ValueError)


def test_a_missing_package_names_its_install_command() -> None:
    error = errors.MissingDependency("OpenCV", "vision")
    assert error.install_command == 'pip install "edgemm[vision]"'
    assert error.install_command in str(error)


@pytest.mark.parametrize("name", edgemm.__all__)
def test_every_public_name_resolves_and_says_what_it_is(name: str) -> None:
    value = getattr(edgemm, name)
    assert name == "__version__" or inspect.getdoc(value)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        getattr(edgemm, "no_such_thing")  # noqa: B009


HEAVY = (
    "cv2",
    "onnxruntime",
    "ai_edge_litert",
    "torch",
    "onnx",
    "sounddevice",
    "soxr",
    "asyncio",
    "edgemm.converters",
)


def test_importing_edgemm_loads_nothing_heavy() -> None:
    code = "import sys, edgemm; print(*[name for name in sys.argv[1:] if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("field", ["max_age_ms"])
def test_a_budget_below_zero_is_refused(field: str) -> None:
    with pytest.raises(edgemm.InputError, match=field):
        edgemm.Budget(**{field: -1.0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"max_age_ms": "33"}, "max_age_ms: expected a number of milliseconds, above 0; found '33'"),
        ({"max_age_ms": True}, "found True"),
        ({"max_age_ms": float("nan")}, "found nan"),
        ({"max_age_ms": 0}, "found 0"),
        ({"on_late": "drp"}, "on_late: expected one of deliver, drop; found 'drp'. Did you mean 'drop'?"),
        (
            {"policy": "newst"},
            "policy: expected one of auto, newest, all; found 'newst'. Did you mean 'newest'?",
        ),
        ({"policy": None}, "found None"),
        ({"on_late": "drop"}, 'on_late "drop": expected max_age_ms (--max-age MS) beside it'),
    ],
)
def test_a_budget_refuses_what_it_would_not_understand(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(edgemm.InputError) as error:
        edgemm.Budget(**wrong)
    assert said in str(error.value)


@pytest.mark.parametrize("threads", ["2", 0, 1.5, True])
def test_threads_are_a_whole_number(threads: Any) -> None:
    model = Path(__file__).parent / "assets" / "total.onnx"
    for refused in (lambda: edgemm.Runner(threads=threads), lambda: edgemm.load(model, threads=threads)):
        with pytest.raises(edgemm.InputError, match="threads: expected a whole number, 1 or more; found "):
            refused()


def test_a_pace_that_is_misspelt_is_refused() -> None:
    with pytest.raises(edgemm.InputError, match=r"found 'liv'\. Did you mean 'live'"):
        edgemm.open_source("x", pace="liv")  # type: ignore[arg-type]


METHODS = {
    ("edgemm.capture.source", "Source"): {"uri", "modality", "live", "read", "close", "__enter__", "__exit__"},
    ("edgemm.backends.backend", "Backend"): {
        "name", "version", "delegates", "coverage", "inputs", "outputs", "input_buffer", "run", "output_buffer",
        "close",
    },
    ("edgemm.session", "Session"): {"feed", "gap", "finish", "cancel", "reset", "close"},
    ("edgemm.stream.stream", "Stream"): {
        "ledger", "stop", "cancel", "close", "__iter__", "__next__", "__aiter__", "__enter__", "__exit__",
    },
    ("edgemm.stream.ledger", "Ledger"): {"summary"},
    ("edgemm.stream.runner", "Runner"): {"add", "summary", "stop", "close", "__iter__", "__enter__", "__exit__"},
    ("edgemm.model.model", "Model"): {
        "card", "artifact", "backend", "coverage", "delegates", "inputs", "outputs", "run", "session", "stream",
        "replay_goldens", "close", "__call__", "__enter__", "__exit__",
    },
}  # fmt: skip


@pytest.mark.parametrize("where", METHODS, ids=lambda where: where[1])
def test_a_seam_has_these_names(where: tuple[str, str]) -> None:
    kind = getattr(import_module(where[0]), where[1])
    # A slotted attribute that is set in __init__ shows up in neither: look at the source for those.
    found = {*dir(kind), *getattr(kind, "__annotations__", {})}
    missing = {name for name in METHODS[where] - found if f"self.{name}" not in inspect.getsource(kind)}
    assert missing == set()


CARD_FIELDS = [
    "name", "version", "licence", "min_edgemm", "payload_sha256", "task", "family", "inputs", "outputs", "labels",
    "recipe", "states", "history", "quantization", "fidelity", "judgement", "source_sha256", "extra", "files",
]  # fmt: skip


def test_the_card_has_these_fields_in_this_order() -> None:
    assert [field.name for field in fields(edgemm.ModelCard)] == CARD_FIELDS
