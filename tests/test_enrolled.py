"""Who is enrolled: means, verifying, identifying, and the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemm import Enrolled
from edgemm.errors import InputError
from edgemm.results import Embedding

pytestmark = pytest.mark.device


def vector(*numbers: float) -> Embedding:
    return Embedding(np.array(numbers, np.float32))


@pytest.fixture
def voices() -> Enrolled:
    made = Enrolled(0.75, "abc")
    made.enrol("anna", [vector(4, 0, 0), vector(0, 0.5, 0)])  # each counts alike, whatever its length
    made.enrol("ben", [vector(0, 0, 2)])
    return made


def test_the_nearest_is_named_and_detected_where_it_is_near(voices: Enrolled) -> None:
    found = voices.identify(vector(1, 1, 0))
    assert (found.label, found.detected) == ("anna", True)
    assert found.score == pytest.approx(1.0)
    found = voices.identify(vector(1, 0, 1))
    assert (found.label, found.detected) == ("ben", False)
    assert found.score == pytest.approx(np.sqrt(0.5))


def test_an_embedding_of_nothing_is_like_nobody(voices: Enrolled) -> None:
    found = voices.identify(vector(0, 0, 0))
    assert (found.score, found.detected) == (0.0, False)
    with pytest.raises(InputError, match="finite"):
        voices.identify(vector(0, np.nan, 0))


def test_one_name_is_verified(voices: Enrolled) -> None:
    assert voices.verify("ben", vector(0, 0.1, 1)).detected
    found = voices.verify("anna", vector(0, 0.1, 1))
    assert (found.label, found.detected) == ("anna", False)


def test_enrolling_again_replaces_even_by_another_model_where_it_is_alone() -> None:
    voices = Enrolled(0.5)
    voices.enrol("anna", [vector(1, 0)])
    voices.enrol("anna", [vector(0, 1, 0)])
    assert voices.identify(vector(0, 1, 0)).score == pytest.approx(1.0)
    voices.remove("anna")
    assert len(voices) == 0
    with pytest.raises(InputError, match="found nobody"):
        voices.identify(vector(1, 0))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.json: cannot be read \(No such file"):
        Enrolled.load(tmp_path / "gone.json")


def test_the_file_gives_the_same_answers(voices: Enrolled, tmp_path: Path) -> None:
    path = tmp_path / "voices.json"
    voices.save(path)
    again = Enrolled.load(path)
    assert (again.names, again.threshold, again.model) == (("anna", "ben"), 0.75, "abc")
    probe = vector(0.3, -0.2, 0.9)
    for name in again.names:
        assert again.verify(name, probe).score == pytest.approx(voices.verify(name, probe).score, abs=1e-6)
    again.save(tmp_path / "again.json")
    assert json.loads(path.read_bytes()) == json.loads((tmp_path / "again.json").read_bytes())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "edgemm.card/1"}, "schema"),
        ({"threshold": 2}, "-1 to 1"),
        ({"enrolled": []}, "an object under"),
        ({"enrolled": {"a": {"vector": [1, 2], "of": 0}}}, "count of 1 or more"),
        ({"enrolled": {"a": {"vector": ["x"], "of": 1}}}, "could not convert"),
        ({"enrolled": {"a": {"vector": [0, 0], "of": 1}}}, "not all of them 0"),
        (
            {"enrolled": {"a": {"vector": [1], "of": 1}, "b": {"vector": [1, 2], "of": 1}}},
            "numbers as those that are enrolled",
        ),
        ({"enrolled": {"a\u202eb": {"vector": [1], "of": 1}}}, "can be printed"),
        ({"enrolled": {"a": {}}}, "'of'"),
    ],
)
def test_another_file_is_refused(voices: Enrolled, tmp_path: Path, change: Any, words: str) -> None:
    path = tmp_path / "voices.json"
    voices.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=f"voices.json: expected a file that Enrolled.save wrote: .*{words}"):
        Enrolled.load(path)


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "voices.json").write_bytes(b"\x00{")
    with pytest.raises(InputError, match=r"Enrolled\.save"):
        Enrolled.load(tmp_path / "voices.json")


@pytest.mark.parametrize(
    ("name", "embeddings", "words"),
    [
        ("", [vector(1, 0, 0)], "name: expected 1 to 200 characters"),
        ("a\nb", [vector(1, 0, 0)], "can be printed"),
        ("carl", [], "at least one embedding"),
        ("carl", [vector(1, 0)], "expected 3 numbers as those that are enrolled, found 2"),
        ("carl", [vector(1, 0, 0), vector(1, 0)], "found 2"),
        ("carl", [vector(np.inf, 0, 0)], "finite"),
        ("carl", [vector(1, 0, 0), vector(-1, 0, 0)], "cancel each other out"),
        ("carl", [np.ones(3)], "expected an Embedding"),
    ],
)
def test_who_cannot_be_enrolled(voices: Enrolled, name: str, embeddings: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        voices.enrol(name, embeddings)
    assert voices.names == ("anna", "ben")


def test_an_unknown_name_says_the_near_one(voices: Enrolled) -> None:
    with pytest.raises(InputError, match=r"anna, ben.*found 'ana'.*Did you mean 'anna'"):
        voices.verify("ana", vector(1, 0, 0))


def test_the_embeddings_of_another_model_are_refused(voices: Enrolled) -> None:
    voices.require_model("abc")
    voices.require_model("")
    with pytest.raises(InputError, match="expected the model abc that made these embeddings, found def"):
        voices.require_model("def")
