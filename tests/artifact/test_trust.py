"""Which files are opened at once: bundled, made here, probed before. A hash in a card is no reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import edgemm
from edgemm import data
from edgemm.artifact import Artifact, read_artifact, trust, write_artifact
from edgemm.artifact.trust import is_trusted, remember
from edgemm.cache import cache_folder, open_private
from edgemm.card import InputCard, ModelCard
from edgemm.model import file_probe

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(file_probe, "_refused", {})
    monkeypatch.setenv("EDGEMM_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hashed(tmp_path: Path) -> Artifact:
    """With a card whose hash matches, which anybody can write."""
    write_artifact(tmp_path / "add.onnx", (ASSETS / "add.onnx").read_bytes(), ModelCard(name="adder"))
    return read_artifact(tmp_path / "add.onnx")


class Asked:
    """Counts the probes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self._ask = 0, file_probe._ask
        monkeypatch.setattr(file_probe, "_ask", self)

    def __call__(self, artifact: Artifact, first_s: float, open_sizes: bool) -> object:
        self.count += 1
        return self._ask(artifact, first_s, open_sizes)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def test_a_matching_hash_is_no_trust(hashed: Artifact, asked: Asked) -> None:
    assert not is_trusted(hashed)
    edgemm.load(hashed.path).close()
    assert asked.count == 1


def test_what_was_probed_is_not_probed_again(hashed: Artifact, asked: Asked) -> None:
    for _ in range(3):
        edgemm.load(hashed.path).close()
    assert asked.count == 1


def test_a_refused_file_is_not_trusted(tmp_path: Path, asked: Asked) -> None:
    write_artifact(tmp_path / "bad.onnx", (ASSETS / "outside.onnx").read_bytes(), ModelCard())
    for _ in range(2):
        with pytest.raises(edgemm.DamagedArtifact):
            edgemm.load(tmp_path / "bad.onnx")
    assert asked.count == 1
    assert not is_trusted(read_artifact(tmp_path / "bad.onnx"))


def test_bundled_files_are_trusted(asked: Asked) -> None:
    bundled = sorted((Path(data.__file__).parent / "models").glob("*.onnx"))
    assert bundled
    for path in bundled:
        edgemm.load(path).close()
    assert asked.count == 0


def test_a_copy_of_a_bundled_file_is_probed(tmp_path: Path, asked: Asked) -> None:
    copy = tmp_path / "edgemm" / "data" / "digits.onnx"
    copy.parent.mkdir(parents=True)
    copy.write_bytes((Path(data.__file__).parent / "models" / "digits.onnx").read_bytes())
    edgemm.load(copy).close()
    assert asked.count == 1


def test_what_was_made_here_is_trusted_wherever_it_lies(
    hashed: Artifact, tmp_path: Path, asked: Asked
) -> None:
    assert remember(hashed, "made")
    moved = hashed.path.rename(tmp_path / "moved.onnx")
    edgemm.load(moved).close()
    assert asked.count == 0


def test_another_card_over_the_same_model_is_trusted_if_its_shapes_are_the_same(hashed: Artifact) -> None:
    remember(hashed, "made")
    write_artifact(hashed.path, hashed.payload, ModelCard(name="another"))
    assert is_trusted(read_artifact(hashed.path))
    write_artifact(hashed.path, hashed.payload, ModelCard(inputs=(InputCard("x", shape=(1 << 20,)),)))
    assert not is_trusted(read_artifact(hashed.path))


def test_a_changed_model_is_not_trusted(hashed: Artifact) -> None:
    remember(hashed, "made")
    write_artifact(hashed.path, hashed.payload + b"\x08\x08", ModelCard(name="adder"))
    assert not is_trusted(read_artifact(hashed.path))


@pytest.mark.parametrize("what", ["runtime_version", "PROBE"])
def test_what_another_runtime_or_probe_let_pass_is_probed_again(
    hashed: Artifact, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    remember(hashed, "probed")
    assert is_trusted(hashed)
    monkeypatch.setattr(trust, what, (lambda _: "another") if what == "runtime_version" else 99)
    assert not is_trusted(hashed)


def test_another_edgemm_probes_again(hashed: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(hashed, "probed")
    monkeypatch.setattr(trust, "__version__", "99.0")
    assert not is_trusted(hashed)


def test_what_was_made_here_stays_trusted_under_a_newer_edgemm(
    hashed: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(hashed, "made")
    monkeypatch.setattr(trust, "__version__", "99.0")
    monkeypatch.setattr(trust, "runtime_version", lambda _: "another")
    assert is_trusted(hashed)


# The cache: only what nobody else can have written counts.


def test_the_folder_is_the_user_s_alone(hashed: Artifact, cache: Path) -> None:
    remember(hashed, "made")
    folder = cache / trust.FOLDER
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [each.stat().st_mode & 0o777 for each in folder.iterdir()] == [0o600]


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o755, 0o777, 0o702])
def test_a_folder_that_others_can_open_counts_for_nothing(hashed: Artifact, cache: Path, mode: int) -> None:
    remember(hashed, "made")
    (cache / trust.FOLDER).chmod(mode)
    assert not is_trusted(hashed)
    assert not remember(hashed, "made")


def test_an_entry_that_others_can_write_counts_for_nothing(hashed: Artifact, cache: Path) -> None:
    remember(hashed, "made")
    entry = next((cache / trust.FOLDER).iterdir())
    entry.chmod(0o620)
    assert not is_trusted(hashed)
    entry.chmod(0o644)
    assert is_trusted(hashed)


def test_links_count_for_nothing(hashed: Artifact, cache: Path, tmp_path: Path) -> None:
    remember(hashed, "made")
    folder = cache / trust.FOLDER
    entry = next(folder.iterdir())
    elsewhere = entry.rename(tmp_path / "entry")
    entry.symlink_to(elsewhere)
    assert not is_trusted(hashed)
    entry.unlink()
    elsewhere.rename(entry)
    assert is_trusted(hashed)
    moved = folder.rename(tmp_path / "moved")
    folder.symlink_to(moved)
    assert not is_trusted(hashed)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
@pytest.mark.parametrize("what", ["folder", "entry"])
def test_what_belongs_to_somebody_else_counts_for_nothing(hashed: Artifact, cache: Path, what: str) -> None:
    remember(hashed, "made")
    folder = cache / trust.FOLDER
    os.chown(folder if what == "folder" else next(folder.iterdir()), 12345, 12345)
    assert not is_trusted(hashed)


def test_without_a_cache_files_are_probed_each_time(
    hashed: Artifact, asked: Asked, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("a file where the folder would be")
    for _ in range(2):
        edgemm.load(hashed.path).close()
    assert asked.count == 2


def test_the_oldest_entries_are_forgotten(
    hashed: Artifact, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "MAX_ENTRIES", 10)
    folder = cache / trust.FOLDER
    remember(hashed, "made")
    for number in range(9):
        (folder / f"old{number}").touch()
        os.utime(folder / f"old{number}", (number, number))
    assert remember(hashed, "probed")
    assert is_trusted(hashed)
    assert len(list(folder.iterdir())) == 5


def test_looking_makes_no_folder(hashed: Artifact, cache: Path) -> None:
    is_trusted(hashed)
    assert not cache.exists()


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"EDGEMM_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/edgemm"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/no/such/home"}, None),
        ({}, None),
    ],
)
def test_where_the_cache_is(
    environment: dict[str, str], folder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EDGEMM_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = cache_folder()
    assert (None if found is None else str(found)) == folder


def test_a_home_has_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEMM_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "edgemm"
    handle = open_private("x", create=True)
    assert handle is not None
    os.close(handle)
