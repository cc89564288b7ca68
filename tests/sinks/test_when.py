"""Which results are recorded."""

from __future__ import annotations

from typing import Any

import pytest

from edgemm.errors import InputError
from edgemm.sinks.when import Filter, When

pytestmark = pytest.mark.device


def classes(label: str, score: float) -> dict[str, Any]:
    return {"labels": [label, "other"], "scores": [score, 1 - score], "class_ids": [0, 1]}


def word(label: str, score: float, *, detected: bool = True) -> dict[str, Any]:
    return {"label": label, "score": score, "start_s": 0.0, "end_s": 1.0, "detected": detected}


def boxes(*found: tuple[str, float]) -> dict[str, Any]:
    return {
        "boxes_xyxy": [[0, 0, 1, 1]] * len(found),
        "scores": [score for _, score in found],
        "class_ids": [0] * len(found),
        "labels": [label for label, _ in found],
    }


def tags(*labels: str) -> dict[str, Any]:
    return {"labels": list(labels), "scores": [0.9] * len(labels), "begun": [], "ended": []}


@pytest.mark.parametrize(
    ("when", "result", "passes"),
    [
        (When(), {"text": "x"}, True),
        (When("cat"), classes("cat", 0.4), True),
        (When("other"), classes("cat", 0.6), False),  # the best class alone
        (When("cat", 0.5), classes("cat", 0.4), False),
        (When("cat", 0.4), classes("cat", 0.4), True),
        (When(min_score=0.5), classes("cat", 0.6), True),
        (When("yes"), word("yes", 0.9), True),
        (When("yes"), word("yes", 0.9, detected=False), False),
        (When(min_score=0.1), word("yes", 0.9, detected=False), False),
        (When("cat"), boxes(("dog", 0.9), ("cat", 0.2)), True),
        (When("cat", 0.5), boxes(("dog", 0.9), ("cat", 0.2)), False),
        (When(min_score=0.5), boxes(), False),
        (When("rain"), tags("bark", "rain"), True),
        (When("snow"), tags("bark", "rain"), False),
        (When("speech", 0.5), {"segments": [{"begin_s": 0, "end_s": 1, "score": 0.6}], "final": True}, True),
        (When("speech", 0.7), {"segments": [{"begin_s": 0, "end_s": 1, "score": 0.6}], "final": True}, False),
        (When("speech"), {"segments": [], "final": True}, False),
        (When(min_score=0.5), {"text": "x"}, False),  # has no score
        (When(("a", "cat")), classes("cat", 0.4), True),
        (When("cat"), classes("cat", float("nan")), True),
        (When(min_score=0.0), classes("cat", float("nan")), False),
    ],
)
def test_by_label_and_score(when: When, result: dict[str, Any], passes: bool) -> None:
    assert Filter(when).passes(result) is passes


def passed(when: When, *results: dict[str, Any]) -> list[int]:
    chosen = Filter(when)
    return [number for number, result in enumerate(results) if chosen.passes(result)]


def test_when_the_answer_changed() -> None:
    cat, dog = classes("cat", 0.9), classes("dog", 0.9)
    assert passed(When(changed=True), cat, classes("cat", 0.7), dog, dog, cat) == [0, 2, 4]


def test_a_word_again_after_silence_is_a_change() -> None:
    yes, silence = word("yes", 0.9), word("yes", 0.1, detected=False)
    assert passed(When(changed=True), silence, yes, yes, silence, silence, yes) == [0, 1, 3, 5]
    assert passed(When("yes", changed=True), silence, yes, yes, silence, silence, yes) == [1, 5]


def test_other_boxes_of_the_same_classes_are_no_change() -> None:
    assert passed(When(changed=True), boxes(("cat", 0.9)), boxes(("cat", 0.8), ("cat", 0.7)), boxes()) == [
        0,
        2,
    ]


def test_a_result_without_labels_changes_with_its_content() -> None:
    assert passed(When(changed=True), {"text": "a"}, {"text": "a", "end_s": 3}, {"text": "b"}) == [0, 2]


def test_at_most_every_so_many_seconds() -> None:
    now_s = [0.0]
    chosen = Filter(When("cat", every_s=10), lambda: now_s[0])
    times = []
    for now_s[0] in (0.0, 5.0, 9.9, 10.0, 12.0, 25.0):
        if chosen.passes(classes("cat", 0.9)):
            times.append(now_s[0])
    assert times == [0.0, 10.0, 25.0]


def test_what_is_not_wanted_takes_no_turn() -> None:
    now_s = [0.0]
    chosen = Filter(When("cat", every_s=10), lambda: now_s[0])
    assert not chosen.passes(classes("dog", 0.9))
    assert chosen.passes(classes("cat", 0.9))


@pytest.mark.parametrize(
    "wrong", [{"min_score": -0.1}, {"min_score": 1.1}, {"every_s": 0}, {"every_s": float("nan")}]
)
def test_what_is_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        When(**wrong)


def test_a_label_that_no_model_gives_is_refused_with_the_nearest() -> None:
    When("3").require_labels((), "when")  # a card that names none
    When("cat").require_labels(("cat", "dog"), "when")
    with pytest.raises(
        InputError, match=r"streams.a.when.label: 'cta' is no label .*cat, dog[.] Did you mean 'cat'"
    ):
        When(("dog", "cta")).require_labels(("cat", "dog"), "streams.a.when")
