"""What the commands print."""

from __future__ import annotations

import json

import pytest

from edgemm.cli.failure import report
from edgemm.cli.output import size, table
from edgemm.cli.sources import shapes
from edgemm.errors import DamagedArtifact, InputError

pytestmark = pytest.mark.device


def test_a_table_stands_in_line() -> None:
    assert table([("Conv", 2), ("Softmax", 10)], ("name", "n")).splitlines() == [
        "name      n",
        "Conv      2",
        "Softmax  10",
    ]


@pytest.mark.parametrize(("number", "text"), [(812, "812 B"), (4200, "4.2 kB"), (13_000_000, "13.0 MB")])
def test_sizes_for_people(number: int, text: str) -> None:
    assert size(number) == text


def test_an_error_is_one_line_and_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(DamagedArtifact("cut short"), as_json=False) == 6
    assert capsys.readouterr().err == "edgemm: cut short\n"


def test_an_error_as_json_says_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    report(DamagedArtifact("cut short"), as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "schema": "edgemm.error/1",
        "error": "DamagedArtifact",
        "message": "cut short",
        "exit_code": 6,
    }


def test_shapes_are_read() -> None:
    assert shapes(["a=1,3,224,224", "b:0=5"]) == {"a": (1, 3, 224, 224), "b:0": (5,)}


@pytest.mark.parametrize("given", ["1,3", "a=", "a=0,3", "a=x"])
def test_a_bad_shape_says_how(given: str) -> None:
    with pytest.raises(InputError, match="NAME=SIZES"):
        shapes([given])
