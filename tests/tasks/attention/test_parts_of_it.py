"""Vocabularies, Whisper's log-mel by librosa and by torch, and tokens that stand for times."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from needs import package

from edgemm.card import AudioRecipe
from edgemm.card.presets import WHISPER_MEL
from edgemm.errors import CardError
from edgemm.tasks.attention.recipe import AttentionRecipe
from edgemm.tasks.attention.sound import WindowOfFrames
from edgemm.tasks.attention.timestamps import Piece, allow, pieces
from edgemm.tasks.attention.vocabulary import Vocabulary

pytestmark = pytest.mark.device


def text(content: bytes, tokens: tuple[int, ...], **recipe: Any) -> str:
    return Vocabulary(content, AttentionRecipe(**{"prompt": (1,), "end": 2, **recipe})).text(tokens)


PIECES = ("<unk>", "<s>", "</s>", "▁Hel", "lo", ",", "▁w", "<0xC3>", "<0xB6>", "rld")


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("lines", "\n".join(PIECES)),
        ("lines", "".join(f"{each} {at}\n" for at, each in enumerate(PIECES))),
        ("lines", "".join(f"{each} {at}\r\n" for at, each in reversed(list(enumerate(PIECES))))),
        ("base64", "".join(f"{base64.b64encode(each.encode()).decode()} {at}\n" for at, each in enumerate(PIECES))),
        ("json", json.dumps({"model": {"vocab": {each: at for at, each in enumerate(PIECES)}}})),
        ("json", json.dumps({"model": {"vocab": [[each, -1.0] for each in PIECES[:9]]},
                             "added_tokens": [{"id": 9, "content": "rld"}]})),
    ],
)  # fmt: skip
def test_every_form_of_a_vocabulary_writes_the_same(form: str, content: str) -> None:
    assert text(content.encode(), (3, 4, 5, 6, 7, 8, 9), vocabulary=form) == "Hello, wörld"


def test_lengths_of_one_and_of_two_bytes() -> None:
    long = "▁" + "x" * 300
    content = b"".join(
        (bytes([len(each)]) if len(each) < 128 else bytes([len(each) % 128 + 128, len(each) // 128])) + each
        for each in (b"<unk>", b"<s>", b"</s>", long.encode(), b"y")
    )
    assert text(content, (1, 3, 4, 2), vocabulary="lengths") == "x" * 300 + "y"
    with pytest.raises(CardError, match=r"expected 1 bytes of token 4, found 0"):
        text(content[:-1], (3,), vocabulary="lengths")


def test_bytes_as_the_tokenizers_library_writes_them() -> None:
    tokenizers = package("tokenizers")
    said = "Grüße, 東京 – naïve\n\x07!"
    encoded = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(said)
    tokens = ["<s>", "<t>", "</s>", *(part for part, _ in encoded)]
    content = json.dumps({"model": {"vocab": {each: at for at, each in enumerate(tokens)}}}).encode()
    made = Vocabulary(content, AttentionRecipe(vocabulary="json", spelling="bytes"))
    assert made.raw(range(3, len(tokens))) == said


def test_tokens_with_a_meaning_of_their_own_write_nothing() -> None:
    content = b"a\n<s>\n</s>\nb\n<|0.00|>"
    assert text(content, (1, 0, 4, 3, 2), written_below=4) == "ab"


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"model": 1}', b'{"model": {"vocab": {"a": 999999}}}', b"\xff"]
)
def test_a_broken_vocabulary_is_refused(content: bytes) -> None:
    with pytest.raises(CardError, match="tokens: expected"):
        text(content, (0,), vocabulary="json")


def speech(length: int) -> Any:
    at = np.arange(length) / 16000
    sound = np.sin(2 * np.pi * (200 + 300 * at) * at) * np.exp(-((at % 0.7) * 3)) * 0.3
    return (sound + np.random.default_rng(1).standard_normal(length) * 1e-3).astype(np.float32)


def whisper_by_torch(samples: Any, bands: int) -> Any:
    """The formula of openai-whisper's `log_mel_spectrogram`, of a window of 30 s."""
    torch, librosa = package("torch"), package("librosa")
    sound = torch.from_numpy(np.pad(samples[:480000], (0, max(0, 480000 - len(samples)))))
    spectrum = torch.stft(sound, 400, 160, window=torch.hann_window(400), return_complex=True)
    filters = torch.from_numpy(librosa.filters.mel(sr=16000, n_fft=400, n_mels=bands))
    log = torch.clamp(filters @ spectrum[..., :-1].abs() ** 2, min=1e-10).log10()
    return ((torch.maximum(log, log.max() - 8.0) + 4.0) / 4.0).numpy().T


@pytest.mark.parametrize(
    ("length", "bands"), [(16000, 80), (50001, 128), (479900, 80), (480000, 80), (500000, 80)]
)
def test_frames_are_those_that_whisper_was_trained_with(length: int, bands: int) -> None:
    samples = speech(length)
    found = WindowOfFrames(replace(WHISPER_MEL, n_mels=bands))(samples)
    assert found.shape == (3000, bands)
    assert np.abs(found - whisper_by_torch(samples, bands)).max() < 2e-3  # torch sums in float32
    assert np.abs(found - whisper_by_torch(samples, bands)).mean() < 2e-5


def test_a_window_without_padding_has_the_frames_of_its_samples() -> None:
    librosa = package("librosa")
    recipe = AudioRecipe(version=2, n_fft=400, n_mels=40, mel_scale="slaney", fmin=0.0, fmax=8000.0, frames=98,
                         log="floor", log_offset=1e-10)  # fmt: skip
    samples = speech(9000)
    padded = np.pad(samples, (0, 15920 - 9000))
    mel = librosa.feature.melspectrogram(
        y=padded, sr=16000, n_fft=400, hop_length=160, n_mels=40, center=False
    )
    found = WindowOfFrames(recipe)(samples)
    assert np.abs(np.exp(found) - np.maximum(mel.T, 1e-10)).max() < 1e-4 * mel.max()


TIMES = AttentionRecipe(prompt=(1,), end=2, timestamps=10, first_timestamp_s=0.04)
"""Tokens 3 to 9 are text, 10 to 15 times of 0 to 0.1 s."""


def allowed(written: tuple[int, ...], **likely: float) -> set[int]:
    scores = np.full(16, -20.0, np.float32)
    for token, score in likely.items():
        scores[int(token[1:])] = score
    allow(scores, written, TIMES)
    return {at for at, each in enumerate(scores) if np.isfinite(each)}


TEXT = set(range(10))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ((), {10, 11, 12}),  # a time first, and an early one
        ((11,), TEXT),  # a begin was told: text
        ((11, 5), TEXT | {12, 13, 14, 15}),  # text, or an end that is later
        ((11, 5, 13), {2, 13, 14, 15}),  # an end was told: nothing follows, or a begin that is no earlier
        ((11, 5, 13, 13), TEXT),
        ((11, 5, 13, 13, 4), TEXT | {14, 15}),
    ],
)
def test_times_stand_in_pairs_and_never_go_back(written: tuple[int, ...], expected: set[int]) -> None:
    assert allowed(written, t2=-2.0, t5=-1.0) == expected


def test_a_time_is_written_where_all_times_together_are_likelier_than_any_word() -> None:
    assert allowed((11, 5), t5=-1.5, t12=-2.0, t13=-2.0, t14=-2.0) == {12, 13, 14, 15}
    assert allowed((11, 5), t5=-0.5, t12=-2.0, t13=-2.0, t14=-2.0) == TEXT | {12, 13, 14, 15}


def test_what_was_written_between_which_times() -> None:
    assert pieces((10, 5, 6, 12, 13, 7), TIMES) == [Piece(0.0, 0.04, (5, 6)), Piece(0.06, None, (7,))]
    assert pieces((), TIMES) == []
    assert pieces((10, 11), TIMES) == []
