"""Goldens: packed small, read within bounds."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.artifact.goldens import MAX_BYTES, Goldens
from edgemm.errors import DamagedArtifact, InputError

pytestmark = pytest.mark.device
ONE = np.ones((1, 2), np.int8)


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    """Goldens need no runtime."""


def pack(index: Any, **members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("index.json", index if isinstance(index, str) else json.dumps(index))
    return out.getvalue()


def npy(header: str, data: bytes = b"") -> bytes:
    padded = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + data


def index(inputs: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {"inputs": [inputs], "outputs": [{}], "tolerances": {}, **changes}


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(1, 2, 3),
        np.array([[-128, 127]], np.int8),
        np.array([True, False]),
        np.array(7, np.int64),
        np.zeros((1, 0), np.float32),
        np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
        np.ones(3, np.float16),
    ],
    ids=lambda array: f"{array.dtype}{list(array.shape)}",
)
def test_an_array_comes_back(array: npt.NDArray[Any]) -> None:
    read = Goldens.from_bytes(Goldens(({"a/b c": array},), ({},)).to_bytes())
    np.testing.assert_array_equal(read.inputs[0]["a/b c"], array, strict=True)


def test_the_same_goldens_are_the_same_bytes() -> None:
    goldens = Goldens(({"x": ONE},), ({"y": ONE},), {"y": 0.5, "a": 1.0})
    assert Goldens.from_bytes(goldens.to_bytes()).to_bytes() == goldens.to_bytes()


def test_numpy_opens_them() -> None:
    packed = Goldens(({"x": ONE},), ({"y": ONE},)).to_bytes()
    with np.load(io.BytesIO(packed), allow_pickle=False) as opened:
        np.testing.assert_array_equal(opened["inputs0.0"], ONE)


@pytest.mark.parametrize(
    "goldens",
    [
        Goldens(({"x": ONE},) * 5, ({"y": ONE},) * 5),
        Goldens(({"x": ONE},), ()),
        Goldens(({"x": np.zeros(33 << 20, np.int8)},), ({},)),
        Goldens(({"x": np.array(["text"])},), ({},)),
    ],
    ids=["five", "no outputs", "large", "text"],
)
def test_what_would_not_be_read_is_not_written(goldens: Goldens) -> None:
    with pytest.raises(InputError, match="goldens: expected"):
        goldens.to_bytes()


SOUND = npy("{'descr': '|i1', 'fortran_order': False, 'shape': (1,), }", b"x")


def test_the_forgery_is_sound_but_for_one_thing() -> None:
    assert Goldens.from_bytes(pack(index({"x": "m"}), m=SOUND)).inputs[0]["x"] == ord("x")


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"", "its end is missing"),
        (b"no archive", "its end is missing"),
        (bytes(MAX_BYTES + 1), "at most 262144 are read"),
        (pack("{"), "damaged"),
        (pack([1]), "not one of goldens"),
        (pack({"inputs": 1, "outputs": [], "tolerances": {}}), "a list of at most 4"),
        (pack({"inputs": [{}] * 5, "outputs": [{}] * 5, "tolerances": {}}), "a list of at most 4"),
        (pack({"inputs": ["m"], "outputs": [{}], "tolerances": {}}), "names of tensors"),
        (pack(index({}, outputs=[])), "1 inputs and 0 outputs"),
        (pack(index({}, tolerances={"y": "NaN"})), "a tolerance of 0 or more"),
        (pack(index({}, tolerances={"y": -1})), "a tolerance of 0 or more"),
        (pack('{"inputs": [{}], "outputs": [{}], "tolerances": {"y": NaN}}'), "NaN is no number"),
        (pack(index({"x": "absent"})), "twice, or it is not there"),
        (pack(index({"x": "m", "y": "m"}), m=SOUND), "twice, or it is not there"),
        (pack(index({"x": "m"}), m=SOUND[:-1]), r"an array int8\[1\] in 0 bytes"),
        (pack(index({"x": "m"}), m=npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }")), "a plain array"),
        (
            pack(index({"x": "m"}), m=npy("{'descr': '|i1', 'fortran_order': True, 'shape': (1,), }", b"x")),
            "a plain array",
        ),
        (
            pack(index({"x": "m"}), m=npy("{'descr': '|i1', 'fortran_order': False, 'shape': (1,), } ,", b"x")),
            "a plain array",
        ),
        (
            pack(index({"x": "m"}), m=npy("{'descr': '|i1', 'fortran_order': False, 'shape': (+1,), }", b"x")),
            "a plain array",
        ),
        (pack(index({"x": "m"}), m=npy("{'descr': ('|i1', 'shape': (1,)", b"x")), "a plain array"),
        (pack(index({"x": "m"}), m=npy("__import__('os').abort()")), "a plain array"),
        (
            pack(index({"x": "m"}), m=npy("{'descr': '|i1', 'fortran_order': False, 'shape': (999999999999,), }")),
            "in 0 bytes",
        ),
        (pack(index({"x": "m"}), m=SOUND + bytes(40 << 20)), "bytes unpacked"),
        (pack(index({}), **{f"m{n}": b"" for n in range(1030)}), "1031 members listed"),
        (pack(" " * (1 << 18)), "at most 131072 are read"),
    ],
)  # fmt: skip
def test_what_is_hostile_is_refused(packed: bytes, message: str) -> None:
    with pytest.raises(DamagedArtifact, match=message):
        Goldens.from_bytes(packed)
