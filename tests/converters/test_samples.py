"""Calibration data from arrays, .npz files and folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from needs import needs

from edgemm.card import ImageRecipe, InputCard
from edgemm.converters.samples import load_samples
from edgemm.errors import InputError
from edgemm.opencv import opencv
from edgemm.tensors import TensorSpec

SPEC = TensorSpec("image", (1, 1, 4, 4), "float32")
CARD = InputCard("image", "image", SPEC.shape, "NCHW", ImageRecipe(color="gray"))


def test_arrays_get_their_batch_dimension() -> None:
    samples = load_samples([np.zeros((1, 4, 4)), np.ones((1, 1, 4, 4))], [SPEC], [CARD])
    assert [sample["image"].shape for sample in samples.inputs] == [SPEC.shape, SPEC.shape]


def test_a_wrong_shape_says_both_shapes() -> None:
    with pytest.raises(InputError, match=r"\[1, 1, 4, 4\].*\[4, 5\]"):
        load_samples([np.zeros((4, 5))], [SPEC], [CARD])


def test_npz_arrays_by_name_with_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", image=np.zeros((5, 1, 4, 4)), labels=np.arange(5))
    samples = load_samples(tmp_path / "d.npz", [SPEC], [CARD])
    assert len(samples) == 5
    assert samples.labels is not None
    assert list(samples.labels) == [0, 1, 2, 3, 4]


def test_the_limit_spreads_over_the_data(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", image=np.zeros((100, 1, 4, 4)), labels=np.arange(100))
    samples = load_samples(tmp_path / "d.npz", [SPEC], [CARD], limit=5)
    assert samples.labels is not None
    assert list(samples.labels) == [0, 24, 49, 74, 99]


def test_an_npz_without_the_input_lists_what_it_has(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(InputError, match=r"'image'.*'a', 'b'"):
        load_samples(tmp_path / "d.npz", [SPEC], [CARD])


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", image=np.array([{"evil": 1}], dtype=object))
    with pytest.raises(InputError, match="plain arrays"):
        load_samples(tmp_path / "d.npz", [SPEC], [CARD])


def pictures(folder: Path) -> Path:
    cv2 = needs(opencv)
    for label, level in (("cat", 51), ("dog", 255)):
        (folder / label).mkdir()
        cv2.imwrite(str(folder / label / "a.png"), np.full((8, 8), level, np.uint8))
    return folder


def test_a_folder_goes_through_the_card_and_its_subfolders_are_labels(tmp_path: Path) -> None:
    samples = load_samples(pictures(tmp_path), [SPEC], [CARD], classes=("dog", "cat"))
    assert [float(sample["image"].max()) for sample in samples.inputs] == pytest.approx([0.2, 1.0])
    assert samples.labels is not None
    assert list(samples.labels) == [1, 0]


def test_a_folder_needs_a_card(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--preset"):
        load_samples(pictures(tmp_path), [SPEC], [InputCard("image")])


def test_an_empty_folder_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png"):
        load_samples(tmp_path, [SPEC], [CARD])


def test_a_path_to_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing of that name"):
        load_samples(tmp_path / "gone", [SPEC], [CARD])
