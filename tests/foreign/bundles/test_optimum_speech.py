"""Folders that optimum exports Whisper and Moonshine to: seeded networks of the true names, against torch without a
cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package
from optimum_folders import END, WORDS, Networks, networks, speech_encoder, speech_folder

import edgemm
from edgemm.errors import CardError
from edgemm.foreign.bundles import foreign_bundle
from edgemm.results import Transcript
from edgemm.session import Cancellation
from edgemm.tasks.attention.sound import WindowOfFrames
from edgemm.tasks.attention.writing import Writer

pytestmark = pytest.mark.slow
RATE = 16000
START, ENGLISH, GERMAN, TASK, SILENT = 3, 4, 5, 6, 7
WHISPER = {
    "lang_to_id": {"<|en|>": ENGLISH, "<|de|>": GERMAN}, "task_to_id": {"transcribe": TASK, "translate": 8},
    "no_timestamps_token_id": SILENT, "begin_suppress_tokens": [9, END], "suppress_tokens": [10], "num_mel_bins": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Networks:
    package("torch")
    return networks(seed=6)


def sound(seed: int) -> npt.NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    tones = [np.sin(np.arange(800) * draw.uniform(0.02, 1.5)) * draw.uniform(0.1, 0.9) for _ in range(30)]
    return np.concatenate(tones).astype(np.float32)


def greedy(
    made: Networks, memory: Any, prompt: list[int], never: list[int], first: list[int], most: int
) -> list[int]:
    import torch

    mask = torch.ones(memory.shape[:2], dtype=torch.int64)
    written = list(prompt)
    with torch.no_grad():
        while len(written) < len(prompt) + most and (len(written) == len(prompt) or written[-1] != END):
            scores = made.whole(torch.tensor([written]), memory, mask)[0, -1]
            scores[never + (first if len(written) == len(prompt) else [])] = -torch.inf
            written.append(int(scores.argmax()))
    return [each for each in written[len(prompt) :] if each != END]


def written(folder: Path, samples: npt.NDArray[np.float32], **options: Any) -> tuple[list[int], Any]:
    with edgemm.load_bundle(folder, **options) as bundle:
        assert isinstance(bundle(samples, sample_rate=RATE), Transcript)
        recipe = bundle.card.recipe
        parts = bundle.part("encoder"), bundle.part("decoder")
        found = Writer(recipe, *parts, len(WORDS), Cancellation()).write(samples)
        for part in parts:
            part.close()
    assert found is not None
    return [each for each in found.tokens if each != END], recipe


@pytest.mark.parametrize(("language", "token"), [("", ENGLISH), ("de", GERMAN)])
def test_whisper_writes_with_its_cache_what_torch_writes_without(
    tmp_path: Path, made: Networks, language: str, token: int
) -> None:
    import torch

    encoder = speech_encoder("whisper")
    speech_folder(tmp_path, made, encoder, "whisper", **WHISPER)
    samples = sound(1)
    found, recipe = written(tmp_path, samples, **({"language": language} if language else {}))
    assert recipe.prompt == (START, ENGLISH, TASK, SILENT)
    assert (recipe.audio.n_mels, recipe.spelling, recipe.written_below) == (8, "bytes", END)
    with torch.no_grad():
        memory = encoder(torch.from_numpy(WindowOfFrames(recipe.audio)(samples).T[None]))
    expected = greedy(made, memory, [START, token, TASK, SILENT], [10], [9, END], 6)
    assert found == expected
    assert found


def test_moonshine_writes_with_its_cache_what_torch_writes_without(tmp_path: Path, made: Networks) -> None:
    import torch

    encoder = speech_encoder("moonshine")
    speech_folder(tmp_path, made, encoder, "moonshine", max_position_embeddings=40)
    answers = []
    for seed in (1, 2, 3):
        samples = sound(seed)
        found, recipe = written(tmp_path, samples)
        assert (recipe.encoder_mask, recipe.decoder_mask, recipe.longest_text) == ("attention_mask", "", 40)
        given = torch.from_numpy(samples)[None]
        with torch.no_grad():
            memory = encoder(given, torch.ones_like(given, dtype=torch.int64))
        expected = greedy(made, memory, [START], [], [], 8)
        runs = [at for at in range(4, len(expected)) if len(set(expected[at - 4 : at + 1])) == 1]
        told = runs[0] if runs else len(expected)  # four times in a row is as often as it may be
        assert found[:told] == expected[:told]
        assert told > 2
        answers.append(tuple(found))
    assert len(set(answers)) > 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eos_token_id": None}, "eos_token_id: expected the id of a token, found none"),
        ({"lang_to_id": [1]}, "lang_to_id: expected ids by name, found"),
        ({"forced_decoder_ids": [[1]]}, "forced_decoder_ids: expected pairs, found"),
        ({"model_type": "speecht5"}, "model_type 'speecht5' takes sound in a way that is not known here"),
        (
            {"model_type": "moonshine"},
            "expected the input input_values and the output last_hidden_state, found input_f",
        ),
    ],
)
def test_settings_that_hear_nothing_are_refused(
    tmp_path: Path, made: Networks, changes: dict[str, Any], message: str
) -> None:
    speech_folder(tmp_path, made, speech_encoder("whisper"), "whisper", **WHISPER)
    said = json.loads((tmp_path / "config.json").read_text()) | changes
    (tmp_path / "config.json").write_text(json.dumps(said))
    with pytest.raises(CardError, match=message):
        foreign_bundle(tmp_path)


def test_the_forced_prompt_of_older_exports_is_taken(tmp_path: Path, made: Networks) -> None:
    forced = {"forced_decoder_ids": [[2, TASK], [1, GERMAN], [3, SILENT]]}
    speech_folder(tmp_path, made, speech_encoder("whisper"), "whisper", **(WHISPER | forced))
    card = foreign_bundle(tmp_path)
    assert card is not None
    assert card.recipe.prompt == (START, GERMAN, TASK, SILENT)
