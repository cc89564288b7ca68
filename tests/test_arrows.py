"""The arrows between the rooms: who may import whom, read from the source itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest
from arrows import Graph, circles, find_modules, import_graph

ROOT = Path(__file__).resolve().parents[1]
HOST = ("edgemm.converters", "edgemm.quantize")
FORBIDDEN_ON_DEVICE = ("torch", "onnx", "onnx_ir", "onnxscript", "scipy", "converters", "quantize")
HEAVY = ("cv2", "onnxruntime", "ai_edge_litert", "tflite_runtime", "sounddevice", "soxr", "tqdm")

ERRORS = ("errors",)
GROUND = ("errors", "ground", "names", "values")


class Room(NamedTuple):
    """Modules that belong together."""

    modules: tuple[str, ...]
    """Names below `edgemm.`, each with all that is inside it; a longer name in another room comes before."""
    knows: tuple[str, ...]
    """The rooms that it may import; of itself it may import all that makes no circle."""


ROOMS: dict[str, Room] = {
    # The ground floor.
    "errors": Room(("errors", "frozen", "harmless", "redaction"), ()),
    "ground": Room(
        ("amounts", "atomic", "cache", "child_process", "choices", "dependency", "excerpt", "exit_guard", "gate",
         "installed", "instructions", "lifecycle", "litert_runtime", "log", "onnx_runtime", "opencv",
         "runtime_noise", "selection", "sha256", "shortage", "signals", "strict_json", "token_list", "version",
         "voice_level", "worker"),
        ERRORS,
    ),
    "names": Room(("lazy_names",), (*ERRORS, "ground")),
    "values": Room(("affine", "media", "results", "session", "tensors"), (*ERRORS, "names")),
    # Files.
    "card": Room(("card",), GROUND),
    "containers": Room(("artifact.containers",), GROUND),
    "foreign": Room(("foreign",), (*GROUND, "card", "containers")),
    "artifact": Room(("artifact",), (*GROUND, "card", "containers")),
    "inspection": Room(("inspection",), (*GROUND, "card", "containers", "artifact", "foreign")),
    "data": Room(("data",), GROUND),
    "enrolled": Room(("enrolled",), GROUND),
    # What runs on the device: each knows neither the others nor what is above.
    "recorder": Room(("recorder",), GROUND),
    "player": Room(("player",), (*GROUND, "recorder")),
    "capture": Room(("capture",), (*GROUND, "recorder")),
    "preprocess": Room(("preprocess",), (*GROUND, "card")),
    "denoising": Room(("tasks.denoising",), (*GROUND, "card", "preprocess", "tasks")),
    "delegates": Room(("delegates",), GROUND),
    "backends": Room(("backends",), (*GROUND, "card", "artifact", "delegates")),
    "tasks": Room(("tasks",), (*GROUND, "card")),
    "drawing": Room(("drawing",), GROUND),
    "filters": Room(("filters",), (*GROUND, "card")),
    "chain": Room(("chain",), (*GROUND, "preprocess")),
    "judge": Room(("judge",), (*GROUND, "tasks")),
    # A session; what feeds sessions, which knows them by their protocol alone; what takes results.
    "model": Room(
        ("model",),
        (*GROUND, "card", "artifact", "foreign", "inspection", "preprocess", "backends", "tasks"),
    ),
    # Tasks whose networks call each other.
    "drivers": Room(
        ("tasks.attention", "tasks.ctc", "tasks.mirror", "tasks.ocr", "tasks.sequence", "tasks.speech",
         "tasks.transducer", "tasks.voice", "tasks.window_session"),
        (*GROUND, "card", "preprocess", "tasks", "model"),
    ),
    "stream": Room(("stream",), (*GROUND, "capture")),
    "sinks": Room(("sinks",), (*GROUND, "recorder", "player", "capture", "preprocess", "stream", "drawing")),
    # `Model` itself: its method `stream` is where a session and a stream meet.
    "load": Room(
        ("model.chain", "model.filtered", "model.picture_chain", "model.model", "model.load", "model.bundle",
         "model.bundle_goldens"),
        (*GROUND, "card", "enrolled", "filters", "chain", "artifact", "foreign", "preprocess", "backends", "tasks",
         "model", "capture", "stream"),
    ),
    "maps": Room(("judge.maps",), (*GROUND, "tasks", "drawing", "judge", "model", "load")),
    "spread": Room(("judge.spread",), (*GROUND, "sinks")),
    # Programs.
    "facade": Room(
        ("",),
        (*GROUND, "card", "enrolled", "chain", "capture", "stream", "load", "drawing", "judge", "sinks"),
    ),
    "bench": Room(("bench", "bench_operators"), (*GROUND, "card", "artifact", "backends", "model", "facade")),
    # What operators take on a machine.
    "costs": Room(("costs",), (*GROUND, "data", "delegates")),
    "costs.measure": Room(("costs.measure",), (*GROUND, "delegates", "backends", "costs")),
    # A model judged by what is right, beside others.
    "judging": Room(
        ("judge.compute", "judge.corruptions", "judge.figures", "judge.items", "judge.judgement", "judge.pieces",
         "judge.samples"),
        (*GROUND, "card", "artifact", "inspection", "capture", "preprocess", "backends", "tasks", "drawing", "judge",
         "model", "load", "facade", "bench", "maps", "spread"),
    ),
    "doctor": Room(("doctor",), (*GROUND, "recorder", "player", "capture", "delegates", "costs", "facade")),
    "app": Room(("app",), (*GROUND, "card", "chain", "capture", "stream", "sinks", "load")),
    # The host.
    "quantize": Room(
        ("quantize",), (*GROUND, "card", "artifact", "preprocess", "backends", "tasks", "judge", "costs")
    ),
    "converters": Room(
        ("converters",),
        (*GROUND, "card", "containers", "foreign", "artifact", "inspection", "capture", "preprocess", "backends",
         "tasks", "judge", "judging", "costs", "quantize", "facade"),
    ),
    "bundles": Room(
        ("converters.bundles",),
        (*GROUND, "card", "artifact", "inspection", "capture", "tasks", "judge", "judging", "model", "load", "quantize",
         "converters"),
    ),
    "cli": Room(
        ("__main__", "cli"),
        (*GROUND, "card", "containers", "foreign", "artifact", "inspection", "data", "recorder", "capture",
         "preprocess", "delegates", "backends", "tasks", "drawing", "filters", "chain", "judge", "maps", "spread",
         "judging", "model", "stream", "sinks", "load", "facade", "bench", "costs", "costs.measure", "doctor", "app",
         "quantize", "converters", "bundles"),
    ),
}  # fmt: skip
"""Every room, those that it may import before it. A new module needs a place here, a new arrow a name in `knows`."""

MODULES = find_modules(ROOT / "edgemm")
GRAPH = import_graph(MODULES)


def rooms_of(module: str) -> list[str]:
    """The rooms whose names fit a module best: one, or the table is wrong."""
    fits = [(len(name), room) for room, (names, _) in ROOMS.items() for name in names if _holds(name, module)]
    best = max((length for length, _ in fits), default=0)
    return [room for length, room in fits if length == best]


def _holds(name: str, module: str) -> bool:
    return module == "edgemm" if not name else within(module, (f"edgemm.{name}",))


def wrong_arrows(graph: Graph) -> list[str]:
    """The imports for which there is no rule."""
    return [
        f"{module} ({room}) imports {other} ({there})"
        for module, others in graph.items()
        for room in rooms_of(module)
        for other in sorted(others)
        for there in rooms_of(other)
        if there not in (room, *ROOMS[room].knows)
    ]


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


def test_every_module_is_in_one_room() -> None:
    assert len(MODULES) > 200
    assert {module: rooms for module in MODULES if len(rooms := rooms_of(module)) != 1} == {}


def test_a_module_without_a_rule_is_found() -> None:
    assert rooms_of("edgemm.something_new") == []
    assert rooms_of("edgemm.modelling") == []
    assert rooms_of("edgemm.capture.live.a_new_camera") == ["capture"]
    assert (rooms_of("edgemm.model.model"), rooms_of("edgemm.model.state")) == (["load"], ["model"])


def test_the_rooms_make_layers() -> None:
    known = {room: set(each.knows) for room, each in ROOMS.items()}
    assert set().union(*known.values()) <= ROOMS.keys()
    TopologicalSorter(known).prepare()  # raises CycleError


def test_a_room_imports_only_what_it_may_know() -> None:
    assert wrong_arrows(GRAPH) == []


@pytest.mark.parametrize(
    ("module", "other"),
    [
        ("errors", "log"),
        ("media", "choices"),
        ("card.reader", "tasks.decoder"),
        ("card.reader", ""),
        ("artifact.trust", ""),
        ("capture.source", "card"),
        ("capture.open", "model.state"),
        ("backends.ort", "tasks"),
        ("delegates.table", "backends"),
        ("stream.runner", "model.model"),
        ("stream.stream", "tasks.decoder"),
        ("model.sessions", "stream.work"),
        ("tasks.decoder", "model.model"),
        ("sinks.record", "model.model"),
        ("app.service", "cli"),
        ("quantize.plan", "converters"),
        ("converters.conversion", "stream.stream"),
        ("converters.conversion", "model.sessions"),
        ("converters.conversion", "model.model"),
        ("converters.conversion", "cli"),
        ("quantize.plan", "stream.stream"),
        ("quantize.plan", ""),
        ("backends.ort", "quantize"),
        ("model.model", "converters"),
    ],
)
def test_an_arrow_the_wrong_way_is_found(module: str, other: str) -> None:
    graph = {f"edgemm.{module}": frozenset({f"edgemm.{other}".rstrip(".")})}
    assert len(wrong_arrows(graph)) == 1


def test_no_two_modules_import_each_other() -> None:
    """The package itself is left out: what it imports, it imports for those who ask it for a name."""
    assert circles({name: others - {"edgemm"} for name, others in GRAPH.items()}) == []


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    source = {
        "__init__": "",
        "a/__init__": "from .b import name",
        "a/b": "if TYPE_CHECKING:\n    from pkg.c import Name",
        "c": "def later():\n    import os\n    import pkg.d.e",
        "d/__init__": "from pkg import missing",
        "d/e": "try:\n    from ..a import b\nexcept ImportError:\n    from . import f",
        "d/f": "from pkg.a.b import name",
    }
    for name, text in source.items():
        path = tmp_path / "pkg" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    graph = import_graph(find_modules(tmp_path / "pkg"))
    assert {name: sorted(others) for name, others in graph.items()} == {
        "pkg": [],
        "pkg.a": ["pkg.a.b"],
        "pkg.a.b": ["pkg.c"],
        "pkg.c": ["pkg.d.e"],
        "pkg.d": ["pkg"],
        "pkg.d.e": ["pkg.a.b", "pkg.d.f"],
        "pkg.d.f": ["pkg.a.b"],
    }
    assert circles(graph) == [["pkg.a.b", "pkg.c", "pkg.d.e", "pkg.d.f"]]


def test_several_circles_are_told_apart() -> None:
    arrows = {"a": "b", "b": "ca", "c": "d", "d": "e", "e": "c", "f": "ab", "g": ""}
    graph = {name: frozenset(others) for name, others in arrows.items()}
    assert sorted(circles(graph)) == [["a", "b"], ["c", "d", "e"]]


def test_what_a_string_names_is_there() -> None:
    """Child processes and lazy tables name a module and what is in it: "edgemm.recorder.child:main"."""
    entries = {
        (node.value, name)
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"edgemm(\.\w+)+:\w+", node.value)
    }
    assert len(entries) > 5
    assert [entry for entry in sorted(entries) if entry[0].partition(":")[0] not in MODULES] == []


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
