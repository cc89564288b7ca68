"""ZIPs that are no bundle, or are made to do harm."""

from __future__ import annotations

import json
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from level_bundle import level_driver, level_folder

from edgemm.artifact import bundle_archive
from edgemm.artifact.bundle import read_bundle, write_bundle
from edgemm.errors import CardError, DamagedArtifact, UnsupportedVersion

__all__ = ["level_driver", "level_folder"]
ASSETS = Path(__file__).parents[1] / "assets"
Members = dict[str, bytes]


@pytest.fixture
def members(level_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Members:
    """Of a sound bundle."""
    monkeypatch.setenv("EDGEMM_CACHE_DIR", str(tmp_path / "cache"))
    write_bundle(level_folder, tmp_path / "sound.zip").close()
    with zipfile.ZipFile(tmp_path / "sound.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def refused(members: Members, tmp_path: Path) -> Callable[..., None]:
    """`refused(said, *more)`: the bundle with these members behind its own is refused, and nothing is unpacked."""

    def check(
        said: str, *more: tuple[zipfile.ZipInfo | str, bytes], method: int = zipfile.ZIP_DEFLATED
    ) -> None:
        path = pack(tmp_path / "x.zip", members, *more, method=method)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(DamagedArtifact, match=said) as error:
            read_bundle(path)
        assert str(error.value).startswith(str(path))
        assert sorted(tmp_path.rglob("*")) == before

    return check


def pack(
    path: Path,
    members: Members,
    *more: tuple[zipfile.ZipInfo | str, bytes],
    method: int = zipfile.ZIP_DEFLATED,
) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in [*members.items(), *more]:
            archive.writestr(name, content, compress_type=method)
    return path


def test_members_that_are_not_named_do_no_harm_and_are_not_unpacked(members: Members, tmp_path: Path) -> None:
    more: list[tuple[zipfile.ZipInfo | str, bytes]] = [
        ("README.md", b"read me"),
        ("tables/", b""),
        ("__MACOSX/._a", b"x"),
    ]
    with read_bundle(pack(tmp_path / "x.zip", members, *more)) as bundle:
        assert bundle.asset("table") == b"3.0\n"
        assert not (bundle.folder / "README.md").exists()


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "a/./x", "c:/x", "a//x"])
def test_names_that_lead_out(refused: Callable[..., None], name: str) -> None:
    refused("expected the name of a file inside the bundle", (name, b"x"))


def test_a_backslash_in_a_name(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", members, ("a_x", b"x"))
    path.write_bytes(path.read_bytes().replace(b"a_x", b"a\\x"))
    with pytest.raises(DamagedArtifact, match="expected the name of a file inside the bundle"):
        read_bundle(path)


def test_a_name_that_ends_before_its_end(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", members, ("tables_x", b"x"))
    path.write_bytes(path.read_bytes().replace(b"tables_x", b"tables\0x"))
    with pytest.raises(DamagedArtifact, match="whose name is not plain"):
        read_bundle(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK])
def test_links_and_devices(refused: Callable[..., None], kind: int) -> None:
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    refused("has a link or a device, 'link'", (info, b"/etc/passwd"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice(refused: Callable[..., None]) -> None:
    refused("comes twice", ("said.wav", b"x"))


@pytest.mark.parametrize(("first", "second"), [("note", "NOTE"), ("NOTE", "note"), ("a/", "A")])
def test_a_member_twice_in_other_letters(refused: Callable[..., None], first: str, second: str) -> None:
    refused(f"member '{second}' twice", (first, b""), (second, b""))


def test_a_member_that_unpacks_to_far_more(refused: Callable[..., None]) -> None:
    refused(r"'bomb' unpacks from \d+ bytes to 8388608", ("bomb", bytes(8 << 20)))


def test_members_that_are_too_large_together(
    refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_archive, "MAX_UNPACKED", 4000)
    refused(r"unpacks to \d+ bytes; expected at most 4000", ("much", bytes(range(256)) * 10))


def test_too_many_members(refused: Callable[..., None]) -> None:
    refused("513 members", *((f"{number}", b"") for number in range(508)))


def test_an_encrypted_member(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", members)
    with zipfile.ZipFile(path) as archive:
        begin, directory = archive.getinfo("said.wav").header_offset, archive.start_dir
    data = bytearray(path.read_bytes())
    data[begin + 6] |= 1  # the flag, in the member and in the directory
    data[data.index(b"said.wav", directory) - 46 + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DamagedArtifact, match=r"encrypted member, 'said.wav'. Write it without a password"):
        read_bundle(path)


def test_a_member_that_lies_about_its_size(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", members)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        at = data.index(b"said.wav", archive.start_dir) - 46 + 24
    struct.pack_into("<L", data, at, struct.unpack_from("<L", data, at)[0] + 5)
    path.write_bytes(data)
    with pytest.raises(DamagedArtifact, match=r"x\.zip: the ZIP is damaged"):
        read_bundle(path)
    assert not [each for each in (tmp_path / "cache" / "bundles").iterdir() if each.name.startswith(".")]


def test_another_method_of_packing(refused: Callable[..., None], members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path / "y.zip", members, method=zipfile.ZIP_LZMA)
    with pytest.raises(DamagedArtifact, match="is packed by method 14"):
        read_bundle(path)


@pytest.mark.parametrize("at", [0, 60, 100, 1000, -30, -3])
def test_a_zip_that_is_cut_or_changed(members: Members, tmp_path: Path, at: int) -> None:
    path = pack(tmp_path / "x.zip", members, method=zipfile.ZIP_STORED)
    data = path.read_bytes()
    path.write_bytes(data[:at])
    with pytest.raises((DamagedArtifact, CardError)):
        read_bundle(path)
    path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at:][1:])
    with pytest.raises((DamagedArtifact, CardError)), read_bundle(path) as bundle:
        bundle.hashes()


def test_bytes_before_the_zip(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", members)
    path.write_bytes(b"PK\x03\x04#!/bin/sh\n" + path.read_bytes())
    with pytest.raises(DamagedArtifact, match="does not begin with its first member"):
        read_bundle(path)


def test_a_tflite_file_with_a_zip_at_its_end_is_no_bundle(members: Members, tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", members)
    path.write_bytes((ASSETS / "quadrant.tflite").read_bytes() + path.read_bytes())
    with pytest.raises(DamagedArtifact, match=r"expected a bundle, .* found a TFLite model"):
        read_bundle(path)


def test_another_file_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"<html>not found</html>")
    with pytest.raises(DamagedArtifact, match="does not begin as one"):
        read_bundle(tmp_path / "x.zip")


def test_a_zip_without_a_card_says_what_is_in_it(members: Members, tmp_path: Path) -> None:
    card = members.pop("bundle.json")
    path = pack(tmp_path / "x.zip", members)
    with pytest.raises(CardError, match=r"expected bundle.json in the ZIP, found sum.onnx, scale.onnx"):
        read_bundle(path)
    inside = {f"levels/{name}": content for name, content in {**members, "bundle.json": card}.items()}
    with pytest.raises(CardError, match=r"at the top of the ZIP, found 'levels/bundle.json'. Unpack it"):
        read_bundle(pack(tmp_path / "x.zip", inside))


def test_a_zip_without_hashes_or_files_is_refused(members: Members, tmp_path: Path) -> None:
    content = json.loads(members["bundle.json"])
    del content["parts"]["sum"]["sha256"]
    path = pack(tmp_path / "x.zip", {**members, "bundle.json": json.dumps(content).encode()})
    with pytest.raises(
        CardError, match=r"bundle.parts.sum.sha256: expected the hash of 'sum.onnx', found none"
    ):
        read_bundle(path)
    del members["said.wav"]
    with pytest.raises(DamagedArtifact, match=r"bundle.assets.said: the file 'said.wav' is not in the ZIP"):
        read_bundle(pack(tmp_path / "x.zip", members))


def test_a_card_that_is_wrong_is_told_with_the_zip(members: Members, tmp_path: Path) -> None:
    newer = json.loads(members["bundle.json"]) | {"schema": "edgemm.bundle/2"}
    path = pack(tmp_path / "x.zip", {**members, "bundle.json": json.dumps(newer).encode()})
    with pytest.raises(
        UnsupportedVersion, match=r"x\.zip: the bundle is edgemm.bundle/2.*install a newer edgemm"
    ):
        read_bundle(path)
    with pytest.raises(CardError, match=r"x\.zip: the bundle is not readable JSON"):
        read_bundle(pack(tmp_path / "x.zip", {**members, "bundle.json": b"{"}))
