"""The arrows between the rooms: who may import whom, read from the source itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOST = ("edgemm.converters", "edgemm.quantize")
FORBIDDEN_ON_DEVICE = ("torch", "onnx", "onnx_ir", "onnxscript", "scipy", "converters", "quantize")
HEAVY = ("cv2", "onnxruntime", "ai_edge_litert", "tflite_runtime", "sounddevice", "soxr", "tqdm")

ROOMS = {
    "recorder": (
        "capture",
        "preprocess",
        "backends",
        "delegates",
        "tasks",
        "stream",
        "model",
        "model_session",
        "cli",
    ),
    "capture": ("backends", "delegates", "tasks", "stream", "model", "model_session", "preprocess", "cli"),
    "preprocess": ("capture", "backends", "delegates", "tasks", "stream", "model", "model_session", "cli"),
    "backends": ("capture", "preprocess", "tasks", "stream", "model", "model_session", "cli"),
    "delegates": ("capture", "preprocess", "tasks", "stream", "model", "model_session", "cli"),
    "tasks": ("capture", "preprocess", "backends", "delegates", "stream", "model", "model_session", "cli"),
    "drawing": (
        "capture",
        "preprocess",
        "backends",
        "delegates",
        "tasks",
        "stream",
        "model",
        "sinks",
        "app",
        "cli",
    ),
    "sinks": ("preprocess", "backends", "delegates", "tasks", "model", "app", "cli"),
    "app": ("cli", "backends", "delegates", "tasks", "preprocess"),
    "stream": ("backends", "delegates", "preprocess", "tasks", "model", "model_session", "cli"),
}
"""Room -> the modules of edgemm that it knows nothing of."""

MAY_NOT_LOAD = ("cv2", "sounddevice", "soundfile", "librosa", "gi", "picamera2")
"""Packages around a library in C that the system may lack: importing them may raise OSError."""


def imports(path: Path, *, top_level: bool) -> Iterator[str]:
    """Absolute names that a file imports; with `top_level`, only those that importing the file runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _running(tree.body) if top_level else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _running(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _running(node.orelse)
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            yield from _running(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            yield from _running(handler.body)


def files(folder: str) -> list[Path]:
    """Python files of a room, the linked host folders left out."""
    linked = {(ROOT / "edgemm" / name) for name in ("converters", "quantize")}
    found = sorted((ROOT / folder).rglob("*.py"))
    return [path for path in found if not linked & set(path.parents)]


def within(name: str, packages: tuple[str, ...]) -> bool:
    """True when `name` is one of the packages or inside one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def device_files() -> list[Path]:
    return [path for path in files("edgemm") if "cli" not in path.relative_to(ROOT / "edgemm").parts]


def test_there_are_files_to_check() -> None:
    assert len(device_files()) > 20


@pytest.mark.parametrize("path", device_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_device_side_never_imports_the_host_side(path: Path) -> None:
    wrong = [name for name in imports(path, top_level=False) if within(name, (*FORBIDDEN_ON_DEVICE, *HOST))]
    assert wrong == []


@pytest.mark.parametrize("path", files("edgemm"), ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_are_imported_where_they_are_used(path: Path) -> None:
    wrong = [
        name for name in imports(path, top_level=True) if within(name, (*HEAVY, *FORBIDDEN_ON_DEVICE, *HOST))
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_only_the_rooms_before_it(room: str) -> None:
    forbidden = tuple(f"edgemm.{name}" for name in ROOMS[room])
    wrong = [
        f"{path.name}: {name}"
        for path in files(f"edgemm/{room}")
        for name in imports(path, top_level=False)
        if within(name, forbidden)
    ]
    assert wrong == []


def test_quantize_never_imports_converters() -> None:
    wrong = [
        name
        for path in files("quantize")
        for name in imports(path, top_level=False)
        if within(name, HOST[:1])
    ]
    assert wrong == []


def test_the_host_folders_know_nothing_of_streams_and_commands() -> None:
    forbidden = ("edgemm.stream", "edgemm.cli", "edgemm.model.model", "edgemm.model.sessions")
    wrong = [
        f"{path.name}: {name}"
        for folder in ("converters", "quantize")
        for path in files(folder)
        for name in imports(path, top_level=False)
        if within(name, forbidden)
    ]
    assert wrong == []


def test_no_test_imports_at_its_head_what_may_not_load() -> None:
    """It would keep its room from being collected; `needs` and `package` in `rigs/needs.py` skip instead."""
    programs = ("gst_server.py", "mjpeg_server.py")  # run in processes of their own
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files("tests")
        for name in imports(path, top_level=True)
        if within(name, MAY_NOT_LOAD) and path.name not in programs
    ]
    assert found == []


def test_onnx_runtime_is_imported_by_one_module_which_turns_its_telemetry_off() -> None:
    importers = {
        str(path.relative_to(ROOT))
        for folder in ("edgemm", "converters", "quantize")
        for path in files(folder)
        if any(within(name, ("onnxruntime",)) for name in imports(path, top_level=False))
        or re.search(
            r'(?:load_dependency|import_module|__import__)\("onnxruntime', path.read_text(encoding="utf-8")
        )
    }
    assert importers == {"edgemm/onnx_runtime.py"}


def test_processes_are_started_isolated() -> None:
    """Only `child_process` knows how: `python -m` or a bare `-c` would import from the current folder."""
    found = {
        str(path.relative_to(ROOT))
        for folder in ("edgemm", "converters", "quantize")
        for path in files(folder)
        if "sys.executable" in path.read_text(encoding="utf-8")
    }
    assert found == {"edgemm/child_process.py"}
