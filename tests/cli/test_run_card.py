"""`edgemm run` with a card from elsewhere, for a file that carries none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgemm import data
from edgemm.card import AudioRecipe, InputCard, ModelCard, OutputCard
from edgemm.cli import main
from edgemm.tasks.keyword import KeywordRecipe

LOUD = Path(__file__).parents[1] / "assets" / "loud.tflite"
WORD = next(iter(sorted(data.path("spoken_digits").rglob("*.wav"))))
RUN = ["run", str(LOUD), "--source", str(WORD), "--limit", "3", "--json"]


@pytest.fixture
def card(tmp_path: Path) -> Path:
    recipe = AudioRecipe(sample_rate=8000, feature="waveform", samples=80, hop=40, stride=40)
    written = ModelCard(
        task="keyword",
        inputs=(InputCard("sound", "audio", audio=recipe),),
        outputs=(OutputCard("logits", decode="logits"),),
        labels=("loud", "quiet"),
        recipe=KeywordRecipe(background=("quiet",)),
    )
    (tmp_path / "loud.card.json").write_text(written.to_json(), encoding="utf-8")
    return tmp_path / "loud.card.json"


def test_a_card_in_a_file(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--card", str(card)]) == 0
    *results, _ = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["result"]["label"] for line in results] == ["quiet"] * 3


def test_without_a_card_the_file_takes_no_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(RUN) == 6
    assert "expected a card that says how" in capsys.readouterr().err


def test_an_unknown_preset_lists_those_that_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--preset", "nothing"]) == 2
    assert "expected one of imagenet" in capsys.readouterr().err


def test_a_card_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--card", "/no/such/card.json"]) == 2
    assert "expected a JSON file or a preset" in capsys.readouterr().err


def test_late_results_are_dropped_only_where_some_can_be_late(
    card: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUN, "--card", str(card), "--on-late", "drop"]) == 2
    assert 'on_late "drop": expected max_age_ms (--max-age MS) beside it' in capsys.readouterr().err
    assert main([*RUN, "--card", str(card), "--on-late", "drop", "--max-age", "1000"]) == 0


@pytest.mark.parametrize("place", ["out.wav", "speaker:", "Speaker:2?volume=0.5"])
def test_sound_of_a_model_that_makes_none_is_refused_before_anything_runs(
    card: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    place = str(tmp_path / place) if place.endswith(".wav") else place
    assert main([*RUN, "--card", str(card), "--save", place]) == 2
    told = capsys.readouterr()
    assert (
        f"--save {place}: expected a model whose results are sound, found {LOUD}, a model for keyword"
        in told.err
    )
    assert "edgemm.run/1" not in told.out
    assert not (tmp_path / "out.wav").exists()
