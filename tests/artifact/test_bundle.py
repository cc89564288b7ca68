"""A bundle on disk: written as one ZIP, read as a folder, checked before it is used."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from level_bundle import level_driver, level_folder, read_card, write_card

from edgemm.artifact import bundle_archive
from edgemm.artifact.bundle import Bundle, is_bundle, read_bundle, write_bundle
from edgemm.card.bundle_card import BundleCard
from edgemm.errors import CardError, DamagedArtifact, InputError, MachineShortage

__all__ = ["level_driver", "level_folder"]
ASSETS = Path(__file__).parents[1] / "assets"
FILES = ("sum.onnx", "scale.onnx", "tables/table.txt", "said.wav")


@pytest.fixture
def written(level_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEMM_CACHE_DIR", str(tmp_path / "cache"))
    write_bundle(level_folder, tmp_path / "levels.zip").close()
    return tmp_path / "levels.zip"


def content(bundle: Bundle) -> dict[str, bytes]:
    """What the bundle gives out of each of its files."""
    assets = {name: bundle.asset(name) for name in bundle.card.assets}
    return {role: bundle.part_path(role).read_bytes() for role in bundle.card.parts} | assets


def test_the_zip_holds_what_the_folder_holds(written: Path, level_folder: Path) -> None:
    with read_bundle(written) as packed, read_bundle(level_folder) as plain:
        assert content(packed) == content(plain)
        assert content(plain)["table"] == (level_folder / "tables" / "table.txt").read_bytes()
        assert packed.card.recipe == plain.card.recipe
        assert packed.size_bytes == written.stat().st_size
        assert plain.size_bytes == sum((level_folder / name).stat().st_size for name in FILES)


def test_hashes_are_filled_in(written: Path, level_folder: Path) -> None:
    with read_bundle(written) as bundle:
        found = {entry.file: entry.sha256 for _, entry in bundle.card.files()}
    assert found == {name: hashlib.sha256((level_folder / name).read_bytes()).hexdigest() for name in FILES}


def test_the_same_content_gives_the_same_bytes(written: Path, level_folder: Path, tmp_path: Path) -> None:
    for name in FILES:
        os.utime(level_folder / name, (1, 1))
    (level_folder / "README.md").write_text("not in the bundle")
    write_bundle(level_folder, tmp_path / "again.zip").close()
    assert (tmp_path / "again.zip").read_bytes() == written.read_bytes()
    with zipfile.ZipFile(written) as archive:
        assert archive.namelist() == ["bundle.json", *FILES]
    with read_bundle(written) as bundle:  # an unpacked one too
        write_bundle(bundle, tmp_path / "third.zip").close()
    assert (tmp_path / "third.zip").read_bytes() == written.read_bytes()


def test_a_bundle_is_written_from_content(written: Path, level_folder: Path, tmp_path: Path) -> None:
    card = BundleCard.from_json((level_folder / "bundle.json").read_bytes())
    files: dict[str, bytes | Path] = {name: (level_folder / name).read_bytes() for name in FILES[1:]}
    with pytest.raises(InputError, match=r"expected the content of 'sum.onnx' too"):
        write_bundle(card, tmp_path / "other.zip", files=files)
    write_bundle(card, tmp_path / "other.zip", files={**files, "sum.onnx": level_folder / "sum.onnx"}).close()
    assert (tmp_path / "other.zip").read_bytes() == written.read_bytes()
    wrong = card.with_hashes({key: "1" * 64 for key, _ in card.files()})
    with pytest.raises(DamagedArtifact, match=r"bundle.parts.sum: altered or damaged"):
        write_bundle(wrong, tmp_path / "wrong.zip", files={**files, "sum.onnx": b""})


def test_a_misspelt_key_is_not_written(level_folder: Path, tmp_path: Path) -> None:
    write_card(level_folder, {**read_card(level_folder), "licens": "MIT"})
    with pytest.raises(CardError, match=r"bundle.licens.*Did you mean 'licence'"):
        write_bundle(level_folder, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


@pytest.mark.parametrize("name", ["x.onnx", "x", "x.zip.part"])
def test_the_name_of_a_bundle_ends_in_zip(level_folder: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"must end in \.zip"):
        write_bundle(level_folder, tmp_path / name)


def test_a_place_that_cannot_be_written_is_said(level_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_bundle(level_folder, tmp_path / "no" / "x.zip")


def test_what_is_no_bundle(tmp_path: Path) -> None:
    assert is_bundle(tmp_path)
    assert is_bundle("x.ZIP")
    assert not is_bundle("x.tflite")
    assert not is_bundle("x.onnx")


def test_it_is_unpacked_once_and_by_its_hash(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_bundle(written) as first:
        digest = hashlib.sha256(written.read_bytes()).hexdigest()
        assert first.folder == tmp_path / "cache" / "bundles" / digest
        assert first.folder.parent.stat().st_mode & 0o777 == 0o700
        assert sorted(p.name for p in first.folder.parent.iterdir()) == [digest]

    def never(*_: object) -> None:
        raise AssertionError("it is unpacked again")

    monkeypatch.setattr(bundle_archive.BundleArchive, "_unpack_into", never)
    with read_bundle(written) as second:
        assert second.folder == first.folder


@pytest.mark.parametrize("harm", ["cut", "gone", "card"])
def test_what_is_damaged_in_the_cache_is_unpacked_again(written: Path, harm: str) -> None:
    with read_bundle(written) as bundle:
        whole = content(bundle)
        table = bundle.folder / "tables" / "table.txt"
        if harm == "cut":
            table.write_bytes(b"")
        elif harm == "gone":
            table.unlink()
        else:
            (bundle.folder / "bundle.json").write_text("{}")
    with read_bundle(written) as again:
        assert content(again) == whole
        assert BundleCard.from_json((again.folder / "bundle.json").read_bytes()) == again.card
        assert len(list(again.folder.parent.iterdir())) == 1


def test_bytes_that_changed_in_the_cache_are_noticed(written: Path) -> None:
    with read_bundle(written) as bundle:
        (bundle.folder / "tables" / "table.txt").write_bytes(b"4.0\n")
        with pytest.raises(DamagedArtifact, match=r"table.txt: altered or damaged.*expected SHA-256 66e4c"):
            bundle.asset("table")


def test_without_a_cache_it_is_unpacked_for_this_time(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way of a folder")
    monkeypatch.setenv("EDGEMM_CACHE_DIR", str(tmp_path / "file"))
    with read_bundle(written) as bundle:
        assert bundle.folder.is_dir()
        assert bundle.asset("table") == b"3.0\n"
    assert not bundle.folder.exists()


def test_a_full_disk_is_no_fault_of_the_bundle(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEMM_CACHE_DIR", str(tmp_path / "cache2"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineShortage, match=r"levels.zip: cannot be unpacked: the disk is full"):
        read_bundle(written)
    left = [path for path in tmp_path.rglob("*") if path.name.startswith((".", "edgemm-bundle-"))]
    assert left == []


PROGRAM = """
import sys
from edgemm.card import drivers
drivers.DRIVERS = {"level": "level_bundle:LevelDriver"}
from edgemm.artifact.bundle import read_bundle
sys.stdin.readline()
with read_bundle(sys.argv[1]) as bundle:
    print(bundle.folder, bundle.asset("table").decode(), bundle.read_part("sum").size_bytes)
"""


def test_two_processes_at_once_see_the_whole(written: Path, tmp_path: Path) -> None:
    env = {**os.environ, "EDGEMM_CACHE_DIR": str(tmp_path / "both"), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, str(written)]
    started = [
        subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for each in started:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    told = {each.communicate()[0] for each in started}
    assert len(told) == 1
    assert "3.0" in told.pop()
    assert len(list((tmp_path / "both" / "bundles").iterdir())) == 1


def test_one_unpacks_and_the_others_wait_for_it(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEMM_CACHE_DIR", str(tmp_path / "other"))
    asked: list[int] = []
    both, unpacked = threading.Event(), []
    lock, unpack = fcntl.flock, bundle_archive.BundleArchive._unpack_into

    def flock(handle: int, how: int) -> None:
        asked.append(handle)
        if len(asked) == 2:
            both.set()
        lock(handle, how)

    def unpack_into(self: bundle_archive.BundleArchive, folder: Path) -> None:
        unpacked.append(folder)
        both.wait(5)  # until the other one has asked for the lock
        unpack(self, folder)

    monkeypatch.setattr("edgemm.artifact.bundle_archive.fcntl.flock", flock)
    monkeypatch.setattr(bundle_archive.BundleArchive, "_unpack_into", unpack_into)
    threads = [threading.Thread(target=lambda: read_bundle(written).close()) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(unpacked) == 1


def test_what_is_used_is_the_newest(written: Path) -> None:
    with read_bundle(written) as bundle:
        os.utime(bundle.folder, (1, 1))
    with read_bundle(written) as bundle:
        assert bundle.folder.stat().st_mtime > 1


def test_what_a_killed_process_left_is_removed(written: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "bundles"
    (folder / ".dead.part" / "tables").mkdir(parents=True)
    next(path for path in folder.iterdir() if not path.name.startswith(".")).rename(folder / ".old.part")
    with read_bundle(written) as bundle:
        assert [path.name for path in folder.iterdir()] == [bundle.folder.name]


def test_the_bundle_that_was_used_least_lately_is_forgotten(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_archive, "MAX_KEPT", 3)
    folder = tmp_path / "cache" / "bundles"
    first = next(folder.iterdir())
    for at, name in enumerate(("a", "b")):
        (folder / name).mkdir()
        os.utime(folder / name, (100 + at, 100 + at))
    first.rename(folder / "c")
    with read_bundle(written) as bundle:
        assert {path.name for path in folder.iterdir()} == {bundle.folder.name, "b", "c"}


def test_a_changed_part_or_asset_is_refused(level_folder: Path, written: Path) -> None:
    with read_bundle(written) as bundle:
        sealed = bundle.card.to_json()
    (level_folder / "bundle.json").write_text(sealed)
    for name in FILES:
        with open(level_folder / name, "ab") as file:
            file.write(b"\0")
    with read_bundle(level_folder) as bundle:
        for read, named in (
            (lambda: bundle.read_part("sum"), "sum.onnx"),
            (lambda: bundle.asset("said"), "said.wav"),
        ):
            with pytest.raises(
                DamagedArtifact, match=rf"{named}: altered or damaged since the bundle was written"
            ):
                read()
        with pytest.raises(DamagedArtifact, match=r"sum.onnx: altered"):
            bundle.hashes()


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(level_folder: Path, name: str) -> None:
    (level_folder / name).unlink()
    with pytest.raises(DamagedArtifact, match=rf"expected the file '{name}', found none"):
        read_bundle(level_folder)


def test_a_link_is_not_followed(level_folder: Path, tmp_path: Path) -> None:
    (level_folder / "said.wav").rename(tmp_path / "elsewhere.wav")
    (level_folder / "said.wav").symlink_to(tmp_path / "elsewhere.wav")
    with pytest.raises(DamagedArtifact, match=r"bundle.assets.said: 'said.wav' is a link"):
        read_bundle(level_folder)


def test_the_card_is_no_link(level_folder: Path, tmp_path: Path) -> None:
    (level_folder / "bundle.json").rename(tmp_path / "elsewhere.json")
    with pytest.raises(CardError, match=r"expected the file bundle.json in the folder, found none"):
        read_bundle(level_folder)
    (level_folder / "bundle.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(CardError, match=r"expected the file bundle.json in the folder, found a link"):
        read_bundle(level_folder)


def test_an_asset_is_bounded(level_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgemm.artifact.bundle.MAX_ASSET_BYTES", 84)
    read_bundle(level_folder).close()
    monkeypatch.setattr("edgemm.artifact.bundle.MAX_ASSET_BYTES", 83)
    with pytest.raises(DamagedArtifact, match=r"said.wav: 84 bytes; an asset may have 83"):
        read_bundle(level_folder)


def test_a_folder_that_is_a_link_is_not_followed(level_folder: Path, tmp_path: Path) -> None:
    (level_folder / "tables").rename(tmp_path / "elsewhere")
    (level_folder / "tables").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedArtifact, match=r"bundle.assets.table: 'tables/table.txt' is a link"):
        read_bundle(level_folder)


@pytest.mark.parametrize("make", ["folder", "pipe"])
def test_what_is_no_file_is_refused(level_folder: Path, make: str) -> None:
    (level_folder / "said.wav").unlink()
    os.mkdir(level_folder / "said.wav") if make == "folder" else os.mkfifo(level_folder / "said.wav")
    with pytest.raises(DamagedArtifact, match=r"expected 'said.wav' to be a file"):
        read_bundle(level_folder)


def test_a_name_that_is_not_there_gets_a_hint(level_folder: Path) -> None:
    with read_bundle(level_folder) as bundle:
        with pytest.raises(
            InputError, match=r"part: expected one of sum, scale; found 'scal'. Did you mean 'scale'"
        ):
            bundle.read_part("scal")
        with pytest.raises(InputError, match="asset: expected one of table, said; found 'tabel'"):
            bundle.asset("tabel")


def test_there_is_no_such_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_bundle(tmp_path / "x.zip")
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(InputError, match="found a pipe or a device"):
        read_bundle(tmp_path / "pipe.zip")
