"""Model files: written whole, read back, refused when they are not what they say."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from needs import needs

from edgemm.artifact import Artifact, read_artifact, replace_card, write_artifact
from edgemm.artifact.containers import onnx_metadata, wire, zip_tail
from edgemm.artifact.containers.contents import Contents
from edgemm.artifact.file import is_bundle
from edgemm.artifact.goldens import Goldens
from edgemm.card import ModelCard
from edgemm.errors import ArtifactError, CardError, DamagedArtifact, InputError, UnsupportedVersion
from edgemm.inspection import inspect
from edgemm.litert_runtime import find_litert
from edgemm.tasks.classification import ClassificationRecipe

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
FILES = ("add.tflite", "add.onnx")
GOLDENS = Goldens(({"x": np.ones(1, np.float32)},), ({"y": np.full(1, 2, np.float32)},), {"y": 1e-6})
CARD = ModelCard(name="adder", labels=("one", "zwei"), extra={"note": "kept"})


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    """A file needs no runtime."""


@pytest.fixture(params=FILES)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Artifact:
    payload = (ASSETS / request.param).read_bytes()
    return write_artifact(tmp_path / request.param, payload, CARD, GOLDENS)


# both formats


def test_a_file_comes_back_as_it_was_written(written: Artifact) -> None:
    read = read_artifact(written.path)
    assert read.payload == (ASSETS / written.path.name).read_bytes()
    assert read.card == CARD.with_(payload_sha256=hashlib.sha256(read.payload).hexdigest())
    assert read.goldens is not None
    assert read.goldens.to_bytes() == GOLDENS.to_bytes()
    assert (read.format, read.size_bytes) == (written.format, written.path.stat().st_size)
    assert read.digest == read.sha256()


def test_the_same_contents_are_the_same_bytes(written: Artifact, tmp_path: Path) -> None:
    before = written.path.read_bytes()
    again = read_artifact(written.path)
    write_artifact(written.path, again.payload, again.card, again.goldens, again.associated)
    assert written.path.read_bytes() == before


def test_a_file_with_a_card_can_be_written_over_another_card(written: Artifact) -> None:
    new = write_artifact(written.path, written.path.read_bytes(), ModelCard(name="other"))
    assert new.payload == written.payload
    read = read_artifact(written.path)
    assert (read.card.name if read.card else "", read.goldens) == ("other", None)


@pytest.mark.parametrize("file", FILES)
def test_a_foreign_file_is_read_as_it_is(file: str) -> None:
    read = read_artifact(ASSETS / file)
    assert (read.payload, read.card, read.goldens) == ((ASSETS / file).read_bytes(), None, None)
    assert (read.digest, read.sha256()) == ("", hashlib.sha256(read.payload).hexdigest())


@pytest.mark.parametrize("file", FILES)
def test_without_a_card_the_model_alone_is_written(file: str, tmp_path: Path) -> None:
    write_artifact(tmp_path / file, (ASSETS / file).read_bytes(), None)
    assert (tmp_path / file).read_bytes() == (ASSETS / file).read_bytes()


def test_a_changed_payload_says_both_hashes(written: Artifact) -> None:
    data = bytearray(written.path.read_bytes())
    data[len(written.payload) - 2] ^= 1
    written.path.write_bytes(data)
    with pytest.raises(DamagedArtifact, match=r"expected SHA-256 [0-9a-f]{16}.*found [0-9a-f]{16}"):
        read_artifact(written.path)


def test_a_card_without_a_hash_proves_nothing(tmp_path: Path) -> None:
    for file, container in zip(FILES, (zip_tail, onnx_metadata), strict=True):
        contents = Contents((ASSETS / file).read_bytes(), b'{"name": "by hand"}')
        (tmp_path / file).write_bytes(b"".join(container.join(contents)))
        read = read_artifact(tmp_path / file)
        assert read.card is not None
        assert read.digest == ""


def test_every_cut_behind_the_model_is_found(written: Artifact, tmp_path: Path) -> None:
    data = written.path.read_bytes()
    target = tmp_path / f"cut{written.path.suffix}"
    for length in range(len(written.payload) + 1, len(data)):
        target.write_bytes(data[:length])
        with pytest.raises(DamagedArtifact):
            read_artifact(target)


def test_a_model_that_was_cut_is_refused_or_foreign(written: Artifact, tmp_path: Path) -> None:
    data = written.path.read_bytes()
    target = tmp_path / f"cut{written.path.suffix}"
    for length in range(1, len(written.payload) + 1):
        target.write_bytes(data[:length])
        try:
            assert read_artifact(target).digest == ""
        except DamagedArtifact:
            continue


def test_every_flipped_byte_of_the_card_is_found_or_harmless(written: Artifact, tmp_path: Path) -> None:
    data = written.path.read_bytes()
    target = tmp_path / f"flipped{written.path.suffix}"
    harmless = 0
    for at in range(len(written.payload), len(data), 3):
        target.write_bytes(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
        try:
            read = read_artifact(target)
        except ArtifactError:
            continue
        assert read.payload == written.payload
        assert read.card == written.card
        harmless += 1
    assert harmless < (len(data) - len(written.payload)) / 12  # dates and permissions in the ZIP directory


# the card of a file that is there


def test_a_card_is_replaced_and_the_goldens_stay(written: Artifact) -> None:
    replace_card(written.path, ModelCard(name="new"))
    read = read_artifact(written.path)
    assert read.card is not None
    assert read.card.name == "new"
    assert read.goldens is not None


def test_a_card_is_taken_out(written: Artifact) -> None:
    replace_card(written.path, None)
    assert written.path.read_bytes() == written.payload


def test_a_model_that_a_compiler_changed_gets_a_card_and_loses_its_goldens(written: Artifact) -> None:
    data = bytearray(written.path.read_bytes())
    data[len(written.payload) - 2] ^= 1
    written.path.write_bytes(data)
    replace_card(written.path, CARD)
    read = read_artifact(written.path)
    assert (read.card is not None, read.goldens) == (True, None)


def test_a_card_that_was_edited_in_place_is_replaced(tmp_path: Path) -> None:
    path = write_artifact(tmp_path / "a.onnx", (ASSETS / "add.onnx").read_bytes(), CARD).path
    path.write_bytes(path.read_bytes().replace(b"zwei", b"drei"))
    with pytest.raises(DamagedArtifact, match="the card was altered"):
        read_artifact(path)
    replace_card(path, CARD)
    assert read_artifact(path).card is not None


# what cannot be written


@pytest.mark.parametrize(
    ("name", "message"), [("a.bin", "must end in .tflite or .onnx"), ("no/a.onnx", "cannot be written")]
)
def test_a_place_that_does_not_fit(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_artifact(tmp_path / name, (ASSETS / "add.onnx").read_bytes(), CARD)


@pytest.mark.parametrize(
    "card",
    [
        ModelCard(task="classification", recipe=ClassificationRecipe(top_k=0)),
        ModelCard(labels=("x" * 60_000,) * 80),
    ],
)
def test_a_card_that_could_not_be_read_again_leaves_no_file(tmp_path: Path, card: ModelCard) -> None:
    with pytest.raises(CardError):
        write_artifact(tmp_path / "a.onnx", (ASSETS / "add.onnx").read_bytes(), card)
    assert list(tmp_path.iterdir()) == []


def test_goldens_need_a_card(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="beside a card"):
        write_artifact(tmp_path / "a.onnx", (ASSETS / "add.onnx").read_bytes(), None, GOLDENS)


def test_a_payload_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedArtifact, match="expected a TFLite model"):
        write_artifact(tmp_path / "a.tflite", (ASSETS / "add.onnx").read_bytes(), CARD)


# what cannot be read


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"nothing\.tflite: there is no such file"):
        read_artifact("nothing.tflite")


@pytest.mark.parametrize("path", ["a\0b.onnx", "x" * 5000 + ".onnx"])
def test_a_path_that_can_be_none(path: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_artifact(path)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_artifact(tmp_path)
    assert str(error.value) == f"{tmp_path}: expected a .tflite or .onnx file, found a folder"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(InputError, match="a pipe or a device"):
        read_artifact(tmp_path / "pipe.onnx")


def test_a_file_beyond_both_formats_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "huge.onnx", "wb") as file:
        file.truncate(1 << 31)  # takes no room on the disk
    with pytest.raises(DamagedArtifact, match="both formats end at 2147483647"):
        read_artifact(tmp_path / "huge.onnx")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"PK\x03\x04 and so on", "a ZIP archive"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"hello, world", "not a .tflite or .onnx file"),
        (b"import os\nprint(1)\n", "not a .tflite or .onnx file"),
        (b"\x93NUMPY\x01\x00v\x00{}", "not a .tflite or .onnx file"),
        (b"\x08\x08", "no ir_version or no graph"),
    ],
)
@pytest.mark.parametrize("name", ["a.onnx", "a"])
def test_what_is_no_model(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedArtifact, match=message):
        read_artifact(tmp_path / name)


def test_a_name_that_says_the_other_format(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes((ASSETS / "add.tflite").read_bytes())
    with pytest.raises(DamagedArtifact, match=r"Rename it to \.tflite"):
        read_artifact(tmp_path / "a.onnx")


@pytest.mark.parametrize(("name", "share"), [("add.tflite", 0.9), ("add.tflite", 0.1), ("add.onnx", 0.5)])
def test_a_file_that_was_cut_is_named_and_told_in_words(tmp_path: Path, name: str, share: float) -> None:
    needs(find_litert)
    data, path = (ASSETS / name).read_bytes(), tmp_path / name
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DamagedArtifact) as error:
        inspect(path)
    said = str(error.value)
    assert said.startswith(f"{path}: ")
    assert "cut short" in said
    assert said.endswith(". Copy or convert it again")
    assert "unpack" not in said


def test_an_onnx_model_that_is_named_tflite(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes((ASSETS / "add.onnx").read_bytes())
    with pytest.raises(DamagedArtifact, match=r"Rename it to \.onnx"):
        read_artifact(tmp_path / "a.tflite")


def test_a_newer_card_is_told_by_its_kind_of_error(tmp_path: Path) -> None:
    contents = Contents((ASSETS / "add.onnx").read_bytes(), b'{"schema": "edgemm.card/2"}')
    (tmp_path / "a.onnx").write_bytes(b"".join(onnx_metadata.join(contents)))
    with pytest.raises(UnsupportedVersion, match=r"a\.onnx: the card is edgemm\.card/2"):
        read_artifact(tmp_path / "a.onnx")


# .tflite: an archive that other tools see too


def with_labels(path: Path) -> Path:
    """A model with a file of another tool behind it, as TFLite's metadata writer leaves it."""
    path.write_bytes((ASSETS / "add.tflite").read_bytes())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "cat\ndog\n")
    return path


@pytest.mark.parametrize("damage", ["bit", "cut", "none"])
def test_a_damaged_archive_of_others_is_told(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its labels would be missed, and nobody would know why."""
    path = tmp_path / "model.tflite"
    payload = read_artifact(ASSETS / "add.tflite").payload
    path.write_bytes(payload)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "cat\ndog\n")
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[len(payload) + 41] ^= 1
    path.write_bytes(content[:-30] if damage == "cut" else content)
    found = read_artifact(path)
    assert bool(found.associated) is (damage == "none")
    assert ("the archive behind the model is damaged" in caplog.text) is (damage != "none")


def test_an_archive_without_members_is_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "model.tflite"
    payload = read_artifact(ASSETS / "add.tflite").payload
    path.write_bytes(payload)
    zipfile.ZipFile(path, "a").close()
    assert path.stat().st_size == len(payload) + 22
    found = read_artifact(path)
    assert (found.payload, found.associated) == (payload, {})
    assert caplog.text == ""


def test_any_zip_program_reads_the_card(tmp_path: Path) -> None:
    path = write_artifact(tmp_path / "a.tflite", (ASSETS / "add.tflite").read_bytes(), CARD, GOLDENS).path
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["edgemm/card.json", "edgemm/goldens.npz"]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert ModelCard.from_json(archive.read("edgemm/card.json")).name == "adder"


def test_files_of_other_tools_are_kept(tmp_path: Path) -> None:
    path = with_labels(tmp_path / "a.tflite")
    assert read_artifact(path).associated == {"labels.txt": b"cat\ndog\n"}
    replace_card(path, CARD)
    write_artifact(path, path.read_bytes(), ModelCard(name="second"))
    read = read_artifact(path)
    assert read.payload == (ASSETS / "add.tflite").read_bytes()
    assert read.associated == {"labels.txt": b"cat\ndog\n"}
    with zipfile.ZipFile(path) as archive:
        assert archive.read("labels.txt") == b"cat\ndog\n"


def test_bytes_behind_a_foreign_model_are_its_own_concern(tmp_path: Path) -> None:
    data = with_labels(tmp_path / "a.tflite").read_bytes()[:-4]
    (tmp_path / "a.tflite").write_bytes(data)
    assert read_artifact(tmp_path / "a.tflite").payload == data


# .onnx: records that onnxruntime sees too


def test_onnxruntime_sees_the_card(tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    written = write_artifact(tmp_path / "a.onnx", (ASSETS / "add.onnx").read_bytes(), CARD, GOLDENS)
    session = ort.InferenceSession(str(written.path), providers=["CPUExecutionProvider"])
    seen = session.get_modelmeta().custom_metadata_map
    assert ModelCard.from_json(seen["edgemm.card"]) == written.card


def test_metadata_of_other_tools_is_part_of_the_payload(tmp_path: Path) -> None:
    other = wire.encode(14, wire.encode(1, b"author") + wire.encode(2, b"somebody"))
    payload = other + (ASSETS / "add.onnx").read_bytes() + other
    write_artifact(tmp_path / "a.onnx", payload, CARD)
    assert read_artifact(tmp_path / "a.onnx").payload == payload


def test_records_of_a_later_edgemm_are_kept(tmp_path: Path) -> None:
    contents = Contents((ASSETS / "add.onnx").read_bytes(), b"{}", None, {"edgemm.later": b"1"})
    (tmp_path / "a.onnx").write_bytes(b"".join(onnx_metadata.join(contents)))
    replace_card(tmp_path / "a.onnx", CARD)
    assert read_artifact(tmp_path / "a.onnx").associated == {"edgemm.later": b"1"}


def test_the_path_is_a_path_however_it_was_given(tmp_path: Path) -> None:
    model = ASSETS / "add.tflite"
    for given in (model, str(model)):
        found = read_artifact(given)
        assert found.where == str(model)
        assert found.path == model
        assert isinstance(found.path, Path)
        assert repr(model) in repr(found)
        assert dataclasses.replace(found, path=tmp_path).path == tmp_path
        assert pickle.loads(pickle.dumps(found)).path == model
    with pytest.raises(TypeError, match="found bytes"):
        read_artifact(bytes(model))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="found bytes"):
        is_bundle(bytes(model))  # type: ignore[arg-type]
