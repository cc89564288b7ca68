"""The instructions of this processor that int8 hangs on."""

from __future__ import annotations

import platform
from functools import lru_cache

from edgemm.frozen import dataclass

_X86 = {
    "avx2": "AVX2",
    "avx512f": "AVX512",
    "avx512_vnni": "VNNI",
    "avx_vnni": "VNNI",
    "amx_int8": "AMX",
}
_ARM = {"asimd": "NEON", "asimddp": "DOTPROD", "i8mm": "I8MM", "sve": "SVE"}
"""How the kernel lists a feature -> its name; several may have one."""


@dataclass(frozen=True, slots=True)
class Instructions:
    """What a processor has beyond the baseline of its kind."""

    kind: str
    """"x86", "arm", or what the system calls another one."""
    names: tuple[str, ...] = ()
    """Of AVX2, AVX512, VNNI, AMX on x86; of NEON, DOTPROD, I8MM, SVE on Arm. Empty where the system does not say."""

    @property
    def target(self) -> str:
        """What a file is best converted for: "vnni", "x86", "arm", or "cpu" for any."""
        if self.kind == "x86":
            return "vnni" if "VNNI" in self.names else "x86"
        return "arm" if self.kind == "arm" else "cpu"

    def __str__(self) -> str:
        return " ".join(self.names) or self.kind


@lru_cache(maxsize=1)
def instructions() -> Instructions:
    """Of this machine, as its kernel lists them."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            listed = file.read()
    except OSError:
        listed = ""
    return read_instructions(platform.machine(), listed)


def read_instructions(machine: str, listed: str) -> Instructions:
    """From the name of the machine and the text of /proc/cpuinfo."""
    machine = machine.lower()
    if machine in ("x86_64", "amd64", "i686", "i386"):
        kind, known = "x86", _X86
    elif machine.startswith(("arm", "aarch64")):
        kind, known = "arm", _ARM
    else:
        return Instructions(machine)
    words = set(listed.split())
    return Instructions(kind, tuple(dict.fromkeys(name for word, name in known.items() if word in words)))
