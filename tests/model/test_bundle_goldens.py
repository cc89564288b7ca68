"""Goldens of a bundle: their inputs, and how a result is compared."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from level_bundle import (
    RATE,
    LevelDriver,
    LevelSession,
    level,
    level_driver,
    level_folder,
    read_card,
    sound,
    stored,
    write_card,
    write_wav,
)

import edgemm
from edgemm.errors import CardError, DamagedArtifact
from edgemm.media import AudioBlock, Captured, Frame, Text
from edgemm.model.bundle_goldens import difference, make_golden
from edgemm.results import Audio, Transcript

__all__ = ["level_driver", "level_folder"]
NAN = math.nan


@pytest.mark.parametrize(
    ("found", "expected", "apart"),
    [
        (1.5, 1, 0.5),
        (1, 1.5, 0.5),
        (NAN, 1.0, math.inf),
        ("a", "a", 0.0),
        ("a", "b", math.inf),
        (True, True, 0.0),
        (True, 1, math.inf),
        (0, False, math.inf),
        (None, None, 0.0),
        (None, 0, math.inf),
        ("1", 1, math.inf),
        ([1, 2.5], [1, 2], 0.5),
        ([1, 2], [1], math.inf),
        ([1], [1, 2], math.inf),
        ([], [], 0.0),
        ([1, NAN, 3], [1, 2, 3], math.inf),
        ({"a": 1, "b": 2}, {"a": 1.25}, 0.25),
        ({"a": 1}, {"a": 1, "b": 2}, math.inf),
        ({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]}, math.inf),
        ([1], {"a": 1}, math.inf),
    ],
)
def test_how_far_two_results_are_apart(found: Any, expected: Any, apart: float) -> None:
    assert difference(found, expected) == apart


def with_golden(folder: Path, golden: dict[str, Any], **assets: str) -> Path:
    content = read_card(folder)
    content["goldens"] = [golden]
    content["assets"] |= {name: {"file": file} for name, file in assets.items()}
    write_card(folder, content)
    return folder


def replayed(folder: Path) -> list[tuple[str, bool]]:
    with edgemm.load_bundle(folder) as bundle:
        return [(each.output, each.ok) for each in bundle.replay_goldens()]


def answer(session: LevelSession, samples: Any) -> float:
    """The networks' own answer, for an item that was made into samples."""
    block = AudioBlock(np.asarray(samples, np.float32), RATE, 0, 0)
    return float(LevelSession.whole(session, block).values["level"][0])


def test_a_text_is_an_input(level_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Spells(LevelSession):
        def whole(self, item: Captured) -> Any:
            assert isinstance(item, Text)
            return Transcript(f"{answer(self, [ord(each) for each in item.text]):.0f}", 0.0, 1.0)

    monkeypatch.setattr(LevelDriver, "modality", "text")
    monkeypatch.setattr("level_bundle.LevelSession", Spells)
    said = f"{level(np.array([ord(each) for each in 'word']))[-1]:.0f}"
    golden = {"text": "word", "expected": {"text": said, "end_s": 1.25}, "tolerance": 0.25}
    with_golden(level_folder, golden)
    assert replayed(level_folder) == [("golden 1: text", True), ("golden 1: end_s", True)]
    with_golden(level_folder, {**golden, "text": "werd"})
    assert replayed(level_folder) == [("golden 1: text", False), ("golden 1: end_s", True)]
    with_golden(level_folder, {"asset": "said", "expected": {"text": said}})
    with pytest.raises(CardError, match="the bundle takes text, found the asset 'said'"):
        replayed(level_folder)


def test_a_picture_is_an_input(level_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2 = pytest.importorskip("cv2")

    class Sees(LevelSession):
        def whole(self, item: Captured) -> Any:
            assert isinstance(item, Frame)
            return Transcript(f"{answer(self, item.pixels.reshape(-1)):.0f}", 0.0, 0.0)

    monkeypatch.setattr(LevelDriver, "modality", "image")
    monkeypatch.setattr("level_bundle.LevelSession", Sees)
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    cv2.imwrite(str(level_folder / "seen.png"), pixels)
    said = f"{level(pixels.reshape(-1))[-1]:.0f}"
    with_golden(level_folder, {"asset": "seen", "expected": {"text": said}}, seen="seen.png")
    assert replayed(level_folder) == [("golden 1: text", True)]


def test_a_sound_is_compared_with_a_recording(level_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Speaks(LevelSession):
        def whole(self, item: Captured) -> Any:
            assert isinstance(item, AudioBlock)
            return Audio(item.samples * np.float32(0.5), RATE)

    monkeypatch.setattr("level_bundle.LevelSession", Speaks)
    write_wav(level_folder / "half.wav", (stored(sound(20)) * 0.5).astype(np.float32))
    golden = {
        "asset": "said",
        "expected": {"samples": {"asset": "half"}, "sample_rate": RATE},
        "tolerance": 2 / 32768,  # of 16 bits
    }
    with_golden(level_folder, golden, half="half.wav")
    assert replayed(level_folder) == [("golden 1: samples", True), ("golden 1: sample_rate", True)]
    with_golden(level_folder, golden, half="said.wav")
    assert replayed(level_folder)[0] == ("golden 1: samples", False)
    with_golden(level_folder, {**golden, "expected": {"samples": {"asset": "halve"}}})
    with pytest.raises(
        CardError, match=r"goldens\[0\].expected.samples: .*found 'halve'. Did you mean 'half'"
    ):
        replayed(level_folder)


def test_an_input_that_changed_is_refused(level_folder: Path) -> None:
    with edgemm.load_bundle(level_folder) as bundle:
        sealed = bundle.card.with_hashes(bundle.bundle.hashes()).to_json()
    (level_folder / "bundle.json").write_text(sealed)
    write_wav(level_folder / "said.wav", sound(24))
    with pytest.raises(DamagedArtifact, match=r"said.wav: altered"):
        replayed(level_folder)


def test_what_is_spoken_now_is_a_golden(level_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Speaks(LevelSession):
        def whole(self, item: Captured) -> Any:
            assert isinstance(item, Text)
            wave = np.array([ord(each) / 128 for each in item.text], np.float32)
            return Audio(wave * np.float32(answer(self, wave) / 100), RATE)

    monkeypatch.setattr(LevelDriver, "modality", "text")
    monkeypatch.setattr("level_bundle.LevelSession", Speaks)
    content = read_card(level_folder) | {"goldens": []}
    write_card(level_folder, content)
    with edgemm.load_bundle(level_folder) as bundle:
        card, files = make_golden(bundle, bundle.card, "speak", 0.0)
    assert list(files) == ["goldens/golden1.answer.wav"]
    assert card.goldens[0].text == "speak"
    expected = {"samples": {"asset": "golden1.answer"}, "sample_rate": RATE, "final": True}
    assert card.goldens[0].expected == expected
    (level_folder / "goldens").mkdir()
    (level_folder / "goldens" / "golden1.answer.wav").write_bytes(files["goldens/golden1.answer.wav"])
    (level_folder / "bundle.json").write_text(card.to_json())
    assert replayed(level_folder) == [
        ("golden 1: samples", True), ("golden 1: sample_rate", True), ("golden 1: final", True),
    ]  # fmt: skip
    (level_folder / "bundle.json").write_text(card.to_json().replace("speak", "squeak"))
    assert replayed(level_folder)[0] == ("golden 1: samples", False)
