"""Calibration data from arrays, .npz files and folders."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from needs import needs

from edgemm.card import ImageRecipe, InputCard
from edgemm.converters.fidelity.held_out import held_out
from edgemm.converters.sample_arrays import parts_of
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


def test_a_folder_serves_one_input_and_the_others_are_named(tmp_path: Path) -> None:
    specs = [TensorSpec(name, (1, 1, 8, 8), "float32") for name in "abcdef"]
    with pytest.raises(InputError, match=r"with one input, and this one has 6: a, b, c, d, \.\.\. \(states"):
        load_samples(pictures(tmp_path), specs, [InputCard(modality="image", image=ImageRecipe())] * 6)


def test_an_empty_folder_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png"):
        load_samples(tmp_path, [SPEC], [CARD])


def test_a_path_to_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing of that name"):
        load_samples(tmp_path / "gone", [SPEC], [CARD])


def test_classes_are_the_labels_by_name_whatever_the_limit_took(tmp_path: Path) -> None:
    cv2 = needs(opencv)
    for name in ("0", "2", "4", "7", "9"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "a.png"), np.full((8, 8), 9, np.uint8))
    digits = [str(number) for number in range(10)]
    for limit, expected in ((5, [0, 2, 4, 7, 9]), (2, [0, 9])):
        found = load_samples(tmp_path, [SPEC], [CARD], classes=digits, limit=limit)
        assert found.labels is not None
        assert found.labels.tolist() == expected


def test_without_labels_every_folder_counts_whatever_the_limit_took(tmp_path: Path) -> None:
    cv2 = needs(opencv)
    for name in "abc":
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "a.png"), np.full((8, 8), 9, np.uint8))
    found = load_samples(tmp_path, [SPEC], [CARD], limit=2)
    assert found.labels is not None
    assert found.labels.tolist() == [0, 2]


def test_a_folder_that_is_no_label_is_an_error_with_the_near_one(tmp_path: Path) -> None:
    pictures(tmp_path)
    with pytest.raises(InputError, match=r"'dog' is not one of the card's labels.*Did you mean 'dogs'"):
        load_samples(tmp_path, [SPEC], [CARD], classes=["cat", "dogs"])


def test_folders_that_are_no_labels_at_all_are_no_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pictures(tmp_path)
    assert load_samples(tmp_path, [SPEC], [CARD], classes=["one", "two"]).labels is None
    assert "none of its 2 sub-folders (cat, dog)" in caplog.text


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    needs(opencv)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"--evaluate: .*bad\.png"):
        load_samples(tmp_path, [SPEC], [CARD], option="--evaluate")


def test_an_npy_serves_a_single_input(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.arange(48).reshape(3, 1, 4, 4))
    found = load_samples(tmp_path / "d.npy", [SPEC], [CARD])
    assert [float(sample["image"][0, 0, 0, 0]) for sample in found.inputs] == [0, 16, 32]


def test_an_npy_does_not_serve_two_inputs(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.zeros((3, 1, 4, 4)))
    with pytest.raises(InputError, match=r"one input.*\.npz"):
        load_samples(tmp_path / "d.npy", [SPEC, TensorSpec("mask", (1, 2), "bool")], [])


def test_an_input_without_dimensions_stays_so() -> None:
    rate = TensorSpec("rate", (), "int64")
    assert load_samples([16000], [rate], []).inputs[0]["rate"].shape == ()


IMAGES = np.zeros((4, 1, 4, 4), np.float32)
BROKEN = {
    "no samples": ({"image": IMAGES[:0]}, "at least one, found image 0"),
    "a single number": ({"image": np.float32(1)}, "is a single number"),
    "too few labels": ({"image": IMAGES, "labels": np.arange(3)}, "one label for each of the 4 samples"),
    "labels of wrong shape": ({"image": IMAGES, "labels": np.zeros((4, 10))}, r"shape \[4, 10\]"),
    "labels as text": ({"image": IMAGES, "labels": np.array(list("abcd"))}, "class numbers from 0"),
    "labels beyond the card's": ({"image": IMAGES, "labels": np.arange(4)}, r"from 0\.\.2.*found 0\.\.3"),
    "labels below 0": ({"image": IMAGES, "labels": -np.arange(4)}, "class numbers from 0"),
    "text for numbers": ({"image": np.full((4, 1, 4, 4), "x")}, "Give plain numbers"),
    "labels of 1e30": ({"image": IMAGES, "labels": np.full(4, 1e30)}, r"found 1e\+30"),
    "infinite labels": ({"image": IMAGES, "labels": np.full(4, np.inf)}, "found inf"),
    "labels in halves": ({"image": IMAGES, "labels": np.full(4, 0.5)}, "found fractions"),
    "records": ({"image": np.zeros(4, [("a", "f4")])}, "Give plain numbers"),
    "nothing in it": ({}, "no array named 'image'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_npz_that_does_not_fit_says_how_and_names_its_option(case: str, tmp_path: Path) -> None:
    arrays, reason = BROKEN[case]
    np.savez(tmp_path / "d.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=reason) as caught:
        load_samples(tmp_path / "d.npz", [SPEC], [CARD], classes=["a", "b", "c"], option="--evaluate")
    assert str(caught.value).startswith("--evaluate")


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_a_damaged_file_is_an_error_with_its_name(suffix: str, tmp_path: Path) -> None:
    whole = tmp_path / f"whole{suffix}"
    (np.savez if suffix == ".npz" else np.save)(whole, IMAGES)
    payload = whole.read_bytes()
    for content in (b"", b"PK\x03\x04", b"\x93NUMPY", payload[: len(payload) // 2], b"nonsense"):
        (tmp_path / f"d{suffix}").write_bytes(content)
        with pytest.raises(InputError, match=rf"--calibrate .*d\{suffix}: not a readable"):
            load_samples(tmp_path / f"d{suffix}", [SPEC], [CARD])


def header(text: str) -> bytes:
    line = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line


HEADERS = {
    "cut short": header("{'descr':"),
    "too large for an index": header(f"{{'descr':'<f4','fortran_order':False,'shape':({2**70},)}}"),
    "too large for the memory": header(f"{{'descr':'<f4','fortran_order':False,'shape':({2**50},)}}"),
    "of no type": header("{'descr':'zz','fortran_order':False,'shape':(1,)}"),
}


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_lies_is_an_error_with_its_file(case: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"d{suffix}"
    if suffix == ".npz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("image.npy", HEADERS[case])
    else:
        path.write_bytes(HEADERS[case])
    with pytest.raises(
        InputError, match=rf"--calibrate .*d\{suffix}: (not a readable|does not fit into memory)"
    ):
        load_samples(path, [SPEC], [CARD])


def test_a_zip_of_something_else_is_no_data(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("image.npy", "text")
    with pytest.raises(InputError, match=r"d\.npz: 'image' in it is not an array"):
        load_samples(tmp_path / "d.npz", [SPEC], [CARD])


def test_a_name_too_long_is_an_error() -> None:
    with pytest.raises(InputError, match=r"--evaluate a+: cannot be read: "):
        load_samples("a" * 5000, [SPEC], [CARD], option="--evaluate")


@pytest.mark.parametrize("data", [[None], ["text"], [b"text"]])
def test_what_is_no_number_is_refused_by_its_type(data: list[object]) -> None:
    with pytest.raises(InputError, match=r"expected float32, found .*Give plain numbers"):
        load_samples(data, [SPEC], [CARD])


@pytest.mark.parametrize(
    ("data", "reason"),
    [([], "empty"), (b"x", "found bytes"), ({"image": IMAGES}, "found dict"), (3, "found int")],
)
def test_what_is_no_sequence_of_samples_is_refused(data: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load_samples(data, [SPEC], [CARD])  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.5, 300, -1, np.nan])
def test_numbers_that_the_type_does_not_hold_are_refused(value: float) -> None:
    with pytest.raises(InputError, match=r"'u'.*expected uint8"):
        load_samples([np.full((1, 2), value)], [TensorSpec("u", (1, 2), "uint8")], [])


def test_whole_numbers_in_another_type_are_taken() -> None:
    found = load_samples([np.array([[1.0, 255.0]])], [TensorSpec("u", (1, 2), "uint8")], [])
    assert found.inputs[0]["u"].tolist() == [[1, 255]]


def test_a_lone_array_of_another_name_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", imgae=np.zeros((5, 1, 4, 4)))
    with pytest.raises(InputError, match=r"no array named 'image'; found \['imgae'\]"):
        load_samples(tmp_path / "d.npz", [SPEC], [CARD])


def test_a_lone_array_that_numpy_named_is_taken(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", np.zeros((5, 1, 4, 4)))
    assert len(load_samples(tmp_path / "d.npz", [SPEC], [CARD])) == 5


def test_samples_are_called_as_whoever_gave_them_calls_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", image=np.zeros((100, 1, 4, 4)))
    assert load_samples(tmp_path / "d.npz", [SPEC], [CARD], limit=3).names == ("0", "49", "99")
    given = [np.zeros((1, 4, 4))] * 10
    assert load_samples(given, [SPEC], [CARD], limit=2).names == ("0", "9")
    parts = held_out(load_samples(given, [SPEC], [CARD]))
    assert parts.gate.names == ("2", "6")
    assert parts.calibration.names == ("0", "1", "3", "4", "5", "7", "8", "9")


def test_samples_of_a_folder_are_called_by_their_files(tmp_path: Path) -> None:
    samples = load_samples(pictures(tmp_path), [SPEC], [CARD])
    assert len(samples.names) == len(samples) > 1
    assert all((tmp_path / name).is_file() for name in samples.names)


def test_parts_of_a_file_are_counted() -> None:
    assert parts_of("a/b.wav", 1) == ["a/b.wav"]
    assert parts_of("b.wav", 2) == ["b.wav, part 1 of 2", "b.wav, part 2 of 2"]
