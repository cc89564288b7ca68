"""One boot of the emulated machine: a small first file system, then QEMU until it switches itself off."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devices_vm.kernel import Kernel

DEVICES = ("vivid n_devs=2", "snd-aloop pcm_substreams=1", "snd-dummy")
"""What is loaded, with the modules' options."""
_NEEDED = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
_END = re.compile(r"devices_vm: exit (\d+)\s*")
_NO_END = 1
_TAIL = 30


class Machine:
    """Runs one command in it."""

    def __init__(self, kernel: Kernel, *, memory_mb: int, processors: int) -> None:
        self._kernel = kernel
        self._memory_mb = memory_mb
        self._processors = processors

    def run(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        show: Callable[[str], object],
        timeout_s: float,
    ) -> int:
        """Boots, runs `command` in `folder` as the host's file system has it, and switches off.

        Args:
            command: program and arguments.
            folder: where it runs.
            environment: all that it sees.
            show: called with each line of its output.
            timeout_s: the machine is killed when it takes longer.

        Returns:
            The command's exit status; 1 when the machine ended without one, with the end of the kernel's
            messages shown.
        """
        with tempfile.TemporaryDirectory(prefix="devices_vm") as work:
            first = Path(work, "first.cpio")
            texts = {
                "command": _script(command, folder, environment),
                "devices": "".join(f"{line}\n" for line in DEVICES),
                "limit": f"{timeout_s:.0f}\n",
            }
            first.write_bytes(self._first_files(Path(work, "first"), texts))
            log = Path(work, "kernel.log")
            status = _follow(self._qemu(first, log), show, timeout_s)
            if status is None:
                show(f"devices_vm: no end within {timeout_s:g} s, or none at all; the kernel's last words:")
                for line in log.read_text(errors="replace").splitlines()[-_TAIL:] if log.exists() else ():
                    show(line)
            return _NO_END if status is None else status

    def _qemu(self, first: Path, log: Path) -> list[str]:
        return [
            "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none",
            *_processor(), "-smp", str(self._processors), "-m", str(self._memory_mb),
            "-kernel", str(self._kernel.image), "-initrd", str(first),
            "-append", "console=ttyS0 loglevel=6 panic=-1 rdinit=/init",
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
            "-serial", f"file:{log}", "-serial", "stdio", "-monitor", "none",
        ]  # fmt: skip

    def _first_files(self, root: Path, texts: Mapping[str, str]) -> bytes:
        """An archive of busybox, the modules, `init` and what it reads, as the kernel unpacks it."""
        (root / "bin").mkdir(parents=True)
        (root / "dev").mkdir()
        shutil.copy(shutil.which("busybox") or "", root / "bin" / "busybox")
        shutil.copy(Path(__file__).with_name("init"), root / "init")
        (root / "init").chmod(0o755)
        for name, text in texts.items():
            (root / name).write_text(text)
        self._copy_modules(root / "lib" / "modules" / self._kernel.modules.name)
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        pack = ["busybox", "cpio", "-o", "-H", "newc", "-R", "0:0"]
        return subprocess.run(pack, cwd=root, input=names.encode(), capture_output=True, check=True).stdout

    def _copy_modules(self, target: Path) -> None:
        """Those that are named, and those on which they depend."""
        wanted = {name.replace("-", "_") for name in (*_NEEDED, *(line.split()[0] for line in DEVICES))}
        lines = (self._kernel.modules / "modules.dep").read_text().splitlines()
        depends = {path: needs.split() for path, _, needs in (line.partition(":") for line in lines)}
        todo = [path for path in depends if Path(path).stem.replace("-", "_") in wanted]
        taken: set[str] = set()
        while todo:
            path = todo.pop()
            if path not in taken:
                taken.add(path)
                todo += depends[path]
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self._kernel.modules / path, target / path)
        kept = (f"{path}: {' '.join(depends[path])}\n" for path in sorted(taken))
        (target / "modules.dep").write_text("".join(kept))


def _processor() -> list[str]:
    """The machine's own where it lends it to guests, which /dev/kvm alone does not tell; else an emulated one."""
    flags = Path("/proc/cpuinfo").read_text().split()
    if ("vmx" in flags or "svm" in flags) and os.access("/dev/kvm", os.R_OK | os.W_OK):
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def _script(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    return f"{exports}cd {shlex.quote(str(folder))} || exit 98\nexec {shlex.join(command)}\n"


def _follow(qemu: list[str], show: Callable[[str], object], timeout_s: float) -> int | None:
    """Shows what the machine says; the exit status that it tells at its end."""
    process = subprocess.Popen(
        qemu, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    )
    killer = threading.Timer(timeout_s, process.kill)
    killer.start()
    status = None
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if end := _END.fullmatch(line):
                status = int(end[1])
            else:
                show(line.rstrip())
    finally:
        killer.cancel()
        process.kill()
        process.wait()
    return status
