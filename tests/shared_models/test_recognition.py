"""Moonshine as a bundle: what is read aloud, at once, as a stream, divided and in noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

import edgemm
from edgemm.judge import metric
from edgemm.media import AudioBlock
from tests.by_hand.shared_files import shared

for each in ("onnxruntime", "soundfile"):
    package(each)
pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from benchmarks.moonshine import NEEDED, write_moonshine

    root = shared(NEEDED[0]).parents[2]
    path = tmp_path_factory.mktemp("moonshine") / "moonshine.zip"
    with edgemm.load_bundle(write_moonshine(root, path, voice_activity=True)) as model:
        yield model


@pytest.fixture(scope="module")
def reading() -> tuple[Any, str]:
    """Five recordings as one, and what is read."""
    from benchmarks.recognition import READ, read_texts
    from benchmarks.shared import sounds

    folder: Path = shared(READ)
    return np.concatenate([each for each, _ in sounds(folder, "*.wav")]), " ".join(
        read_texts(folder.parents[2])
    )


def wrong(text: str, truth: str) -> int:
    from benchmarks.recognition import written_out

    judge = metric("transcription")
    judge.add(written_out(text), truth)
    return int(judge.report()["wrong words"])


def test_at_most_three_of_71_words_are_wrong(bundle: Any, reading: Any) -> None:
    samples, truth = reading
    assert len(truth.split()) == 71
    assert wrong(bundle(samples, sample_rate=16000).text, truth) <= 3


def test_a_stream_says_the_same(bundle: Any, reading: Any, tmp_path: Path) -> None:
    package("soundfile").write(tmp_path / "reading.wav", reading[0], 16000)
    with edgemm.open_source(tmp_path / "reading.wav") as source, bundle.stream(source) as stream:
        items = list(stream)
    said = " ".join(each.value.text for each in items if each.final)
    assert said == bundle(reading[0], sample_rate=16000).text
    assert sum(not each.final for each in items) >= 10


def test_nothing_is_lost_or_doubled_where_it_is_divided(bundle: Any, reading: Any) -> None:
    samples, truth = reading
    session = bundle.session(longest_s=5.0, endpoint_s=0.0)
    said = session.whole(AudioBlock(samples, 16000, 0, 0)).text
    session.close()
    assert wrong(said, truth) <= 6
    assert abs(len(said.split()) - 70) <= 3


def test_results_are_final_in_time_in_noise(bundle: Any) -> None:
    from benchmarks.recognition import CLIPS, SHARE, SILENCE_S, TOLERANCE_S, clips, final_after, in_noise

    root = shared(CLIPS).parents[1]
    for number, samples in enumerate(clips(root, 5)):
        noisy, begin_s, end_s = in_noise(samples, number)
        said, delay_s = final_after(bundle.session(endpoint_s=SILENCE_S), noisy, end_s)
        assert said
        assert (
            delay_s <= SILENCE_S + TOLERANCE_S + SHARE * (end_s - begin_s) + 0.5
        )  # of a machine that does other work
