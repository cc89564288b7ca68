"""Vocabularies inside model files: kept, held to their hash, and missed where they are not there."""

from __future__ import annotations

import base64
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from edgemm.artifact import read_artifact, replace_card, write_artifact
from edgemm.artifact.containers import onnx_metadata, zip_tail
from edgemm.artifact.containers.contents import MAX_FILE, Contents
from edgemm.card import InputCard, ModelCard, TextRecipe
from edgemm.card.fit import read_card_file
from edgemm.card.vocabulary import MAX_VOCABULARY, sealed
from edgemm.errors import CardError, DamagedArtifact, InputError
from edgemm.model.card_check import with_measured

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
FILES = ("add.tflite", "add.onnx")
WORDS = "\n".join(map(str, range(5000))).encode() + b"\n\xff\x00"
CONTAINERS: dict[str, Any] = {"add.tflite": zip_tail, "add.onnx": onnx_metadata}


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    """A file needs no runtime."""


def card(**changes: Any) -> ModelCard:
    recipe = TextRecipe(tokenizer="sentencepiece", vocabulary="words.model", **changes)
    entry = InputCard("x", "text", role="ids", text=recipe)
    return ModelCard(inputs=(entry,), files={"words.model": WORDS, "spare": b"1"})


def hash_of(found: ModelCard | None) -> str:
    assert found is not None
    assert found.inputs[0].text is not None
    return found.inputs[0].text.sha256


@pytest.mark.parametrize("name", FILES)
def test_the_vocabulary_comes_back(tmp_path: Path, name: str) -> None:
    payload = (ASSETS / name).read_bytes()
    written = write_artifact(tmp_path / name, payload, card())
    read = read_artifact(tmp_path / name)
    assert read.card is not None
    assert dict(read.card.files) == {"words.model": WORDS}  # and not what the card does not name
    assert hash_of(read.card) == hash_of(written.card)
    assert len(hash_of(read.card)) == 64
    assert read.payload == payload
    assert written.size_bytes < len(payload) + len(WORDS)  # it is packed
    before = (tmp_path / name).read_bytes()
    write_artifact(tmp_path / name, read.payload, read.card)
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("name", FILES)
def test_another_card_takes_the_vocabulary_out(tmp_path: Path, name: str) -> None:
    write_artifact(tmp_path / name, (ASSETS / name).read_bytes(), card())
    replace_card(tmp_path / name, ModelCard())
    read = read_artifact(tmp_path / name)
    assert read.card is not None
    assert (dict(read.card.files), dict(read.associated)) == ({}, {})


def test_a_card_is_not_written_without_its_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"'words.model' that the card names is missing"):
        write_artifact(tmp_path / "a.onnx", (ASSETS / "add.onnx").read_bytes(), card().with_(files={}))
    assert not (tmp_path / "a.onnx").exists()


def test_a_card_is_not_written_with_another_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="is not the card's"):
        write_artifact(tmp_path / "a.onnx", (ASSETS / "add.onnx").read_bytes(), card(sha256="0" * 64))


def test_a_vocabulary_has_bounds(tmp_path: Path) -> None:
    large = card().with_(files={"words.model": bytes(MAX_VOCABULARY + 1)})
    with pytest.raises(CardError, match="at most 20971520 bytes"):
        write_artifact(tmp_path / "a.onnx", (ASSETS / "add.onnx").read_bytes(), large)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [None, b"other"])
def test_a_file_with_another_vocabulary_or_none_is_damaged(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    written = write_artifact(tmp_path / name, (ASSETS / name).read_bytes(), card())
    assert written.card is not None
    files = {} if content is None else {"words.model": content}
    contents = Contents(written.payload, written.card.to_json().encode(), files=files)
    (tmp_path / name).write_bytes(b"".join(CONTAINERS[name].join(contents)))
    with pytest.raises(DamagedArtifact, match="is not in it" if content is None else "is not the card's"):
        read_artifact(tmp_path / name)


def onnx_with(value: bytes) -> bytes:
    contents = Contents(
        (ASSETS / "add.onnx").read_bytes(), b"{}", associated={onnx_metadata.FILE + "v": value}
    )
    return b"".join(onnx_metadata.join(contents))


@pytest.mark.parametrize(
    "value",
    [
        b"no base64!",
        base64.b64encode(b"not packed"),
        base64.b64encode(zlib.compress(bytes(MAX_FILE + 1), 1)),
        base64.b64encode(zlib.compress(b"cut")[:-2]),
    ],
    ids=["letters", "not packed", "bomb", "cut"],
)
def test_a_record_that_does_not_unpack_is_damage(tmp_path: Path, value: bytes) -> None:
    (tmp_path / "a.onnx").write_bytes(onnx_with(value))
    with pytest.raises(DamagedArtifact, match="cannot be unpacked"):
        read_artifact(tmp_path / "a.onnx")


def test_a_bomb_in_the_archive_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes((ASSETS / "add.tflite").read_bytes())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("edgemm/card.json", "{}")
        archive.writestr("edgemm/files/v", bytes(MAX_FILE + 1))
    with pytest.raises(DamagedArtifact, match="at most 20971520 are read"):
        read_artifact(path)


# beside the card


def test_the_vocabulary_is_found_beside_the_cards_json(tmp_path: Path) -> None:
    (tmp_path / "words.model").write_bytes(WORDS)
    (tmp_path / "card.json").write_text(card().to_json())
    assert "files" not in json.loads(card().to_json())
    assert dict(read_card_file(tmp_path / "card.json").files) == {"words.model": WORDS}


def test_another_vocabulary_beside_a_card_with_a_hash_is_refused(tmp_path: Path) -> None:
    made = sealed(card().with_(files={"words.model": WORDS}))
    (tmp_path / "card.json").write_text(made.to_json())
    (tmp_path / "words.model").write_bytes(WORDS + b"x")
    with pytest.raises(CardError, match=r"'words\.model' is not the card's"):
        read_card_file(tmp_path / "card.json")


@pytest.mark.parametrize("name", ["../words.model", "/etc/passwd", "a/b", "", ".hidden", "a\nb"])
def test_a_vocabulary_is_a_plain_name(name: str) -> None:
    content = {"inputs": [{"modality": "text", "role": "ids", "text": {"vocabulary": name}}]}
    with pytest.raises(CardError, match=r"text.vocabulary: expected the plain name"):
        ModelCard.from_json(json.dumps(content))


def test_a_folder_is_no_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "words.model").mkdir()
    (tmp_path / "card.json").write_text(card().to_json())
    with pytest.raises(InputError, match="found a folder"):
        read_card_file(tmp_path / "card.json")


def test_a_card_that_brings_none_keeps_the_files(tmp_path: Path) -> None:
    write_artifact(tmp_path / "a.onnx", (ASSETS / "add.onnx").read_bytes(), card())
    bare = ModelCard.from_json(card().with_(name="second").to_json())
    kept = with_measured(bare, tmp_path / "a.onnx")
    assert (kept.name, dict(kept.files)) == ("second", {"words.model": WORDS})
