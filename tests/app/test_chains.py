"""Models behind each other in an app file and on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disc_chain import Disc, Load, drawn, network
from needs import package

import edgemm
from edgemm import data
from edgemm.app.recipe import read_app
from edgemm.app.service import Service
from edgemm.cli import main
from edgemm.data import scenes
from edgemm.errors import EdgemmError, InputError

cv2 = package("cv2")
package("onnxruntime")
pytestmark = pytest.mark.device
__all__ = ["network"]
Make = Callable[..., Path]
FINDER, READER = data.path("models/scene_detector.onnx"), data.path("models/digits.onnx")
THEN: dict[str, Any] = {"model": str(READER), "crop": {"margin": 1.3, "square": True, "at_most": 2}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 20, scenes.SIZE_WH)
    for scene in scenes.film(*data.calibration_digits(), 5, 6):
        film.write(scene.pixels[:, :, ::-1])
    film.release()
    return str(path)


def app_of(app_file: Make, *then: Any, **stream: Any) -> Path:
    return app_file({"seen": {"model": str(FINDER), "source": "camera:0", "then": list(then), **stream}})


def test_all_that_a_stage_may_say(app_file: Make, tmp_path: Path) -> None:
    crop = {
        "by": "points",
        "of": [0, 1],
        "turn": [0, [1, 2]],
        "toward": 90,
        "shift": [0, -0.5],
        "classes": ["face"],
    }
    stage = {
        "model": "points.tflite", "card": "points.json", "name": "points", "delegate": ["edgetpu", "cpu"], "crop": crop,
        "track": {"next": {"by": "circle", "of": [0, 1]}, "every_s": None, "lost_below": 0.4, "smooth": {"beta": 10}},
        "smooth": {}, "options": {"threshold": 0.3},
    }  # fmt: skip
    (read,) = read_app(app_of(app_file, stage)).streams["seen"].then
    assert (read.model, read.card) == (str(tmp_path / "points.tflite"), str(tmp_path / "points.json"))
    assert read.crop == edgemm.Crop(
        "points", of=(0, 1), turn=(0, (1, 2)), toward=90, shift=(0, -0.5), classes=("face",)
    )
    following = edgemm.Crop("circle", of=(0, 1))
    assert read.track == edgemm.Track(following, every_s=None, lost_below=0.4, smooth=edgemm.Smooth(beta=10))
    assert (read.smooth, read.delegate, read.name) == (edgemm.Smooth(), ("edgetpu", "cpu"), "points")
    assert read.options == {"threshold": 0.3}


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ({}, r"streams\.seen\.then\[0\]\.model: expected a value, found none"),
        ({"model": ""}, r"then\[0\]\.model: expected the path of a model, found none"),
        ({"model": "x", "krop": {}}, r"then\[0\]\.krop: is not known\. .*Did you mean 'crop'"),
        (
            {"model": "x", "crop": "box"},
            r"then\[0\]\.crop: expected an object, found 'box'|crop: expected an object",
        ),
        (
            {"model": "x", "crop": {"margn": 2}},
            r"then\[0\]\.crop\.margn: is not known\. .*Did you mean 'margin'",
        ),
        ({"model": "x", "crop": {"margin": 0}}, r"then\[0\]\.crop\.margin: expected 0\.01 to 100, found 0"),
        (
            {"model": "x", "crop": {"at_most": "2"}},
            r"then\[0\]\.crop\.at_most: expected 1 to 1000, found '2'",
        ),
        ({"model": "x", "crop": {"by": "bx"}}, r"then\[0\]\.crop\.by: expected one of box, points, circle"),
        ({"model": "x", "track": {}}, r"then\[0\]\.track\.next: expected a value, found none"),
        (
            {"model": "x", "track": {"next": {"margin": -1}}},
            r"then\[0\]\.track\.next\.margin: expected 0\.01",
        ),
        ({"model": "x", "track": {"next": 3}}, r"then\[0\]\.track\.next: expected an object, found int"),
        ({"model": "x", "track": {"next": {}, "gap_s": 0}}, r"then\[0\]\.track\.gap_s: expected 0\.001"),
        ({"model": "x", "smooth": {"beta": "a"}}, r"then\[0\]\.smooth\.beta: expected 0 to"),
        ({"model": "x", "options": []}, r"then\[0\]\.options: expected an object"),
        ("x.tflite", r"then\[0\]: expected an object, found str"),
    ],
)
def test_a_mistake_in_a_stage_is_said(app_file: Make, stage: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_app(app_of(app_file, stage))


def test_what_the_page_of_chains_shows_is_an_app_file(app_file: Make) -> None:
    page = Path(__file__).parents[2] / "docs" / "chains.md"
    if not page.is_file():
        pytest.skip("docs/ is not here: the tests run outside the source tree")
    (shown,) = re.findall(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    first, second = read_app(app_file(json.loads(shown)["streams"])).streams["faces"].then
    assert first.track == edgemm.Track(edgemm.Crop("points", margin=1.5, square=True))
    assert second.crop == edgemm.Crop("points", turn=(33, 263), square=True)


def test_how_many_stages_there_may_be(app_file: Make) -> None:
    with pytest.raises(InputError, match=r"streams\.seen\.then: expected 1 to 16 models, found 0"):
        read_app(app_of(app_file))
    with pytest.raises(InputError, match="expected 1 to 16 models, found 17"):
        read_app(app_of(app_file, *[{"model": "x"}] * 17))
    with pytest.raises(InputError, match=r"streams\.seen\.then: expected a list"):
        read_app(app_file({"seen": {"model": "x", "source": "y", "then": {}}}))
    with pytest.raises(InputError, match=r"seen\.then: expected a model beside it, found none"):
        read_app(app_file({"seen": {"filters": ["canny"], "source": "y", "then": [{"model": "x"}]}}))


def test_an_app_runs_a_chain(app_file: Make, clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = app_of(app_file, {**THEN, "name": "digit"}, source=clip, filters=["gaussian?size=3"])
    assert main(["run", str(path), "--json"]) == 0
    *rows, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 6
    assert {len(row["result"]["things"]) for row in rows} <= {0, 1, 2}
    things = [thing for row in rows for thing in row["result"]["things"]]
    assert things
    assert all(list(thing["results"]) == ["digit"] for thing in things)
    assert {"gaussian", "chain", "detection.infer", "digit.infer"} <= rows[0]["stages_ms"].keys()
    seen = summary["summary"]["streams"]["seen"]
    assert (seen["captured"], seen["delivered"]) == (6, 6)


def test_models_of_streams_that_say_the_same_are_loaded_once(app_file: Make, clip: str) -> None:
    stream = {"model": str(FINDER), "source": clip, "then": [THEN]}
    other = {**stream, "then": [{**THEN, "crop": {"margin": 2}}]}
    with Service(read_app(app_file({"a": stream, "b": stream, "c": other}))) as service:
        assert len(service._models) == 2
        found: dict[str, int] = {}
        service.run(lambda name, item: found.update({name: found.get(name, 0) + 1}))
    assert found == {"a": 6, "b": 6, "c": 6}


def test_models_that_do_not_fit_end_an_app_before_it_begins(app_file: Make, clip: str) -> None:
    words = str(data.path("models/keywords.onnx"))
    for then, said in (
        (
            ({"model": words},),
            r"stream 'seen': then\[0\]: expected a model that takes pictures behind a crop",
        ),
        ((THEN, THEN), r"stream 'seen': then\[1\]: expected a stage whose results have places"),
        (({**THEN, "smooth": {}},), r"then\[0\]: smooth: expected track= beside it"),
        (({**THEN, "track": {"next": {}}},), r"then\[0\]: track: expected a model whose results have places"),
    ):
        with pytest.raises(EdgemmError, match=said):
            Service(read_app(app_of(app_file, *then, source=clip)))


def test_labels_of_all_stages_may_be_recorded(app_file: Make, clip: str, tmp_path: Path) -> None:
    record = {"path": str(tmp_path / "r.jsonl"), "when": {"label": ["0"], "min_score": 0.9}}
    path = app_file({"seen": {"model": str(FINDER), "source": clip, "then": [THEN]}}, record=record)
    found: list[Any] = []
    with Service(read_app(path)) as service:
        service.run(lambda name, item: found.append(item.to_json()["result"]))
    wanted = [
        each for each in found
        if any(
            (thing["label"] == "0" and thing["score"] >= 0.9)
            or ((said := thing["results"]["classification"])["labels"][0] == "0" and said["scores"][0] >= 0.9)
            for thing in each["things"]
        )
    ]  # fmt: skip
    recorded = [json.loads(line)["result"] for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert recorded == wanted
    assert len(recorded) > 0
    wrong = app_of(app_file, THEN, source=clip, when={"label": "dog"})
    with pytest.raises(InputError, match="'dog' is no label of the model"):
        Service(read_app(wrong))


def test_the_command_line_has_one_stage(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crop = "box?margin=1.3&square=true&at_most=2&classes=0,1,2,3,4"
    command = ["run", str(FINDER), "--then", str(READER), "--crop", crop, "--source", clip]
    assert main([*command, "--save", str(tmp_path / "out"), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()][:-1]
    things = [thing for row in rows for thing in row["result"]["things"]]
    assert things
    assert {thing["label"] for thing in things} <= set("01234")
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 6
    assert main(command) == 0
    said = capsys.readouterr().out.splitlines()
    assert all(" found" in line for line in said[:-1])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--then", str(READER), "--crop", "box?margin=0"), "--crop: margin: expected 0.01 to 100, found 0"),
        (("--then", str(READER), "--crop", "box?margn=2"), "--crop: margn: is not known."),
        (("--then", str(READER), "--crop", "bx"), "--crop: by: expected one of box, points, circle"),
        (
            ("--then", str(READER), "--crop", "points?turn=0,a"),
            "--crop: turn: expected numbers of key points",
        ),
        (("--then", str(READER), "--track", "points"), "track: expected a model whose results have places"),
        (("--crop", "box"), "--crop: expected --then MODEL beside it, a second model, found none"),
        (("--track", "box"), "--track: expected --then MODEL beside it"),
        (("--then-card", "blazeface"), "--then-card: expected --then MODEL beside it"),
        (("--then", "nowhere.onnx"), "there is no such file"),
    ],
)
def test_the_command_line_says_what_does_not_fit(
    clip: str, more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(FINDER), "--source", clip, *more]) == 2
    assert said in capsys.readouterr().err


def test_an_app_file_says_itself_what_is_behind(
    app_file: Make, clip: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = app_of(app_file, THEN, source=clip)
    assert main(["run", str(path), "--then", str(READER)]) == 2
    assert "an app file says itself what --then would" in capsys.readouterr().err


def test_an_app_has_a_model_of_points_behind_landmarks(app_file: Make, network: Load, tmp_path: Path) -> None:
    film = cv2.VideoWriter(str(tmp_path / "right.avi"), cv2.VideoWriter.fourcc(*"FFV1"), 20, (256, 192))
    for at in range(5):
        film.write(drawn([Disc(0, 60 + 4 * at, 90)])[..., ::-1])
    film.release()
    discs, shape, motion = (str(network(name).artifact.path) for name in ("discs", "shape", "motion"))
    around = {"margin": 1.6, "square": True}
    then = [
        {"model": shape, "crop": around, "track": {"next": {"by": "points", **around}}},
        {"model": motion, "name": "way"},
    ]
    found: list[Any] = []
    path = app_file({"seen": {"model": discs, "source": str(tmp_path / "right.avi"), "then": then}})
    with Service(read_app(path)) as service:
        service.run(lambda name, item: found.extend(item.value.things))  # type: ignore[attr-defined]
    assert [each.results["way"].label for each in found[1:]] == ["right"] * 4
    assert "way" not in found[0].results
