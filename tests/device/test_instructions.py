"""What a processor is from what its kernel lists, and what is said of files that were made for another."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from needs import package

import edgemm
from edgemm import data
from edgemm.artifact import Artifact, read_artifact
from edgemm.card import ModelCard
from edgemm.cli import main
from edgemm.instructions import Instructions, instructions, read_instructions
from edgemm.log import ADVICE
from edgemm.model import suits

pytestmark = pytest.mark.device
HASWELL = "flags : fpu sse4_2 avx avx2 bmi2"
ICE_LAKE = "flags : fpu avx avx2 avx512f avx512bw avx512_vnni"
ALDER_LAKE = "flags\t\t: fpu avx avx2 avx_vnni"
PI_4 = "Features : fp asimd evtstrm crc32 cpuid"
PI_5 = "Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"


@pytest.mark.parametrize(
    ("machine", "listed", "kind", "names", "target"),
    [
        ("x86_64", HASWELL, "x86", ("AVX2",), "x86"),
        ("x86_64", ICE_LAKE, "x86", ("AVX2", "AVX512", "VNNI"), "vnni"),
        ("AMD64", ALDER_LAKE, "x86", ("AVX2", "VNNI"), "vnni"),
        ("x86_64", "", "x86", (), "x86"),
        ("aarch64", PI_4, "arm", ("NEON",), "arm"),
        ("aarch64", PI_5, "arm", ("NEON", "DOTPROD"), "arm"),
        ("armv7l", "", "arm", (), "arm"),
        ("riscv64", "isa : rv64imafdc", "riscv64", (), "cpu"),
    ],
)
def test_what_a_kernel_lists(
    machine: str, listed: str, kind: str, names: tuple[str, ...], target: str
) -> None:
    found = read_instructions(machine, listed)
    assert (found.kind, found.names, found.target) == (kind, names, target)
    assert str(found) == (" ".join(names) or kind)


def test_this_machine_is_of_some_kind() -> None:
    listed = Path("/proc/cpuinfo").read_text().split()
    assert ("VNNI" in instructions().names) == ("avx512_vnni" in listed or "avx_vnni" in listed)


HERE = {
    "vnni": read_instructions("x86_64", ICE_LAKE),
    "x86": read_instructions("x86_64", HASWELL),
    "arm": read_instructions("aarch64", PI_5),
    "cpu": Instructions("riscv64"),
}


@pytest.mark.parametrize("here", HERE)
@pytest.mark.parametrize("made", ["cpu", "x86", "vnni", "arm"])
@pytest.mark.parametrize("scheme", ["static", "dynamic"])
def test_what_is_said_of_a_file(here: str, made: str, scheme: str) -> None:
    said = suits.unsuited(made_for(made, scheme), HERE[here])
    wrong = here == "x86" and made in ("vnni", "arm")
    slow = here in ("vnni", "arm") and made in ("cpu", "x86")
    assert (said is not None) == (wrong or slow)
    if said is not None:
        assert said.wrong == wrong
        assert ("target x86" if wrong else f"target {here}") in said.sentence


def made_for(target: str, scheme: str = "static", file: str = "add.onnx", weights: str = "") -> Artifact:
    artifact = read_artifact(Path(__file__).parents[1] / "assets" / file)
    made = {"scheme": scheme, "target": target, **({"weights": weights} if weights else {})}
    return replace(artifact, card=ModelCard(quantization=made))


@pytest.mark.parametrize("here", HERE)
@pytest.mark.parametrize(
    ("weights", "slow"),
    [
        ("int8 of 7 bits per channel", False),
        ("int8 of 7 bits per channel, 13 int8", False),
        ("int8 of 7 bits per channel, 2 uint8", True),
        ("uint8 per channel", True),
    ],
)
def test_signed_weights_of_7_bits_suit_every_processor(here: str, weights: str, slow: bool) -> None:
    said = suits.unsuited(made_for("cpu", weights=weights), HERE[here])
    assert (said is not None) == (slow and here in ("vnni", "arm"))
    assert said is None or not said.wrong


def test_nothing_is_said_of_float_files_and_tflite() -> None:
    assert suits.unsuited(made_for("arm", "float"), HERE["x86"]) is None
    assert suits.unsuited(made_for("arm", file="add.tflite"), HERE["x86"]) is None
    assert (
        suits.unsuited(read_artifact(Path(__file__).parents[1] / "assets" / "add.onnx"), HERE["x86"]) is None
    )


def test_loading_warns_where_answers_may_be_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    package("onnxruntime")
    path = tmp_path / "made.onnx"
    shutil.copy(data.path("models/digits_ctc.int8.onnx"), path)
    made = read_artifact(path).card
    assert made is not None
    assert made.quantization["target"] in ("cpu", "x86")
    monkeypatch.setattr(suits, "_SIGNED", ("cpu", "x86"))
    monkeypatch.setattr(suits, "instructions", lambda: HERE["x86"])
    with caplog.at_level(logging.WARNING, "edgemm"):
        edgemm.load(path).close()
    assert "saturate" in caplog.text
    caplog.clear()
    monkeypatch.undo()
    with caplog.at_level(logging.WARNING, "edgemm"):
        edgemm.load(path).close()
    assert caplog.text == ""


@pytest.fixture
def made_for_x86(tmp_path: Path) -> Path:
    """A bundled int8 file, whose card says that it was made for x86."""
    package("onnxruntime")
    path = tmp_path / "made.onnx"
    shutil.copy(data.path("models/digits_ctc.int8.onnx"), path)
    return path


@pytest.mark.parametrize(("here", "said"), [("vnni", True), ("x86", False)])
def test_running_a_file_says_that_another_would_be_faster(
    here: str,
    said: bool,
    made_for_x86: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(suits, "instructions", lambda: HERE[here])
    monkeypatch.setattr(logging.getLogger(ADVICE.name), "level", logging.NOTSET)
    app = made_for_x86.parent / "app.json"
    source = str(data.path("digits/3"))
    app.write_text(
        json.dumps({"schema": "edgemm.app/1", "streams": {"a": {"model": "made.onnx", "source": source}}})
    )
    for words in ([str(made_for_x86), "--source", source], [str(app)]):
        caplog.clear()
        main(["run", *words, "--limit", "1"])
        assert ("here a file for the target vnni is faster" in caplog.text) is said


@pytest.mark.parametrize(
    ("here", "suits_here", "wrong"), [("vnni", False, False), ("x86", True, False), ("arm", False, False)]
)
def test_doctor_says_of_files_what_they_were_made_for(
    here: str, suits_here: bool, wrong: bool, made_for_x86: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(suits, "instructions", lambda: HERE[here])
    app = made_for_x86.parent / "app.json"
    app.write_text(
        json.dumps({"schema": "edgemm.app/1", "streams": {"a": {"model": "made.onnx", "source": "camera:0"}}})
    )
    bundle = data.path("models/written_numbers.onnx.zip")
    words = [str(made_for_x86), str(app), str(bundle), str(data.path("models/digits.onnx"))]
    assert main(["doctor", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "edgemm.doctor.files/1"
    files = {each["file"].removeprefix(str(made_for_x86.parent) + "/"): each for each in told["files"]}
    assert list(files) == ["made.onnx", f"{bundle} encoder", f"{bundle} decoder", words[-1]]
    assert (files["made.onnx"]["suits"], files["made.onnx"]["wrong"]) == (suits_here, wrong)
    assert ("is faster" in files[f"{bundle} encoder"]["detail"]) is not suits_here
    assert files[words[-1]]["detail"] == "no card of edgemm's says what it was made for"
    assert main(["doctor", *words]) == 0
    assert ("suits this processor" in capsys.readouterr().out) is suits_here
    assert main(["doctor", "nothing.onnx"]) == 2
