"""Folders with the networks of PP-OCR under its names."""

from __future__ import annotations

from pathlib import Path

import pytest
from needs import needs, package
from tiny_reader import ALPHABET, detector, recognizer

import edgemm
from edgemm.errors import CardError
from edgemm.foreign.bundles import foreign_bundle
from edgemm.opencv import opencv

onnx = package("onnx")

needs(opencv)


def folder_of(folder: Path, *names: str, character: bool = True) -> Path:
    folder.mkdir()
    for name in names:
        model = recognizer() if "rec" in name else detector()
        if "rec" in name and character:
            model.metadata_props.add(key="character", value="\n".join(ALPHABET))
        onnx.save(model, str(folder / name))
    return folder


@pytest.mark.parametrize(
    "names",
    [("ppocr3_det.onnx", "ppocr3_rec.onnx"), ("ch_PP-OCRv3_det_infer.onnx", "en_PP-OCRv3_rec_infer.onnx"),
     ("det.onnx", "rec.onnx")],
)  # fmt: skip
def test_names(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = folder_of(tmp_path / "x", *names)
    card = foreign_bundle(folder)
    assert card is not None
    assert (card.driver, card.extra["x-layout"]) == ("ocr", "PP-OCR")
    assert {role: each.file for role, each in card.parts.items()} == dict(
        zip(("detector", "recognizer"), names, strict=True)
    )
    with edgemm.load_bundle(folder) as opened:
        assert opened.modality == "image"
        assert opened.models["recognizer"].card.labels == ("blank", *ALPHABET)


def test_the_network_of_angles_is_taken_too(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "x", "a_det.onnx", "a_rec.onnx", "a_cls_infer.onnx")
    card = foreign_bundle(folder)
    assert card is not None
    assert card.parts["angle"].file == "a_cls_infer.onnx"


def test_an_alphabet_beside_the_networks(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "x", "det.onnx", "rec.onnx", character=False)
    with pytest.raises(CardError, match=r"alphabet.*found neither"):
        foreign_bundle(folder)
    (folder / "ppocr_keys_v1.txt").write_text("\n".join(ALPHABET), encoding="utf-8")
    card = foreign_bundle(folder)
    assert card is not None
    assert card.assets["alphabet"].file == "ppocr_keys_v1.txt"
    (folder / "en_dict.txt").write_text("a", encoding="utf-8")
    with pytest.raises(CardError, match=r"en_dict\.txt, ppocr_keys_v1\.txt"):
        foreign_bundle(folder)


def test_two_recognisers_are_told(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "x", "det.onnx", "en_rec.onnx", "ch_rec.onnx")
    with pytest.raises(CardError, match=r"ch_rec\.onnx, en_rec\.onnx"):
        foreign_bundle(folder)


def test_one_network_alone_is_no_such_folder(tmp_path: Path) -> None:
    assert foreign_bundle(folder_of(tmp_path / "x", "det.onnx")) is None


def test_records_and_details_are_other_words(tmp_path: Path) -> None:
    """Their names begin like those of the networks."""
    assert foreign_bundle(folder_of(tmp_path / "x", "details.onnx", "record.onnx")) is None
