"""`edgemm judge`: float against int8 of the bundled networks, the page, the card, constraints, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edgemm import data
from edgemm.artifact import read_artifact, replace_card
from edgemm.cli import main
from edgemm.cli.demo.charts import curves, intervals, legend

DIGITS, KEYWORDS = data.path("models/digits.onnx"), data.path("models/keywords.onnx")
PICTURES, WORDS = str(data.path("digits")), str(data.path("spoken_digits"))
QUICK = ("--runs", "0", "--maps", "0", "--spoilt", "4")


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "digits.tflite"
    assert main(["convert", str(DIGITS), "-o", str(path), "--calibrate", PICTURES]) == 0
    return path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["judge", *words, "--json"]) in (0, 3)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_float_against_int8(int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    words = (str(DIGITS), str(int8), "--data", PICTURES, "--runs", "20", "--maps", "2", "--spoilt", "4")
    found = told(capsys, *words, "--report", str(page), "--choose", "accuracy>=0.9, size_kb<=500")
    assert found["schema"] == "edgemm.judge/1"
    whole, small = found["models"]
    assert whole["accuracy"]["value"] == small["accuracy"]["value"] == 0.975
    assert small["accuracy"]["same_as_first"] >= 0.97
    assert whole["compute"]["macs"] == small["compute"]["macs"] == 1_218_048
    assert small["storage"]["file_bytes"] == int8.stat().st_size < 0.4 * whole["storage"]["file_bytes"]
    assert small["storage"]["compressed_bytes"] < small["storage"]["file_bytes"]
    assert small["compute"]["p50_ms"] > 0
    assert small["storage"]["peak_mb"] > small["storage"]["peak_model_mb"] > 0
    assert found["choice"]["best"] == str(int8)
    assert "svg" not in json.dumps([each["interpretability"]["drawn"] for each in found["models"]])
    (mistake,) = whole["interpretability"]["mistakes"]
    assert (mistake["answer"], mistake["truth"]) == ("8", "5")
    assert mistake["svg"].startswith("<svg")
    assert "data:image/png;base64," in mistake["svg"]
    html = page.read_text()
    for title in ("Accuracy", "Generalization", "Worst cases", "Interpretability", "Compute", "Storage"):
        assert f"<h2>{title}</h2>" in html
    assert not re.search(r'(src|href)="(?!data:)', html)  # nothing is loaded from elsewhere
    assert "<script" not in html
    assert html.count(f"{mistake['name']}: what &#x27;8&#x27; rests on") == 2
    assert mistake["svg"].partition(">")[2] in html
    assert html.count("5 taken for 8") >= 4  # the worst case and the mistake, of both
    for kind in ("noise", "blur", "brightness", "compression", "rotation"):
        assert f"<title>{kind}</title>" in html


def test_sound_is_named_on_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    mixed = tmp_path / "words" / "two"
    mixed.mkdir(parents=True)
    for name in ("one", "two"):
        (mixed / f"{name}.wav").write_bytes(data.path(f"spoken_digits/{name}.wav").read_bytes())
    assert main(["judge", str(KEYWORDS), "--data", str(mixed.parent), *QUICK, "--report", str(page)]) == 0
    assert "<td>two/one.wav</td>" in page.read_text()


def test_constraints_that_none_meets_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["judge", str(DIGITS), "--data", PICTURES, "--runs", "0", "--maps", "0", "--spoilt", "0"]
    assert main([*words, "--choose", "accuracy>=0.9, size_kb<=500"]) == 3
    said = capsys.readouterr().out
    assert "none of the models meets accuracy>=0.9, size_kb<=500" in said
    assert "missed: size_kb<=500: it has 830.4" in said
    assert main([*words, "--choose", "accuracy>=0.9"]) == 0
    assert f"best: {DIGITS}" in capsys.readouterr().out
    assert main([*words, "--choose", "energy_mj<=1"]) == 3
    assert "energy_mj<=1: not told" in capsys.readouterr().out


def test_what_is_not_known_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", str(KEYWORDS), "--data", WORDS, *QUICK]) == 0
    lines = dict(
        re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in capsys.readouterr().out.splitlines() if line
    )
    assert (
        lines["latency, median"]
        == lines["energy of an inference"]
        == lines["peak memory of a process"]
        == "-"
    )
    assert lines["95 % of such samples"] == "72.2% to 100.0%"  # Wilson for 10 of 10


def test_the_card_keeps_the_figures(tmp_path: Path) -> None:
    file = tmp_path / "digits.onnx"
    file.write_bytes(DIGITS.read_bytes())
    assert main(["judge", str(file), "--data", PICTURES, *QUICK, "--write-card"]) == 0
    card = read_artifact(file).card
    assert card is not None
    assert card.judgement["metric"] == "top-1"
    assert card.judgement["value"] == 0.975
    assert card.judgement["data"] == "digits"
    assert card.judgement["interval"] == pytest.approx([0.871, 0.996], abs=1e-3)
    assert "latency_ms" not in card.judgement
    assert main(["verify", str(file)]) in (0, 6)  # without goldens there is nothing to replay


def test_a_card_that_is_not_in_the_file_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["judge", str(DIGITS), "--data", PICTURES, *QUICK, "--write-card"]
    assert main([*words, "--preset", "imagenet"]) == 2
    assert "edgemm card set" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["bundle", "bare", "link"])
def test_a_card_that_cannot_be_written_is_refused_before_anything_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    file, said = tmp_path / "x.onnx", "links are not followed"
    if kind == "bundle":
        file, said = (
            data.path("models/written_numbers.onnx.zip"),
            "is a bundle, whose card is in its bundle.json",
        )
    elif kind == "bare":
        file.write_bytes(read_artifact(DIGITS).payload)
        said = "carries no card. Write one"
    else:
        file.symlink_to(DIGITS)
    monkeypatch.setattr("edgemm.judge.judgement.judge", lambda *_, **__: pytest.fail("it was judged"))
    assert main(["judge", str(file), "--data", PICTURES, "--write-card"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "nowhere"], "nothing of that name"),
        (["--data", PICTURES, "--choose", "accurcy>=1"], "Did you mean 'accuracy'"),
        (["--data", PICTURES, "--other", "nowhere"], "nowhere: there is nothing of that name"),
        (["--data", PICTURES, "--report", "no/page.html"], "does not exist"),
        (["--data", PICTURES, "--report", str(DIGITS)], "read here"),
        (["--data", PICTURES, "--dask", "tcp://x", "--jobs", "2"], "--dask or --jobs"),
        (["--data", PICTURES, "--samples", "1"], "whole number"),
        (["--data", WORDS], "expected pictures"),
        ([], "--data"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["judge", str(DIGITS), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_file_twice_and_two_tasks_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", str(DIGITS), str(DIGITS), "--data", PICTURES]) == 2
    assert "each file once" in capsys.readouterr().err
    assert main(["judge", str(DIGITS), str(KEYWORDS), "--data", PICTURES]) == 2
    assert "models of one task" in capsys.readouterr().err


def test_what_is_no_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.onnx"
    file.write_bytes(b"nothing")
    assert main(["judge", str(file), "--data", PICTURES]) == 6
    bare = tmp_path / "bare.onnx"
    bare.write_bytes(DIGITS.read_bytes())
    replace_card(bare, None)
    assert main(["judge", str(bare), "--data", PICTURES]) == 2
    assert "--card or --preset" in capsys.readouterr().err


def test_curves_place_their_points_by_figure() -> None:
    drawn = curves({"a": [1.0, 0.5, None], "b": [0.0, 0.0, 0.0]}, "<noise>")
    points = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)
    heights = [float(y) for _, y in points]
    assert len(points) == 5
    assert heights[0] < heights[1] < heights[2] == heights[4]
    assert heights[1] == pytest.approx((heights[0] + heights[2]) / 2, abs=0.1)
    assert "&lt;noise&gt;" in drawn
    assert "<noise>" not in drawn
    assert len(re.findall("stroke-dasharray", legend(["a", "b"]))) == 2


def test_curves_and_intervals_of_other_units_stay_within_the_picture() -> None:
    drawn = curves({"a": [12.0, -3.0], "b": [20.0, 0.0]}, "dB")
    assert all(24 <= float(y) <= 166 for y in re.findall(r'cy="([\d.]+)"', drawn))
    drawn = intervals({"a": (0.9, (0.8, 0.95)), "b": (0.5, None)}, "top-1")
    assert all(170 <= float(x) <= 490 for x in re.findall(r'cx="([\d.]+)"', drawn))
