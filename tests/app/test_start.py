"""How an app starts: devices that come later, mistakes that no restart cures, streams that fail."""

from __future__ import annotations

import configparser
import json
import logging
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from needs import needs
from process import RigProcess

import edgemm
from edgemm import data, errors
from edgemm.app.recipe import read_app
from edgemm.app.service import Service
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.cli import main
from edgemm.errors import EdgemmError, InputError, SourceNotFound
from edgemm.opencv import opencv

pytest.importorskip("onnxruntime")
needs(opencv)
pytestmark = pytest.mark.device

Make = Callable[..., Path]
UNIT = Path(__file__).parents[2] / "examples" / "kiosk" / "edgemm-kiosk.service"
NOBODY = "http://127.0.0.1:1/#timeout_s=0.5"


@pytest.fixture
def camera() -> Any:
    with RigProcess("mjpeg_server.py") as rig:
        yield rig


def balanced(summary: dict[str, Any]) -> bool:
    gone = summary["delivered"] + sum(summary["dropped"].values()) + summary["in_flight"]
    return bool(summary["captured"] == gone)


def test_others_run_while_a_camera_is_waited_for_until_it_comes(
    app_file: Make, seen: Any, heard: Any, camera: RigProcess, caplog: pytest.LogCaptureFixture
) -> None:
    camera.kill()
    late = {**seen, "source": f"http://127.0.0.1:{camera.port}/#timeout_s=2"}
    heard["source"] += "&loop=1"
    counts: Counter[str] = Counter()

    def on_item(name: str, item: edgemm.Item) -> None:
        counts[name] += 1
        if counts["heard"] == 50:
            assert service.awaited() == ("late",)
            assert service.summary()["awaited"] == ["late"]
            camera.start()
        if counts["late"] == 3:
            service.stop()

    with Service(read_app(app_file({"late": late, "heard": heard}))) as service:
        while not service.awaited():
            pass
        service.run(on_item)
        summary = service.summary()
    assert not service.errors
    assert "awaited" not in summary
    assert summary["streams"]["late"]["faults"]["appeared"] == 1
    assert summary["streams"]["late"]["faults"]["open-failed"] >= 1
    assert all(map(balanced, summary["streams"].values()))
    assert "waiting for it" in caplog.text


def test_waiting_ends_when_the_program_is_stopped(app_file: Make, seen: Any, capsys: Any) -> None:
    with Service(read_app(app_file({"late": {**seen, "source": NOBODY}}))) as service:
        while not service.awaited():
            pass
        service.stop()
        service.run(lambda name, item: None)
        assert service.summary()["streams"]["late"]["faults"]["open-failed"] >= 1
    assert not service.errors


def test_the_time_limit_of_a_stream_counts_from_its_first_picture(seen: Any) -> None:
    with (
        edgemm.load(seen["model"]) as model,
        edgemm.open_source(NOBODY, wait=True) as source,
        model.stream(source, timeout_s=0.01) as stream,
    ):
        assert isinstance(source, LiveFrames)
        while not source.awaited:
            pass
        tried = source.faults["open-failed"]

        def stop_after_another_attempt() -> None:
            while source.faults["open-failed"] == tried:
                pass
            stream.stop()

        waits = threading.Thread(target=stop_after_another_attempt)
        waits.start()
        assert list(stream) == []
        waits.join()


@pytest.mark.parametrize("on_error", ["stop", "go-on"])
def test_a_source_that_is_not_waited_for_and_cannot_be_opened(
    app_file: Make, seen: Any, caplog: pytest.LogCaptureFixture, on_error: str
) -> None:
    app = app_file({"absent": {**seen, "source": NOBODY, "wait": False}, "seen": seen}, on_error=on_error)
    with caplog.at_level(logging.WARNING):
        if on_error == "stop":
            with pytest.raises(SourceNotFound, match="stream 'absent'"):
                Service(read_app(app))
            return
        with Service(read_app(app)) as service:
            names = []
            service.run(lambda name, item: names.append(name))
    assert names == ["seen"] * 40
    assert [error.exit_code for error in service.errors] == [7]
    assert "stream 'absent'" in caplog.text
    assert main(["run", str(app)]) == 7


def test_to_go_on_with_nothing_is_an_error(app_file: Make, seen: Any) -> None:
    with pytest.raises(SourceNotFound, match="stream 'absent'"):
        Service(read_app(app_file({"absent": {**seen, "source": NOBODY, "wait": False}}, on_error="go-on")))


def test_a_stream_that_fails_lets_the_others_deliver_what_they_read(
    app_file: Make, seen: Any, heard: Any, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    heard["source"] += "&loop=1"
    with Service(read_app(app_file({"bad": {**seen, "source": "bad.png"}, "heard": heard}))) as service:
        service.run(lambda name, item: None)
        summary = service.summary()["streams"]
    assert [str(error)[:12] for error in service.errors] == ["stream 'bad'"]
    assert summary["heard"]["in_flight"] == 0
    assert all(map(balanced, summary.values()))


def wrong(key: str, value: str) -> Callable[[Any], Any]:
    return lambda stream: {**stream, key: value}


MISTAKES = {
    "no such model": wrong("model", "nowhere.onnx"),
    "no such file": wrong("source", "nowhere.png"),
    "no such pattern": wrong("source", "nowhere/*.png"),
    "no such scheme": wrong("source", "camra:0"),
    "no such card": wrong("card", "nowhere.json"),
    "no such preset": wrong("card", "imagenot"),
    "no such option": wrong("source", "camera:0?siez=1x1"),
    "sound for a model of pictures": wrong("source", str(data.path("spoken_digits"))),
    "a microphone for a model of pictures": wrong("source", "microphone:"),
}


@pytest.mark.parametrize("on_error", ["stop", "go-on"])
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_file_is_not_tried_again(
    app_file: Make,
    seen: Any,
    mistake: Callable[[Any], Any],
    on_error: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = app_file({"good": seen, "bad": mistake(seen)}, on_error=on_error)
    assert main(["run", str(app)]) in prevented()
    assert capsys.readouterr().out == ""  # nothing has begun


def test_a_device_that_is_not_there_is_tried_again(app_file: Make, seen: Any) -> None:
    for source in (NOBODY, "picamera2:7", "camera:97"):
        code = main(["run", str(app_file({"a": {**seen, "source": source, "wait": False}}))])
        assert code not in prevented() or code == errors.MissingDependency.exit_code


def prevented() -> set[int]:
    """Exit codes on which the shipped unit does not start the program again."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNIT)
    return {int(code) for code in unit["Service"]["RestartPreventExitStatus"].split()}


def test_the_unit_starts_again_what_may_be_better_next_time() -> None:
    lasting: set[type[EdgemmError]] = {
        errors.InputError,
        errors.ArtifactError,
        errors.MissingDependency,
        errors.ConversionError,
    }
    assert prevented() == {each.exit_code for each in lasting}
    passing_faults: tuple[type[EdgemmError], ...] = (EdgemmError, errors.SourceError, errors.DelegateError)
    for passing in passing_faults:
        assert passing.exit_code not in prevented()


@pytest.mark.parametrize(
    ("model", "source", "message"),
    [
        ("keywords", data.path("digits"), "takes sound, but .*digits is pictures: expected a microphone"),
        ("keywords", NOBODY, "takes sound, but http://127.0.0.1:1/.* is pictures"),
        (
            "digits",
            data.path("spoken_digits"),
            "takes pictures, but .*spoken_digits is sound: expected a cam",
        ),
    ],
)
def test_a_wrong_pairing_is_an_error_before_anything_is_read(model: str, source: Any, message: str) -> None:
    with (
        edgemm.load(data.path(f"models/{model}.onnx")) as loaded,
        edgemm.open_source(source, wait=True) as opened,
        edgemm.Runner() as runner,
    ):
        with pytest.raises(InputError, match=message):
            loaded.stream(opened)
        with pytest.raises(InputError, match=message):
            runner.add("a", loaded, opened)
        assert runner.summary() == {}


def test_the_command_refuses_a_wrong_pairing(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", str(data.path("models/keywords.onnx")), "--source", str(data.path("digits")), "--json"]
    assert main(command) == 2
    assert json.loads(capsys.readouterr().out)["error"] == "InputError"
