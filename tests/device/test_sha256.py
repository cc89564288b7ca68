"""Hashes without OpenSSL are those that everybody knows."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from edgemm.sha256 import FEW, sha256_hex

pytestmark = pytest.mark.device
PROGRAM = """
import sys
from edgemm.sha256 import sha256_hex
print(sha256_hex(b"abc"), "hashlib" in sys.modules)
print(sha256_hex(bytes({size})), "hashlib" in sys.modules)
"""
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""Of "abc", as FIPS 180-4 has it."""


def test_few_bytes_are_hashed_without_openssl_and_many_with_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(size=FEW + 1)], stdout=subprocess.PIPE, text=True, check=True
    )
    many = hashlib.sha256(bytes(FEW + 1)).hexdigest()
    assert done.stdout.split() == [ABC, "False", many, "True"]


def test_a_python_without_it_has_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_sha2", "_sha256"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "hashlib")
    assert sha256_hex(b"abc") == ABC
