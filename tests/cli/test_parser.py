"""Usage errors: sentences that name what was expected, and the nearest word."""

from __future__ import annotations

import json

import pytest

from edgemm.cli import COMMANDS, main

pytestmark = pytest.mark.device

CONVERT = ["convert", "a.onnx", "-o", "b.tflite"]


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What stderr says of a usage error, which is one line."""
    assert main(words) == 2
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.count("\n") == 1
    return caught.err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["expected a command: demo, convert", "edgemm --help"]),
        (["convrt", "x"], ["found 'convrt'", "Did you mean 'convert'? See: edgemm --help"]),
        (["card", "shwo", "x"], ["card: expected one of new, show", "Did you mean 'show'?"]),
        (["--versoin"], ["there is no option --versoin", "'--version'"]),
        (["convert"], ["convert: expected SOURCE (the trained", "and -o OUT (the file to write"]),
        (["convert", "a.onnx", "--outptu", "b.tflite"], ["no option --outptu", "Did you mean '--output'?"]),
        ([*CONVERT, "--calib", "x"], ["no option --calib", "Did you mean '--calibrate'?"]),
        ([*CONVERT, "c.onnx"], ["convert: 'c.onnx' is one argument too many"]),
        ([*CONVERT, "--gate"], ["--gate: expected --gate fail|warn|off, found nothing"]),
        ([*CONVERT, "--calibrate"], ["--calibrate: expected --calibrate DATA (real data"]),
        ([*CONVERT, "--gate", "warm"], ["--gate: expected one of fail, warn, off; found 'warm'", "'warn'"]),
        ([*CONVERT, "--scheme", "statci"], ["--scheme: expected one of auto, static", "'static'"]),
        ([*CONVERT, "--target", "edgetpu"], ["--target: expected one of cpu", "delegate", "target 'coral'"]),
        ([*CONVERT, "--target=jetson"], ["--target", "The target is called 'tensorrt'"]),
        ([*CONVERT, "--preset", "imagnet"], ["--preset: expected one of imagenet", "Did you mean 'imagenet'?"]),
        ([*CONVERT, "--io", "in8"], ["--io: expected one of float, int8", "'int8'"]),
        ([*CONVERT, "--min-db", "-5"], ["--min-db: expected a number of decibels from 0 to 200, found '-5'"]),
        ([*CONVERT, "--min-db", "201"], ["from 0 to 200, found '201'"]),
        ([*CONVERT, "--min-db", "nan"], ["--min-db: expected a number"]),
        ([*CONVERT, "--samples", "many"], ["--samples: expected a whole number from 1 to 1000000, found 'many'"]),
        ([*CONVERT, "--samples", "9"], ["--samples 9: expected --calibrate DATA or --evaluate DATA beside it"]),
        (["prune", "a.onnx", "-o", "b.onnx", "--target", "macs=0.5", "--samples", "9"], ["--samples 9: expected"]),
        ([*CONVERT, "--samples", "0"], ["--samples: expected a whole number"]),
        (["run", "a.tflite", "--delegate", "coral"], ["--delegate: expected one of auto", "is 'edgetpu'"]),
        (["run", "a.tflite", "--delegate", "external:"], ["--delegate: ", "/path/"]),
        (["run", "a.tflite", "--limit", "0"], ["--limit: expected a whole number of 1 or more, found '0'"]),
        (["run", "a.tflite", "--on-late", "dorp"], ["--on-late", "Did you mean 'drop'?"]),
        (["run", "a", "--card", "b", "--preset", "yolo"], ["--card and --preset: expected one of them, found both"]),
        (["bench", "a.tflite", "--run", "3"], ["no option --run.", "'--runs'"]),
        (["verify", "a.tflite", "-d", "cpu"], ["verify: there is no option -d"]),
        (["run", "a", "--source", "--nonsense"], ["--source: expected --source URI", "found nothing behind"]),
        (["--"], ["expected demo|convert"]),
    ],
)  # fmt: skip
def test_a_usage_error_is_one_sentence(
    words: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(words, capsys)
    assert all(part in text for part in parts), text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("words", [["--nonsense"], ["a", "b", "c", "d", "e"]])
def test_a_usage_error_under_json_is_one_object(
    command: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--json", *words]) == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["error"], told["exit_code"]) == ("edgemm.error/1", "InputError", 2)


def test_a_value_that_looks_like_an_option_is_a_value_where_one_is_due(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "no-such.tflite", "--source=--nonsense"]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_behind_two_hyphens_nothing_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--", "--no-such.tflite"]) == 2
    assert "--no-such.tflite: there is no such file" in capsys.readouterr().err


def test_an_option_is_attached_to_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "no-such.onnx", "-ob.tflite"]) == 2
    assert "no-such.onnx" in capsys.readouterr().err


def test_an_option_of_commands_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "doctor"]) == 2
    assert "--json: write it after the command" in json.loads(capsys.readouterr().out)["message"]
