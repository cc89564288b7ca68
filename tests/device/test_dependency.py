"""A package that is not installed, one that is installed and broken, and systems that have no package of it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgemm.dependency import install_command, load_dependency, missing_litert
from edgemm.doctor import examine
from edgemm.errors import EdgemmError, MissingDependency
from edgemm.installed import examine_packages
from edgemm.litert_runtime import find_litert
from edgemm.recorder.process import as_error
from edgemm.recorder.wire import Failed

pytestmark = pytest.mark.device

BROKEN = {
    "import _of_another_package": "ModuleNotFoundError: No module named '_of_another_package'",
    "from math import no_such_name": "ImportError: cannot import name",
    "raise OSError('libz.so: cannot map')": "OSError: libz.so: cannot map",
    "raise ValueError('numpy.dtype size changed')": "ValueError: numpy.dtype size changed",
    "raise SystemError('initialization failed')": "SystemError: initialization failed",
    "raise AttributeError('_ARRAY_API')": "AttributeError: _ARRAY_API",
}
LOADERS = {
    "cv2": "from edgemm.opencv import opencv as load",
    "soxr": "from edgemm.preprocess.resample import Resampler; load = lambda: Resampler(8000, 16000)",
    "sounddevice": "from edgemm.recorder.portaudio import sounddevice as load",
    "picamera2": "from edgemm.capture.live.picamera import picamera2 as load",
    "ai_edge_litert": "from edgemm.inspection.tflite import structure; load = lambda: structure(b'')",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The first place where packages are looked for."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def package(folder: Path, name: str, code: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(code)


def test_what_is_absent_is_not_installed() -> None:
    with pytest.raises(
        MissingDependency, match=r'^Thing is not installed. Install it with: pip install "edgemm\[x\]"$'
    ):
        load_dependency("no_such_package", "Thing", "x")


@pytest.mark.parametrize("code", BROKEN)
def test_what_is_broken_is_installed(code: str, folder: Path) -> None:
    package(folder, "thing", code)
    with pytest.raises(MissingDependency) as raised:
        load_dependency("thing", "Thing", "x")
    said = str(raised.value)
    assert said.startswith(f"Thing is installed and cannot be imported ({BROKEN[code]}")
    assert said.endswith('Install it again with: pip install --force-reinstall "edgemm[x]"')


def test_a_part_that_a_package_lacks_is_a_fault_of_the_package(folder: Path) -> None:
    package(folder, "thing", "")
    with pytest.raises(MissingDependency, match="is installed and cannot be imported"):
        load_dependency("thing.interpreter", "Thing", "x")


@pytest.mark.parametrize("module", LOADERS)
def test_every_optional_package_says_so(module: str, tmp_path: Path) -> None:
    """Of sounddevice this is what a broken cffi looks like."""
    package(tmp_path, module, "import _cffi_backend_of_another_python")
    code = f"""import sys; sys.path[:] = {[str(tmp_path), *sys.path]!r}
from edgemm.errors import MissingDependency
{LOADERS[module]}
try:
    load()
except MissingDependency as error:
    print(error)"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "is installed and cannot be imported (ModuleNotFoundError: No module named '_cffi_b" in said
    assert "is not installed" not in said


def test_no_portaudio_is_told_from_a_portaudio_that_does_not_load(tmp_path: Path) -> None:
    for reason, expected in (
        ("PortAudio library not found", "is not installed. Install it with: sudo apt install libportaudio2"),
        (
            "libasound.so.2: no such file",
            "is installed and cannot be imported (libasound.so.2: no such file)",
        ),
    ):
        (tmp_path / "sounddevice.py").write_text(f"raise OSError({reason!r})")
        code = f"""import sys; sys.path[:] = {[str(tmp_path), *sys.path]!r}; sys.dont_write_bytecode = True
from edgemm.recorder.portaudio import sounddevice
try:
    sounddevice()
except ImportError as error:
    print(error)"""
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert said.startswith("PortAudio, the library behind microphones and speakers, " + expected)


@pytest.mark.parametrize(
    "error",
    [
        MissingDependency("sounddevice", "audio"),
        MissingDependency("sounddevice", "audio", broken="no _cffi_backend"),
        MissingDependency("PortAudio", command="sudo apt install libportaudio2"),
    ],
)
def test_the_error_of_the_recording_process_keeps_its_words(error: MissingDependency) -> None:
    again = as_error(Failed("MissingDependency", str(error)))
    assert isinstance(again, MissingDependency)
    assert (str(again), again.install_command) == (str(error), error.install_command)


def test_doctor_reports_a_package_that_cannot_be_imported(folder: Path) -> None:
    package(folder, "soxr", "import _gone")
    packages, advice = examine_packages()
    found = next(each for each in packages if each.feature == "soxr")
    assert (found.works, found.detail) == (
        False,
        "cannot be imported: ModuleNotFoundError: No module named '_gone'",
    )
    assert any("soxr is installed and cannot be imported" in each and "reinstall" in each for each in advice)


def test_doctor_survives_a_package_that_crashes(folder: Path) -> None:
    package(folder, "soxr", "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    packages, _ = examine_packages()
    detail = next(each.detail for each in packages if each.feature == "soxr")
    assert (
        detail
        == "cannot be imported: its import was ended by SIGILL, so it was probably built for another processor"
    )


def small(monkeypatch: pytest.MonkeyPatch, machine: str, python: tuple[int, int]) -> None:
    """This process, taken for a 32-bit Python."""
    monkeypatch.setattr(
        "edgemm.dependency.sys", SimpleNamespace(maxsize=2**31 - 1, version_info=(*python, 0))
    )
    version = f"{python[0]}.{python[1]}.0"
    monkeypatch.setattr(
        "edgemm.dependency.platform",
        SimpleNamespace(machine=lambda: machine, python_version=lambda: version),
    )


@pytest.mark.parametrize(
    ("machine", "python", "said"),
    [
        ("armv7l", (3, 11), r'pip install "edgemm\[tflite\]"'),
        ("aarch64", (3, 9), r'pip install "edgemm\[tflite\]"'),  # a 32-bit system on a 64-bit kernel
        ("armv7l", (3, 12), "32-bit armv7l and Python 3.12.*Python 3.11 or older"),
        ("i686", (3, 11), "32-bit i686.*needs a 64-bit system"),
    ],
)
def test_a_32_bit_system_is_told_which_runtime_it_can_have(
    machine: str, python: tuple[int, int], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, machine, python)
    with pytest.raises(MissingDependency, match=said):
        raise missing_litert()
    assert "edgemm[litert]" not in str(missing_litert())


def test_a_32_bit_system_is_not_told_to_install_what_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, "armv7l", (3, 11))
    commands = {
        module: install_command(module, "extra")
        for module in (
            "numpy",
            "cv2",
            "sounddevice",
            "soxr",
            "onnxruntime",
            "ai_edge_litert",
            "onnx",
            "torch",
        )
    }
    assert commands == {
        **dict.fromkeys(commands, ""),
        "numpy": "sudo apt install python3-numpy",
        "cv2": "sudo apt install python3-opencv",
        "sounddevice": "pip install sounddevice",
    }
    with pytest.raises(MissingDependency, match=r"not installed\. It has no package for 32-bit systems"):
        load_dependency("no_such_package", "soxr", "audio")


def test_doctor_on_32_bit_says_what_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, "armv7l", (3, 11))
    monkeypatch.setattr("edgemm.doctor.DELEGATES", ())
    monkeypatch.setattr("edgemm.installed.util.find_spec", lambda name: None)
    health = examine()
    assert {each.detail for each in health.packages if each.feature in ("soxr", "ONNX Runtime", "onnx")} == {
        "no package for 32-bit systems"
    }
    advice = "\n".join(health.advice)
    assert "python3-numpy python3-opencv" in advice
    assert 'pip install "edgemm[tflite]"' in advice
    assert "edgemm[ort]" not in advice


def test_no_runtime_at_all_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

    monkeypatch.setattr("edgemm.litert_runtime.import_module", absent)
    with pytest.raises(EdgemmError, match=r'pip install "edgemm\[litert\]"'):
        find_litert()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise OSError('PortAudio library not found')", "is not installed.*sudo apt install libportaudio2"),
        (
            "import _cffi_backend_of_another_python",
            "^sounddevice is installed and cannot be imported.*reinstall",
        ),
    ],
)
def test_doctor_says_once_why_sound_does_not_work(
    code: str, expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(folder, "sounddevice", code)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr("edgemm.doctor.DELEGATES", ())
    advice = [each for each in examine().advice if "PortAudio" in each or "sounddevice" in each]
    assert len(advice) == 1
    assert re.search(expected, advice[0])


def test_doctor_advises_the_successor_of_a_broken_tflite_runtime(folder: Path) -> None:
    package(folder, "tflite_runtime", "")
    (folder / "tflite_runtime" / "interpreter.py").write_text("raise AttributeError('_ARRAY_API not found')")
    _, advice = examine_packages()
    assert [each for each in advice if "tflite-runtime" in each] == [
        "tflite-runtime is installed and cannot be imported (AttributeError: _ARRAY_API not found). "
        'It needs numpy < 2. Install its successor instead: pip install "edgemm[litert]"'
    ]


def test_the_extra_of_tflite_runtime_is_refused_by_pip_where_there_is_none() -> None:
    """With a marker for Python's version pip would install the extra without its runtime, and say nothing."""
    project = Path(__file__).parents[2] / "pyproject.toml"
    (line,) = (each for each in project.read_text().splitlines() if each.startswith("tflite ="))
    assert "tflite-runtime" in line
    assert ";" not in line
