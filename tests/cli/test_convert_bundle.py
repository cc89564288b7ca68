"""`edgemm convert` of a bundle."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_translator import RECIPE, Translator, write_translator

from edgemm.cli import main

NETWORK = Translator()
TEXTS = ("abc", "bd", "h", "feed", "cab", "gg", "ea", "bead")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_translator(tmp_path_factory.mktemp("tiny") / "source.zip", NETWORK)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_text("".join(f"{text}\t{NETWORK.text(text)}\n" for text in TEXTS))
    return str(path)


def test_it_says_what_the_parts_and_the_whole_kept(
    source: Path, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "x.zip")
    given = ["--calibrate", pairs, "--part", "encoder=keep", "--part", "decoder=float", "--format", "onnx"]
    assert main(["convert", str(source), "-o", out, *given]) == 0
    said = capsys.readouterr()
    assert f"{out}: the bundle 'tiny' is written" in said.out
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line}
    assert rows["encoder"][:4] == ["encoder.onnx", "as", "it", "is"]
    assert rows["decoder"][:2] == ["decoder.onnx", "float"]
    assert "led along the source's 12 steps: the best class is the same in 100.0%" in said.out
    assert "freely: 100.0% of 2 texts are the source's" in said.out
    assert "BLEU against the truth: 100.000, 100.000 in float (at least 99.000)" in said.out
    assert "decoder: writing" in said.err


def test_one_object(source: Path, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--evaluate", pairs, "--part", "encoder=keep", "--part", "decoder=dynamic", "--json"]
    assert main(["convert", str(source), "-o", str(tmp_path / "x.zip"), *given]) == 0
    said = capsys.readouterr()
    content: dict[str, Any] = json.loads(said.out)
    assert content["schema"] == "edgemm.convert.bundle/1"
    assert content["parts"]["decoder"]["scheme"] == "dynamic"
    assert content["parts"]["encoder"]["kept"] == "as asked for"
    assert content["together"]["items"] == len(TEXTS)
    assert content["size_bytes"] == (tmp_path / "x.zip").stat().st_size
    assert said.err == ""


def test_below_the_gate(source: Path, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--calibrate", pairs, "--part", "encoder=float", "--min-db", "150", "--repair", "off", "--json"]
    assert main(["convert", str(source), "-o", str(tmp_path / "x.zip"), *given]) == 3
    content = json.loads(capsys.readouterr().out)
    assert content["schema"] == "edgemm.error/1"
    assert content["measured"]["schema"] == "edgemm.convert/1"
    assert "part 'decoder': fidelity is below the gate" in content["message"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--shape", "ids=1,5"], "--shape: is for one model.*--length ROLE.INPUT=SIZES"),
        (["--card", "x.json"], "--card: is for one model.*bundle.json has the cards"),
        (["--stepwise", "1"], "--stepwise: is for one model"),
        (["--report", "nowhere/x.html"], "--report nowhere/x.html: the folder nowhere does not exist"),
        (
            ["--length", "encoder.ids=1,8", "--length", "encoder.ids=1,8"],
            "of which each holds the one before",
        ),
        (["--part", "decoder"], "--part decoder: expected ROLE=SCHEME"),
        (["--part", "decoder=dinamic"], "expected ROLE=SCHEME.*Did you mean 'dynamic'"),
        (
            ["--part", "decoda=float"],
            "--part decoda: expected one of encoder, decoder.*Did you mean 'decoder'",
        ),
        (["--length", "ids=1,5"], "--length ids=1,5: expected ROLE.INPUT=SIZES"),
        (["--length", "encoder.ids=1,0"], "expected ROLE.INPUT=SIZES with whole numbers"),
        (["--length", "encoder.ids=1,5"], "--length encoder.ids=1,5: expected 1,8"),
        (["--calibrate", "nowhere.tsv"], "--calibrate: nowhere.tsv: expected a file of texts"),
    ],
)
def test_options_that_do_not_fit(
    source: Path, tmp_path: Path, given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(source), "-o", str(tmp_path / "x.zip"), *given]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [["--format", "onnx"], ["--part", "a=keep"], ["--length", "a.b=1"]])
def test_options_of_bundles_for_one_model(
    tmp_path: Path, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "digits.onnx", "-o", str(tmp_path / "x.tflite"), *given]) == 2
    assert f"{given[0]}: is for bundles" in capsys.readouterr().err


def test_a_folder_that_is_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert main(["convert", str(tmp_path / "in"), "-o", str(tmp_path / "x.zip")]) == 2
    assert "expected a bundle, a folder with bundle.json" in capsys.readouterr().err


def test_the_name_of_the_output(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(source), "-o", str(tmp_path / "x.tflite")]) == 2
    assert "must end in .zip" in capsys.readouterr().err


def test_a_bundle_is_measured(source: Path, pairs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(source), "--evaluate", pairs, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["outputs"] == []
    assert found["measured"]["samples"] == len(TEXTS)
    assert found["measured"]["exact"] == 1.0
    assert found["measured"]["BLEU"] == pytest.approx(100.0)
    assert main(["verify", str(source), "--evaluate", pairs]) == 0
    assert "BLEU: 100\n" in capsys.readouterr().out


def test_a_wrong_truth_shows(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(f"abc\t{NETWORK.text('abc')}\nbd\tno no no no\n")
    assert main(["verify", str(source), "--evaluate", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["measured"]
    assert found["exact"] == 0.5
    assert 0 < found["BLEU"] < 100


@pytest.mark.parametrize(
    ("file", "data", "said"),
    [
        ("", "abc\n", "item 1: expected what is right for it too"),
        ("", "", "expected a text in each line, found none"),
        ("digits", "abc\n", "--evaluate: is for bundles"),
    ],
)
def test_what_cannot_be_measured(
    source: Path, tmp_path: Path, file: str, data: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgemm import data as bundled

    (tmp_path / "x.txt").write_text(data)
    path = str(bundled.path("models/digits_ctc.int8.tflite")) if file else str(source)
    assert main(["verify", path, "--evaluate", str(tmp_path / "x.txt")]) == 2
    assert said in capsys.readouterr().err


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose files leave the length of the text open."""
    recipe = replace(RECIPE, source=replace(RECIPE.source, length=64))
    return write_translator(tmp_path_factory.mktemp("tiny") / "open.zip", Translator(), recipe, length=0)


def test_several_lengths_with_what_was_decided(
    opened: Path, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        "--length",
        "encoder.ids=1,3",
        "--length",
        "encoder.ids=1,8",
        "--report",
        str(tmp_path / "page.html"),
    ]
    output = str(tmp_path / "x.zip")
    assert main(["convert", str(opened), "-o", output, "--calibrate", pairs, "--explain", *given]) == 0
    said = capsys.readouterr().out
    names = [f"{role} length_{length}" for role in ("encoder", "decoder") for length in (8, 3)]
    for name in names:
        assert f"part {name}:\n" in said
        assert re.search(rf"^{name} +\w+\.tflite +\w+ ", said, re.MULTILINE)
    assert said.count("MatMul") >= 2  # of what is decided for each operator of both decoders
    page = (tmp_path / "page.html").read_text()
    assert [f"<h2>Part {name}</h2>" in page for name in names] == [True] * 4
    assert "<h2>The whole</h2>" in page
    assert "<strong>Holds the gate</strong>" in page
    for section in ("Verdict", "Size and latency", "What was decided"):
        assert page.count(f"<h3>{section}</h3>") == 4
    assert "SHA-256" not in page  # of the parts: what they are fed with is what the whole is
    assert page.index("<h2>The whole</h2>") < page.index("<h2>Parts</h2>") < page.index("<h2>Part encoder")
    assert "edgemm convert" in page[page.index("<h2>Made with</h2>") :]
    assert "edgemm verify x.zip" in page
    assert "BLEU" in page


def test_the_page_of_a_whole_below_its_gate(
    opened: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgemm.converters.bundles import conversion
    from edgemm.converters.bundles.together import Together

    monkeypatch.setattr(conversion, "judge", lambda *given: Together(1, missed=("nothing is right",)))
    (tmp_path / "a.txt").write_text("abc\nhg\n")
    page = tmp_path / "page.html"
    given = ["--calibrate", str(tmp_path / "a.txt"), "--report", str(page), "--length", "encoder.ids=1,8"]
    assert main(["convert", str(opened), "-o", str(tmp_path / "x.zip"), *given]) == 3
    assert "<strong>Below the gate</strong>" in page.read_text()
    assert "<li>nothing is right</li>" in page.read_text()
    assert "--gate warn writes the bundle" in page.read_text()
    assert "edgemm verify" not in page.read_text()
    assert not (tmp_path / "x.zip").exists()


def test_the_page_of_a_part_below_its_gate(opened: Path, pairs: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    given = [
        "--calibrate",
        pairs,
        "--report",
        str(page),
        "--min-db",
        "150",
        "--repair",
        "off",
        "--scheme",
        "static",
    ]
    assert main(["convert", str(opened), "-o", str(tmp_path / "x.zip"), *given]) == 3
    assert "Each layer" in page.read_text()
