"""What commands write: never through a link, never half, and always by one module."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgemm import data
from edgemm.cli import main

ROOT = Path(__file__).resolve().parents[2]
WRITERS = ("edgemm/atomic.py", "edgemm/sinks/shared_file.py", "edgemm/artifact/bundle_archive.py")
"""Who opens files for writing: artifacts and reports, records, and bundles that are unpacked into the cache."""


IN_MEMORY = ("wave.open(stored", "wave.open(made", "wave.open(out")


def writing_calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
        target = ast.unparse(node)
        if (
            called in ("write_text", "write_bytes", "savez", "savez_compressed", "tofile")
            and "/proc/" not in target
        ):
            yield target
        if called == "open" and any(
            isinstance(mode, str) and mode in ("w", "wb", "x", "xb", "a", "ab") for mode in texts
        ):
            yield target
        if "O_CREAT" in target and called == "open":
            yield target


@pytest.mark.parametrize("folder", ["edgemm", "converters", "quantize"])
def test_everything_is_written_by_one_module(folder: str) -> None:
    linked = {ROOT / "edgemm" / name for name in ("converters", "quantize")}
    found = [
        f"{path.relative_to(ROOT)}: {call}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not linked & set(path.parents) and str(path.relative_to(ROOT)) not in WRITERS
        for call in writing_calls(path)
        if not any(
            each in call
            for each in ("BytesIO", "wave.open(stored", "wave.open(made", "wave.open(out", "os.devnull")
        )
    ]
    assert found == []


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """out.onnx, which leads to another's file."""
    (tmp_path / "theirs").write_bytes(b"theirs")
    (tmp_path / "out.onnx").symlink_to("theirs")
    return tmp_path / "out.onnx"


def test_convert_refuses_a_link_before_it_begins(link: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unread = link.with_name("theirs.onnx")
    unread.write_bytes(b"no model, which nobody has looked at yet")
    source = str(unread)
    assert main(["convert", source, "-o", str(link), "--scheme", "float"]) == 2
    assert "it is a link to theirs, and links are not followed" in capsys.readouterr().err
    page = link.with_name("page.html")
    page.symlink_to("theirs")
    output = str(link.with_name("new.onnx"))
    assert main(["convert", source, "-o", output, "--scheme", "float", "--report", str(page)]) == 2
    assert "--report" in capsys.readouterr().err
    assert sorted(path.name for path in link.parent.iterdir()) == [
        "out.onnx",
        "page.html",
        "theirs",
        "theirs.onnx",
    ]
    assert (link.parent / "theirs").read_bytes() == b"theirs"


def test_a_card_is_not_set_through_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(data.path("models/digits.onnx"), tmp_path / "real.onnx")
    before = (tmp_path / "real.onnx").read_bytes()
    (tmp_path / "link.onnx").symlink_to("real.onnx")
    assert main(["card", "copy", str(tmp_path / "real.onnx"), str(tmp_path / "link.onnx")]) == 2
    assert "Name the file itself" in capsys.readouterr().err
    assert (tmp_path / "real.onnx").read_bytes() == before
    assert (tmp_path / "link.onnx").is_symlink()


def test_a_card_keeps_a_private_file_private(tmp_path: Path) -> None:
    shutil.copy(data.path("models/digits.onnx"), tmp_path / "a.onnx")
    (tmp_path / "a.onnx").chmod(0o600)
    assert main(["card", "copy", str(data.path("models/digits.onnx")), str(tmp_path / "a.onnx")]) == 0
    assert (tmp_path / "a.onnx").stat().st_mode & 0o777 == 0o600
