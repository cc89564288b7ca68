"""The optional packages of edgemm: which are installed, and whether each can be imported.

Each is imported in a child process of its own. A package that crashes there, as one built for a newer processor does,
is reported like one that raises.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module, metadata, util

from edgemm.child_process import command
from edgemm.dependency import again, install_command, is_32_bit

TIMEOUT_S = 120.0
"""For all imports together: a small board reads hundreds of megabytes from a slow card."""
_REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Part:
    """One optional part of edgemm, and how to find it."""

    feature: str
    """Its name for people."""
    module: str
    """What is imported to see whether it works; its top-level package tells whether it is installed."""
    extra: str
    """The extra that installs it; "" where none does."""
    imported: bool = True
    """False: looked for only, since its import takes seconds."""


PARTS = (
    Part("numpy", "numpy", ""),
    Part("LiteRT", "ai_edge_litert.interpreter", "litert"),
    Part("tflite-runtime", "tflite_runtime.interpreter", ""),
    Part("ONNX Runtime", "onnxruntime", "ort"),
    Part("OpenCV", "cv2", "vision"),
    Part("simplejpeg", "simplejpeg", "vision"),
    Part("sounddevice", "sounddevice", "audio"),
    Part("soxr", "soxr", "audio"),
    Part("tokenizers", "tokenizers", "text"),
    Part("SentencePiece", "sentencepiece", "text"),
    Part("onnx", "onnx", "convert"),
    Part("Dask", "distributed", "dask", imported=False),
    Part("PyTorch", "torch", "torch", imported=False),
)


@dataclass(frozen=True, slots=True)
class Package:
    """What was found of one part."""

    feature: str
    version: str
    """"" when it is not installed."""
    detail: str
    """Distributions that installed it; or the command that does, or why it cannot be imported."""
    works: bool
    """It is installed and can be imported."""


def examine_packages() -> tuple[tuple[Package, ...], tuple[str, ...]]:
    """All parts, and advice on those that are installed twice or cannot be imported."""
    owners = _owners()
    here = [part for part in PARTS if util.find_spec(_top(part)) is not None]
    reasons = _broken([part.module for part in here if part.imported])
    packages = tuple(_package(part, part in here, reasons.get(part.module, ""), owners) for part in PARTS)
    advice = [_advice(part, reasons[part.module]) for part in here if part.module in reasons]
    return packages, (*_twice(owners), *filter(None, advice))


def _advice(part: Part, reason: str) -> str:
    if (
        part.module == "sounddevice"
    ):  # whoever lists the microphones learns whether PortAudio or a package is at fault
        return ""
    said = f"{part.feature} is installed and cannot be imported ({reason}). "
    if part.module == "tflite_runtime.interpreter":
        instead = install_command("ai_edge_litert", "litert")
        return f"{said}It needs numpy < 2. " + (
            f"Install its successor instead: {instead}"
            if instead
            else 'Install both with: pip install "edgemm[tflite]"'
        )
    command = install_command(_top(part), part.extra) or f"pip install {_top(part)}"
    return f"{said}Install it again with: {again(command)}"


def _package(part: Part, here: bool, broken: str, owners: Mapping[str, list[str]]) -> Package:
    if not here:
        command = install_command(_top(part), part.extra)
        none = "no package for 32-bit systems" if is_32_bit() and not command else ""
        return Package(part.feature, "", command or none, False)
    names = owners.get(_top(part), [])
    versions = [metadata.version(name) for name in names]
    detail = f"cannot be imported: {broken}" if broken else ", ".join(names)
    return Package(part.feature, versions[0] if versions else "unknown", detail, not broken)


def _top(part: Part) -> str:
    return part.module.partition(".")[0]


def _broken(modules: list[str]) -> dict[str, str]:
    """Module -> why its import failed, for those that fail."""
    environment = {"ORT_DISABLE_TELEMETRY": "1", **os.environ}
    children = {
        module: subprocess.Popen(
            command("edgemm.installed:import_named", module), env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
        )
        for module in modules
    }  # fmt: skip
    reasons = {module: _reason(child) for module, child in children.items()}
    return {module: reason for module, reason in reasons.items() if reason}


def import_named() -> int:
    """In the child: imports the module that its first argument names."""
    import_module(sys.argv[1])
    return 0


def _reason(child: subprocess.Popen[str]) -> str:
    """The last line of a failed child's traceback; "" when it ended well."""
    try:
        _, said = child.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return f"its import took more than {TIMEOUT_S:g} s"
    if child.returncode == 0:
        return ""
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        hint = ", so it was probably built for another processor" if name == "SIGILL" else ""
        return f"its import was ended by {name}{hint}"
    lines = [line for line in said.splitlines() if line and not line.startswith(" ")]
    return lines[-1][:_REASON_LENGTH] if lines else f"its import ended with exit status {child.returncode}"


def _owners() -> dict[str, list[str]]:
    """Module -> the distributions that install it. Reads the list of files of each, so it is called once."""
    return {module: sorted(set(owners)) for module, owners in metadata.packages_distributions().items()}


def _twice(owners: Mapping[str, list[str]]) -> list[str]:
    """Two distributions that install one module overwrite each other's files."""
    return [
        f"{' and '.join(names)} both install {module!r}; keep one: pip uninstall {' '.join(names)}, "
        "then install the one that you want"
        for module, names in owners.items()
        if len(names) > 1 and module in {_top(part) for part in PARTS}
    ]
