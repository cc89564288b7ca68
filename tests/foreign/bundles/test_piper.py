"""Folders with Piper's voices: a network small enough to follow by hand, with the names and settings of real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

import edgemm
from edgemm.errors import CardError
from edgemm.foreign.bundles import foreign_bundle
from edgemm.results import Audio

package("onnx")
from small_voices import piper_network  # noqa: E402

IDS = {"_": [0], "^": [1], "$": [2], " ": [3], ".": [10], "a": [14], "b": [15], "ˈ": [120], "x": [20, 21]}


def settings(**changes: Any) -> dict[str, Any]:
    """As `en_US-name-medium.onnx.json` has them."""
    said: dict[str, Any] = {
        "audio": {"sample_rate": 16000, "quality": "medium"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.5, "length_scale": 1.2, "noise_w": 0.7},
        "phoneme_type": "text",
        "phoneme_map": {},
        "phoneme_id_map": IDS,
        "num_symbols": 256,
        "num_speakers": 3,
        "speaker_id_map": {"anna": 0, "bert": 1, "cleo": 2},
        "piper_version": "1.0.0",
    }
    return said | changes


def write(folder: Path, said: dict[str, Any], name: str = "en_US-name-medium.onnx") -> Path:
    (folder / name).write_bytes(piper_network())
    (folder / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def by_hand(*ids: int, speaker: int = 0) -> Any:
    """Each id is 12 samples (length_scale 1.2) of a hundredth of it, times the speaker."""
    return np.repeat(np.array(ids, np.float32) / 100 * (1 + speaker), 12).clip(-1, 1)


def test_a_voice_of_plain_characters_speaks(tmp_path: Path) -> None:
    with edgemm.load(write(tmp_path, settings())) as voice:
        sound: Any = voice("ab.")
        assert isinstance(sound, Audio)
        assert sound.sample_rate == 16000
        np.testing.assert_allclose(sound.samples, by_hand(1, 0, 14, 0, 15, 0, 10, 0, 2), atol=1e-6)
        recipe: Any = voice.card.recipe
    assert (recipe.noise, recipe.length, recipe.rhythm) == (0.5, 1.2, 0.7)


def test_the_speaker_is_an_option(tmp_path: Path) -> None:
    with edgemm.load(write(tmp_path, settings()), speaker=2) as voice:
        sound: Any = voice("a")
    np.testing.assert_allclose(sound.samples, by_hand(1, 0, 14, 0, 2, speaker=2), atol=1e-6)


def test_phonemes_come_from_the_program_that_the_settings_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "espeak-ng"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat > {tmp_path}/text\necho "ˈab"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    folder = tmp_path / "voice"
    folder.mkdir()
    with edgemm.load(write(folder, settings(phoneme_type="espeak", espeak={"voice": "de"}))) as voice:
        sound: Any = voice("Haus")
    np.testing.assert_allclose(sound.samples, by_hand(1, 0, 120, 0, 14, 0, 15, 0, 2), atol=1e-6)
    assert (tmp_path / "asked").read_text().split()[-1] == "de"
    assert (tmp_path / "text").read_text().strip() == "Haus"


def test_a_voice_in_a_folder_of_voices_is_refused(tmp_path: Path) -> None:
    write(tmp_path, settings())
    write(tmp_path, settings(), "de_DE-other-low.onnx")
    with pytest.raises(
        CardError, match=r"expected one .onnx.json file, found de_DE-other-low.onnx.json, en_US-name"
    ):
        edgemm.load(tmp_path)


def test_settings_without_their_network_are_refused(tmp_path: Path) -> None:
    (write(tmp_path, settings()) / "en_US-name-medium.onnx").unlink()
    with pytest.raises(
        CardError, match=r"expected en_US-name-medium.onnx beside en_US-name-medium.onnx.json, found"
    ):
        edgemm.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"num_speakers": 1},
            r"expected the inputs input, input_lengths, scales and one output, as .*found .*sid",
        ),
        ({"num_speakers": "3"}, "num_speakers: expected a number from 1 to 1.04858e"),
        ({"phoneme_type": "pinyin"}, 'phoneme_type: expected "espeak" or "text", found \'pinyin\''),
        ({"phoneme_type": "espeak", "espeak": {}}, "espeak.voice: expected the name of a voice"),
        (
            {"phoneme_type": "espeak", "espeak": {"voice": "-x; rm"}},
            "program_voice: expected a name such as en-us",
        ),
        ({"phoneme_id_map": {"_": [0], "^": [1]}}, r"phoneme_id_map: expected the ids of '\$'"),
        ({"phoneme_id_map": 3}, "with phoneme_id_map, found none"),
        (
            {"audio": {"sample_rate": 1}},
            "audio: sample_rate: expected a number from 4000 to 192000, found '1'",
        ),
        ({"inference": {"noise_w": 99}}, "inference: noise_w: expected a number from 0 to 2"),
    ],
)
def test_settings_that_make_no_voice_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CardError, match=message):
        foreign_bundle(write(tmp_path, settings(**changes)))
