"""A bundle against its source, where what was changed in it is known."""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_translator import BEGIN, Translator, write_translator

import edgemm
from edgemm.converters.bundles.together import ForcedFidelity, Free, Together, judge
from edgemm.converters.fidelity import Gate
from edgemm.judge.items import Item
from edgemm.results import Audio, Written

NETWORK = Translator()
TEXTS = ("abc", "h", "bdfh", "cagehb", "dd", "gfedcbah")


def swapped(a: int, b: int) -> Translator:
    """Its decoder takes one word for the other."""
    order = np.arange(NETWORK.weights["out"].shape[1])
    order[[a, b]] = b, a
    return NETWORK.changed(out=NETWORK.weights["out"][:, order])


def judged(tmp_path: Path, other: Translator, truths: bool = False) -> Together:
    paths = []
    for name, network in (("source", NETWORK), ("made", other)):
        (tmp_path / name).mkdir()
        paths.append(write_translator(tmp_path / name / "x.zip", network))
    items = [Item(text, NETWORK.text(text) if truths else None) for text in TEXTS]
    with edgemm.load_bundle(paths[0]) as source, edgemm.load_bundle(paths[1]) as made:
        return judge(source, made, items, Gate(), lambda done, total: None)


def common_words() -> list[int]:
    """The two that it writes most often."""
    return [
        each for each, _ in Counter(each for text in TEXTS for each in NETWORK.written(text)).most_common(2)
    ]


def of_source() -> list[Any]:
    """The scores of all steps that the source takes, by hand."""
    return [
        row for text in TEXTS for row in NETWORK.steps(text, [BEGIN, *NETWORK.written(text)][:6])[1]
    ]  # the last token is not fed


def test_the_same_bundle_keeps_all(tmp_path: Path) -> None:
    found = judged(tmp_path, NETWORK)
    assert found.forced == ForcedFidelity("decoder", "logits", len(of_source()), 200.0, 1.0)
    assert (found.same, found.missed) == (1.0, ())


def test_scores_that_are_a_tenth_larger(tmp_path: Path) -> None:
    """The error is a tenth of the signal: 20 dB."""
    found = judged(tmp_path, NETWORK.changed(out=NETWORK.weights["out"] * np.float32(1.1)))
    assert found.forced is not None
    assert found.forced.snr_db == pytest.approx(20.0, abs=1e-3)
    assert (found.forced.top1_agreement, found.same) == (1.0, 1.0)


def test_a_decoder_that_errs_is_led_along_the_source(tmp_path: Path) -> None:
    """What it writes by itself goes astray at the first wrong word; led, only the steps with these words differ."""
    a, b = common_words()
    found = judged(tmp_path, swapped(a, b))
    best = [int(row.argmax()) for row in of_source()]
    rightly = sum(each not in (a, b) for each in best) / len(best)
    assert 0 < rightly < 0.98
    assert found.forced is not None
    assert found.forced.top1_agreement == pytest.approx(rightly)
    assert found.same == sum(swapped(a, b).text(text) == NETWORK.text(text) for text in TEXTS) / len(TEXTS)
    (missed,) = found.missed
    assert f"the best class is the same in {rightly:.1%} of the source's {len(best)} steps" in missed


def test_the_truth_decides_where_it_is_known(tmp_path: Path) -> None:
    a, b = common_words()
    found = judged(tmp_path, swapped(a, b), truths=True)
    (task,) = found.task
    assert (task.measure, task.holds) == ("BLEU", False)
    assert task.in_float == pytest.approx(100.0)
    assert found.missed == (task.sentence,)
    assert found.to_json()["task"][0]["float"] == 100.0


def test_states_stay_the_bundles_own(tmp_path: Path) -> None:
    """A decoder that forgets: the source's scores lead it, its own memory is what is compared."""
    forgetful = NETWORK.changed(before=np.zeros_like(NETWORK.weights["before"]))
    found = judged(tmp_path, forgetful)
    expected, own = [], []
    for text in TEXTS:
        tokens = [BEGIN, *NETWORK.written(text)][:6]
        expected += NETWORK.steps(text, tokens)[1]
        own += forgetful.steps(text, tokens)[1]
    signal, noise = (np.square(each).sum() for each in (expected, np.subtract(own, expected)))
    assert found.forced is not None
    assert found.forced.snr_db == pytest.approx(10 * math.log10(signal / noise), abs=1e-3)


@pytest.mark.parametrize(
    ("steps", "share", "snr_db", "holds"),
    [(100, 0.98, 30.0, True), (100, 0.97, 30.0, False), (3, 2 / 3, 30.0, True), (100, 1.0, math.nan, False)],
)
def test_one_step_alone_proves_nothing(steps: int, share: float, snr_db: float, holds: bool) -> None:
    assert ForcedFidelity("decoder", "logits", steps, snr_db, share).holds(Gate()) is holds


def test_a_source_without_skill_is_judged_by_its_scores() -> None:
    for truth, informed in (("ka lo mi nu", True), ("zu zu zu zu", False)):
        free = Free("text_to_text", True)
        for _ in range(2):
            free.add(Written("ka lo mi nu", 1.0), Written("ka", 1.0), partial(str, truth))
        assert free.informed() is informed


def test_sound_is_compared_sample_by_sample() -> None:
    free = Free("audio", False)
    tone = np.sin(np.arange(100, dtype=np.float32))
    free.add(Audio(tone, 16000), Audio(tone * np.float32(1.01), 16000), lambda: None)
    assert free.snr_db() == pytest.approx(40.0, abs=1e-3)
    free.add(Audio(tone, 16000), Audio(tone[:50], 16000), lambda: None)
    assert free.snr_db() == pytest.approx(
        10
        * math.log10(2 * np.square(tone).sum() / (np.square(tone * 0.01).sum() + np.square(tone[50:]).sum())),
        abs=1e-3,
    )
