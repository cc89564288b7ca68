"""Several models and sources as one program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from needs import needs
from process import RigProcess

from edgemm.app.recipe import read_app
from edgemm.app.service import Service
from edgemm.cli import main
from edgemm.errors import InputError, SourceLost, SourceNotFound
from edgemm.opencv import opencv
from edgemm.stream.ahead_reader import AheadReader

pytest.importorskip("onnxruntime")
needs(opencv)
pytestmark = pytest.mark.device

Make = Callable[..., Path]


def test_streams_run_side_by_side_and_all_is_recorded(
    app_file: Make, seen: Any, heard: Any, tmp_path: Path
) -> None:
    names: list[str] = []
    with Service(read_app(app_file({"seen": seen, "heard": heard}, record="r.jsonl"))) as service:
        service.run(lambda name, item: names.append(name))
        summary = service.summary()
    recorded = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert Counter(names) == Counter(each["stream"] for each in recorded)
    assert names.count("seen") == summary["streams"]["seen"]["delivered"] == 40
    assert {"one", "two"} <= {
        each["result"]["label"]
        for each in recorded
        if each["stream"] == "heard" and each["result"]["detected"]
    }
    assert summary["record"]["written"] == len(names)


def test_two_models_on_one_source_share_it_and_each_gets_all(app_file: Make, seen: Any) -> None:
    with Service(read_app(app_file({"a": seen, "b": seen}))) as service:
        items: dict[str, list[Any]] = {"a": [], "b": []}
        service.run(lambda name, item: items[name].append(item))
    assert len(items["a"]) == len(items["b"]) == 40
    assert all(a.frame is b.frame for a, b in zip(items["a"], items["b"], strict=True))


def test_pictures_that_are_read_ahead_give_the_same_results(
    app_file: Make, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Counted(AheadReader):
        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            made.append(self)

    monkeypatch.setattr("edgemm.stream.stream.AheadReader", Counted)
    ahead = {**seen, "ahead": True}
    streams = {"a": seen, "b": ahead, "c": {**ahead, "source": seen["source"] + "/"}}
    items: dict[str, list[Any]] = {name: [] for name in streams}

    def on_item(name: str, item: Any) -> None:
        items[name].append(item.value.label)

    with Service(read_app(app_file(streams))) as service:
        service.run(on_item)
    assert len(made) == 2
    assert len(items["a"]) == 40
    assert items["a"] == items["b"] == items["c"]


@pytest.mark.parametrize("source", ["sound", "live"])
def test_what_cannot_be_read_ahead_is_refused_with_its_stream(
    app_file: Make, seen: Any, heard: Any, source: str
) -> None:
    stream = {**heard, "ahead": True} if source == "sound" else {**seen, "live": True, "ahead": True}
    with pytest.raises(InputError, match=r"stream 'b'.*Leave `ahead` out"):
        Service(read_app(app_file({"a": seen, "b": stream})))


@pytest.mark.parametrize("on_error", ["stop", "go-on"])
def test_a_stream_that_fails(app_file: Make, seen: Any, heard: Any, tmp_path: Path, on_error: str) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    bad = {**seen, "source": "bad.png"}
    heard["source"] += "&loop=1" if on_error == "stop" else ""
    with Service(read_app(app_file({"bad": bad, "heard": heard}, on_error=on_error))) as service:
        count: Counter[str] = Counter()
        service.run(lambda name, item: count.update([name]))
        assert [type(error) for error in service.errors] == [SourceLost]
        assert str(service.errors[0]).startswith("stream 'bad'")
    assert (count["heard"] > 100) == (on_error == "go-on")


def test_a_source_that_is_not_there_names_its_stream_and_closes_the_rest(app_file: Make, seen: Any) -> None:
    with pytest.raises(SourceNotFound, match="stream 'b'"):
        Service(read_app(app_file({"a": seen, "b": {**seen, "source": "nowhere/"}})))


def test_the_command_runs_an_app_and_prints_lines_with_their_stream(
    app_file: Make, seen: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(app_file({"seen": seen})), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["stream"] for line in lines[:-1]] == ["seen"] * 40
    assert lines[-1]["summary"]["streams"]["seen"]["delivered"] == 40


@pytest.mark.parametrize(
    "option",
    ["--source=x.png", "--record=r.jsonl", "--delegate=edgetpu", "--max-age=3", "--live", "--limit=0"],
)
def test_the_command_refuses_what_the_app_says_itself(app_file: Make, seen: Any, option: str) -> None:
    assert main(["run", str(app_file({"seen": seen})), option]) == 2


def test_an_error_is_one_line_too(app_file: Make, seen: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(app_file({"seen": seen}, record="nowhere/r.jsonl")), "--json"]) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["error"] == "InputError"


def test_a_device_is_opened_once_whatever_is_said_of_its_pace(app_file: Make, seen: Any) -> None:
    with RigProcess("mjpeg_server.py") as camera:
        stream = {**seen, "source": f"http://127.0.0.1:{camera.port}/"}
        with Service(read_app(app_file({"a": stream, "b": {**stream, "live": True}}))) as service:
            assert len(service._sources) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_anything_runs_ends_it_with_0(number: int) -> None:
    code = (
        "import os, signal, sys; from edgemm.cli.draining import Draining\n"
        "with Draining() as draining:\n"
        f"    os.kill(os.getpid(), {int(number)}); print('goes on')\n"
        "    draining.by(print); print('not reached')\n"
        "print('ended')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "goes on\nended\n"


def test_signals_while_it_closes_and_after_change_nothing() -> None:
    code = (
        "import signal; from edgemm.cli.draining import Draining\n"
        "with Draining() as draining:\n"
        "    draining.by(lambda: print('stop'))\n"
        "    for _ in range(3): signal.raise_signal(signal.SIGTERM)\n"
        "signal.raise_signal(signal.SIGTERM)\n"
        "print('ended')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "stop\nstop\nstop\nended\n"


def test_under_systemd_it_is_ready_alive_and_stops_on_sigterm(
    app_file: Make, seen: Any, heard: Any, systemd: Any
) -> None:
    endless = {
        "seen": {**seen, "source": seen["source"] + "?loop=1&fps=30", "live": True},
        "heard": {**heard, "source": heard["source"] + "&loop=1", "live": True},
    }
    environment = {
        **os.environ, "NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "400000", "PYTHONPATH": os.getcwd(),
    }  # fmt: skip
    command = [sys.executable, "-m", "edgemm", "run", str(app_file(endless)), "--json"]
    messages: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        while messages.count("WATCHDOG=1") <= 3:
            assert child.stdout.readline()
            messages += systemd.received()
        child.send_signal(signal.SIGTERM)
        last = child.stdout.read().splitlines()[-1]
    assert child.returncode == 0
    assert messages[0] == "READY=1\nSTATUS=2 streams running"
    assert "STOPPING=1" in systemd.received()
    for summary in json.loads(last)["summary"]["streams"].values():
        settled = summary["delivered"] + sum(summary["dropped"].values()) + summary["in_flight"]
        assert summary["captured"] == settled
        assert summary["in_flight"] == 0


def test_each_stream_records_what_its_filter_lets_through(app_file: Make, seen: Any, tmp_path: Path) -> None:
    record = {"path": "r.jsonl", "when": {"label": "7"}}
    streams = {"some": {**seen, "when": {"label": ["3", "4"]}}, "sevens": seen}
    with Service(read_app(app_file(streams, record=record, name="door"))) as service:
        service.run(lambda name, item: None)
        summary = service.summary()["record"]
    recorded = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    kept = {(each["stream"], each["result"]["labels"][0]) for each in recorded}
    assert kept == {("some", "3"), ("some", "4"), ("sevens", "7")}
    assert summary["written"] == len(recorded)
    assert summary["written"] + summary["filtered"] == 80
    assert {each["app"] for each in recorded} == {"door"}


@pytest.mark.parametrize(
    ("when", "record", "said"),
    [
        ({"label": "zeven"}, {}, "streams.a.when.label: 'zeven' is no label of the model"),
        (None, {"when": {"label": ["7", "77"]}}, "record.when.label: '77' is no label.*Did you mean '7'"),
    ],
)
def test_a_filter_that_lets_nothing_through_is_refused(
    app_file: Make, seen: Any, when: Any, record: dict[str, Any], said: str
) -> None:
    app = app_file({"a": {**seen, "when": when}}, record={"path": "r.jsonl", **record})
    with pytest.raises(InputError, match=said):
        Service(read_app(app))
