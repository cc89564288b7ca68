"""What is bundled is there, is licensed, is small, and does what the cards say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.card import InputCard, ModelCard
from edgemm.card.keys import unknown_keys
from edgemm.errors import InputError
from edgemm.opencv import opencv

MODELS = ("digits", "keywords")
FOLDERS = ("digits", "spoken_digits", "calibration_words", "models", "pages")


def model_card(name: str) -> ModelCard:
    """The card of a bundled model."""
    card = read_artifact(data.path(f"models/{name}.onnx")).card
    assert card is not None
    return card


def outputs(name: str, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The float model's logits, [n, classes], for prepared inputs [n, ...]."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(read_artifact(data.path(f"models/{name}.onnx")).payload)
    feed = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {feed: each[None]})[0] for each in tensors])


def float_window(card: InputCard, samples: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.float32]:
    """The recording in the middle of one window, as float32 input."""
    from edgemm.preprocess import compile_audio
    from edgemm.tensors import TensorSpec

    spec = TensorSpec(card.name, card.shape, "float32")
    window: npt.NDArray[np.float32] = next(compile_audio(card, spec).clip(samples, rate))[0]
    return window


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_has_a_licence(folder: str) -> None:
    assert len((data.path(folder) / "LICENSE").read_text(encoding="utf-8")) > 200


def test_all_of_it_is_small() -> None:
    root = Path(data.__file__).parent
    files = [file for file in root.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert sum(file.stat().st_size for file in files) < 5_500_000
    assert max(file.stat().st_size for file in files) < 1_000_000


@pytest.mark.parametrize("name", ["../card.py", "/etc/passwd", "models/none.onnx"])
def test_path_refuses_what_is_not_bundled(name: str) -> None:
    with pytest.raises(InputError, match="expected a name inside"):
        data.path(name)


def test_held_out_digits_are_balanced() -> None:
    images, labels = data.digits()
    assert images.shape == (1000, 28, 28)
    assert images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [100] * 10


def test_calibration_digits_are_not_held_out_ones() -> None:
    images, labels = data.calibration_digits()
    assert (images.shape, len(set(labels.tolist()))) == ((100, 28, 28), 10)
    held_out = {image.tobytes() for image in data.digits()[0]}
    assert not held_out & {image.tobytes() for image in images}


def test_picture_files_are_held_out_ones_in_the_right_folder() -> None:
    cv2 = needs(opencv)
    images, labels = data.digits()
    truth = dict(zip((image.tobytes() for image in images), labels.tolist(), strict=True))
    files = sorted(data.path("digits").rglob("*.png"))
    assert len(files) == 40
    for file in files:
        assert truth[cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).tobytes()] == int(file.parent.name)


def test_ten_digits_are_spoken() -> None:
    words = data.spoken_digits()
    assert [word for word, _, _ in words] == list(data.WORDS)
    for _, samples, rate in words:
        assert rate == 8000
        assert samples.dtype == np.float32
        assert 0.3 < np.abs(samples).max() <= 1.0


def test_calibration_words_are_not_the_spoken_digits() -> None:
    files = sorted(data.path("calibration_words").glob("*.wav"))
    assert len(files) >= 40
    spoken = {file.read_bytes() for file in data.path("spoken_digits").glob("*.wav")}
    assert not spoken & {file.read_bytes() for file in files}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_says_what_it_was_trained_on(name: str) -> None:
    card = model_card(name)
    assert card.labels
    assert card.licence
    assert {"data", "split", "seed", "test_accuracy"} <= set(card.extra["x-training"])


@pytest.mark.parametrize("name", MODELS)
def test_a_bundled_model_has_no_key_that_is_warned_of(name: str) -> None:
    assert unknown_keys(model_card(name)) == ()


def test_digits_reaches_the_accuracy_in_its_card() -> None:
    images, labels = data.digits()
    tensors = images[:, None].astype(np.float32) * np.float32(1.0 / 255.0)
    accuracy = float(np.mean(outputs("digits", tensors).argmax(1) == labels))
    assert accuracy == pytest.approx(model_card("digits").extra["x-training"]["test_accuracy"], abs=1e-9)


def test_keywords_understands_the_bundled_recordings() -> None:
    card = model_card("keywords")
    windows = np.stack(
        [float_window(card.inputs[0], samples, rate) for _, samples, rate in data.spoken_digits()]
    )
    answers = [card.labels[index] for index in outputs("keywords", windows).argmax(1)]
    right = sum(answer == word for answer, word in zip(answers, data.WORDS, strict=True))
    assert card.extra["x-training"]["bundled_recordings"].startswith(f"{right} of 10")


@pytest.mark.parametrize("seed", [0, 1])
def test_keywords_hears_no_word_in_noise(seed: int) -> None:
    card = model_card("keywords")
    noise = np.random.default_rng(seed).normal(0, 10 ** -(2 + seed), 8096).astype(np.float32)
    window = float_window(card.inputs[0], noise, 8000)
    assert card.labels[int(outputs("keywords", window[None]).argmax())] == "background"


def test_the_bundled_page_is_read_by_the_bundled_reader() -> None:
    cv2 = needs(opencv)
    pixels = cv2.imread(str(data.path("pages/receipt.png")))
    lines = data.path("pages/receipt.txt").read_text(encoding="utf-8").splitlines()
    with edgemm.load_bundle(data.path("models/page_reader.tflite.zip")) as reader:
        found: Any = reader(np.ascontiguousarray(pixels[:, :, ::-1]))
    assert len({*found.text.splitlines()} & {*lines}) >= 9
    assert sum(len(line) for line in found.lines) == pytest.approx(sum(map(len, lines)), abs=3)
