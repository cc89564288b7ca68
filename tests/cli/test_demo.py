"""`edgemm demo` tells the whole story, and the README's first commands, which follow it, run as printed."""

from __future__ import annotations

import io
import json
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from needs import needs

from edgemm import data
from edgemm.cli import main
from edgemm.cli.demo.vision import SHOWN
from edgemm.opencv import opencv

needs(opencv)
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROMISED = re.compile(
    r"^The fourth command prints, beside its notes:\n\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL
)


def commands(part: str) -> list[list[str]]:
    """The edgemm commands in the shell blocks of a part of the README, in words."""
    lines = "\n".join(SHELL.findall(part)).replace("\\\n", " ").splitlines()
    words = [shlex.split(one, comments=True) for line in lines for one in line.split(" && ")]
    return [each[1:] for each in words if each and each[0] == "edgemm"]


SCENES = (("scene_detector", "mAP50", 0.95, 0.95), ("scene_segmenter", "mIoU", 0.7, 0.9))
"""Network, what it is measured by, what that is at least in float, and how much of float's answers int8 keeps: thin ink
differs at its edges."""
LATER = (
    "Two networks behind each other, on a film",
    "Text in a picture",
    "A picture twice as large",
    "Digits made by their label",
    "Filters",
    "Float and int8, judged",
)
FIRST_STEPS = README[README.index("## First steps") : README.index("## What you can do")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo was run, as `make demo` runs it from the repository's folder; demo.json is what it printed. In the
    place of a camera and a microphone are files, which keep no time."""
    here = tmp_path_factory.mktemp("repository")
    devices = ["--camera", str(data.path("digits")), "--microphone", str(data.path("spoken_digits"))]
    with redirect_stdout(io.StringIO()) as printed:
        assert main(["demo", "--output", str(here / "out" / "demo"), "--json", *devices]) == 0
    (here / "demo.json").write_text(printed.getvalue(), encoding="utf-8")
    return here


def test_the_demo_tells_the_whole_story(folder: Path) -> None:
    content: dict[str, Any] = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
    seen, heard = content["devices"]
    assert (seen["trouble"], heard["trouble"]) == ("", "")
    assert seen["summary"]["delivered"] == 40
    assert heard["summary"]["samples"]["captured"] >= 4 * 8000
    by_name = {(each["model"], each["format"], each["scheme"]): each for each in content["models"]}
    for format_ in ("tflite", "onnx"):
        whole, small = by_name["digits", format_, "float"], by_name["digits", format_, "int8"]
        assert small["size_bytes"] <= 0.3 * whole["size_bytes"]
        assert abs(small["accuracy"] - whole["accuracy"]) <= 0.005
        assert small["agreement"] >= 0.99
        for network, figure, least, kept in SCENES:
            whole, small = by_name[network, format_, "float"], by_name[network, format_, "int8"]
            assert whole[figure] >= least
            assert small[figure] >= whole[figure] - 0.01
            assert small["kept"] >= kept
            assert small["size_bytes"] <= 0.4 * whole["size_bytes"]
    strings = content["streams"][-1]
    assert strings["written"] == strings["said"] == ["four two seven", "three one eight nine"]
    first = [each["text"] for each in strings["told"] if each["at_s"] < 4]
    assert first == ["four", "four two", "four two seven"]  # while it was said
    digits = content["chain"]["digits"]
    assert (
        digits["true"] == 4 * content["chain"]["summary"]["delivered"] >= 4 * 40
    )  # a busy machine drops some
    assert digits["found"] >= 0.98 * digits["true"]
    assert digits["read"] >= 0.95 * digits["true"]
    assert digits["things"] <= 1.02 * digits["true"]
    assert content["super_resolution"]["network_db"] >= content["super_resolution"]["bicubic_db"] + 0.5
    assert content["generated"]["count"] == 200
    assert content["generated"]["read_right"] >= 0.9 * 200
    whole, small = content["judgement"]["models"]
    for each in (whole, small):
        low, high = each["accuracy"]["interval"]
        assert low < each["accuracy"]["value"] <= high
        assert each["accuracy"]["samples"] == 300
        assert each["compute"]["p50_ms"] > 0
        for curve in each["generalization"]["corruptions"].values():
            assert len(curve) == 6
            assert curve[0] >= 0.95
    assert set(small["generalization"]["corruptions"]) >= {"noise", "blur", "brightness"}
    assert small["accuracy"]["value"] >= whole["accuracy"]["value"] - 0.01
    assert small["storage"]["file_bytes"] <= 0.3 * whole["storage"]["file_bytes"]
    page = (folder / "out" / "demo" / "report.html").read_text(encoding="utf-8")
    assert page.count("<video") == 3  # detector, segmenter, chain
    assert all(page.count(f'alt="{digit}, read as ') == 4 for digit in range(10))
    assert all(f"<h2>{title}</h2>" in page for title in LATER)
    assert "edgemm run edgemm/data/models/page_reader.tflite.zip" in page
    for each in content["reading"]:
        assert each["lines"] == 10
    assert content["reading"][0]["exact"] >= 9
    assert content["reading"][1]["exact"] >= 6  # turned, and in uneven light
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert page.count("<svg") >= 8
    for scheme in ("float", "int8"):  # frames of the film under each network
        assert page.count(f'alt="{scheme} .tflite"') == len(SCENES) * len(SHOWN)


def test_the_first_commands_run_as_printed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    printed = []
    for command in commands(FIRST_STEPS):
        capsys.readouterr()
        there = [str(ROOT / word) if word.startswith("edgemm/data") else word for word in command]
        assert main(there) == 0, command
        printed.append(capsys.readouterr().out)
    assert len(printed) == 6
    assert printed[0].count("edgemm/data/digits/") == 40
    for word in ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"):
        assert re.search(rf"\b{word}\b", printed[1])
    assert printed[2].count("out/demo/scenes.avi") == 120
    assert (folder / "found.webm").stat().st_size > 10_000
    promised = PROMISED.search(FIRST_STEPS)
    assert promised
    columns = [re.split(r"  +", line) for line in promised.group(1).splitlines()]
    found = [re.split(r"  +", line) for line in printed[3].splitlines()[: len(columns)]]
    assert found[0] == columns[0]  # the size, to the byte: the same conversion on every machine
    assert found[1] == columns[1]
    assert float(found[2][1]) == pytest.approx(float(columns[2][1]), abs=1)  # dB: instruction sets differ
