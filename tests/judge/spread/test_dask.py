"""Pieces on a real Dask cluster: a scheduler and workers as processes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from needs import needs
from spread_pieces import ENTRY, until

from edgemm import data
from edgemm.dependency import load_dependency
from edgemm.errors import EdgemmError, InputError, MissingDependency
from edgemm.judge import pieces as pieces_of
from edgemm.judge.spread import cluster as on_dask
from edgemm.judge.spread import file_hash, spread
from edgemm.opencv import opencv

needs(lambda: load_dependency("distributed", "Dask", "dask"))
from dask_cluster import Cluster  # noqa: E402

Json = dict[str, Any]


def pieces(count: int, what: str = "row", **more: Any) -> list[Json]:
    return [{"what": what, "number": number, **more} for number in range(count)]


def figures(rows: tuple[Json | None, ...]) -> list[tuple[int, float] | None]:
    return [None if row is None else (row["number"], row["third"]) for row in rows]


@pytest.fixture(autouse=True)
def quick_and_quiet() -> Iterator[None]:
    """A row that lies on a worker that died is asked for there for 30 s by default, before it is computed again."""
    from dask import config

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with config.set({"distributed.comm.timeouts.connect": "2s"}):
        yield


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("dask"), workers=2) as made:
        yield made


def test_the_rows_are_those_of_this_process(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"one")
    asked = pieces(8, files={str(file): file_hash(file)})
    alone = spread(asked, run=ENTRY)
    found = spread(asked, run=ENTRY, dask=cluster.address, rows=tmp_path / "rows.jsonl")
    assert figures(found.rows) == figures(alone.rows)
    assert found.failures == ()
    assert {row["process"] for row in found.rows if row} <= {each.pid for each in cluster.workers}
    again = spread(asked, run=ENTRY, dask=cluster.address, rows=tmp_path / "rows.jsonl")
    assert (again.resumed, again.rows) == (8, found.rows)


def test_a_judgement_has_the_rows_of_this_process(cluster: Cluster) -> None:
    needs(opencv)
    pytest.importorskip("onnxruntime")
    model = pieces_of.model_facts(data.path("models/digits.onnx"))
    truth = pieces_of.data_facts(data.path("digits/held_out.npz"))
    asked = [
        *pieces_of.answer_pieces(model, truth, 70, seed=0),
        *pieces_of.answer_pieces(model, truth, 20, seed=0, corruption=("noise", 3)),
        *pieces_of.map_pieces(model, truth, [3], seed=0),
    ]
    alone = spread(asked)
    pieces_of.close_judged()
    remote = spread(asked, dask=cluster.address)
    assert alone.failures == ()
    assert len(alone.rows) == 4
    assert alone.rows == remote.rows


def test_two_workers_work_at_once(cluster: Cluster, tmp_path: Path) -> None:
    """Both pieces wait for a mark that is made once both have begun."""
    log, marker = tmp_path / "log", tmp_path / "marker"

    def mark() -> None:
        until(lambda: log.exists() and len(log.read_text().splitlines()) == 2)
        marker.touch()

    thread = threading.Thread(target=mark)
    thread.start()
    found = spread(pieces(2, "wait", log=str(log), marker=str(marker)), run=ENTRY, dask=str(cluster.file))
    thread.join()
    assert len({row["process"] for row in found.rows if row}) == 2


def test_what_fails_is_told(cluster: Cluster, tmp_path: Path) -> None:
    log = tmp_path / "log"
    asked: list[Json] = [
        {"what": "refuse"},
        {"what": "fail", "log": str(log)},
        {"what": "row"},
        {"what": "row", "files": {"/nonexistent/model": "0"}},
    ]
    found = spread(asked, run=ENTRY, dask=cluster.address, tries=2)
    assert figures(found.rows) == [None, None, (0, 0.0), None]
    reasons = [each.reason for each in found.failures]
    assert reasons[0] == "a piece: expected another, found this one"
    assert reasons[1] == "ZeroDivisionError: by zero; given up after 2 tries"
    assert "the same files at the same path" in reasons[2]
    assert len(log.read_text().splitlines()) == 2


def test_another_version_of_edgemm_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_dask, "__version__", "9.9")
    found = spread(pieces(1), run=ENTRY, dask=cluster.address)
    assert "expected 9.9, as here" in found.failures[0].reason


def test_a_worker_that_is_killed_half_way_loses_nothing(tmp_path: Path) -> None:
    log, marker, rows = tmp_path / "log", tmp_path / "marker", tmp_path / "rows.jsonl"
    asked = [*pieces(6), {"what": "wait", "number": 6, "log": str(log), "marker": str(marker)}]

    with Cluster(tmp_path, workers=2) as cluster:

        def kill() -> None:
            until(lambda: log.exists() and rows.read_text().count("\n") >= 3)
            cluster.kill(int(log.read_text().split()[1]))
            until(lambda: len(log.read_text().splitlines()) == 2)
            marker.touch()

        thread = threading.Thread(target=kill)
        thread.start()
        found = spread(asked, run=ENTRY, dask=cluster.address, rows=rows)
        thread.join()
    assert figures(found.rows) == [(number, number / 3) for number in range(7)]
    assert found.failures == ()
    assert len(log.read_text().splitlines()) == 2
    assert len(rows.read_text().splitlines()) == 7


def test_a_piece_that_kills_each_worker_is_given_up_and_no_other_with_it(tmp_path: Path) -> None:
    """The scheduler blames whatever was on a worker that dies; here at once."""
    with Cluster(tmp_path, workers=3, may_kill=0) as cluster:
        found = spread([{"what": "kill"}, *pieces(6)], run=ENTRY, dask=cluster.address)
    assert figures(found.rows) == [None, *((number, number / 3) for number in range(6))]
    assert [each.reason for each in found.failures] == [
        "each worker that did it died, also when nothing else was done; given up"
    ]


def test_a_piece_whose_workers_died_is_tried_once_more_before_it_is_blamed(tmp_path: Path) -> None:
    piece = {"what": "kill-once", "number": 3, "marker": str(tmp_path / "marker")}
    with Cluster(tmp_path, workers=2, may_kill=0) as cluster:
        found = spread([piece], run=ENTRY, dask=cluster.address)
    assert (figures(found.rows), found.failures) == ([(3, 1.0)], ())


def test_where_no_worker_is_left_the_piece_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cluster(tmp_path, workers=1, may_kill=0) as cluster:
        spread(pieces(1), run=ENTRY, dask=cluster.address)  # the worker is there
        monkeypatch.setattr(on_dask, "WORKERS_S", 1.0)
        found = spread([{"what": "kill"}], run=ENTRY, dask=cluster.address)
    assert found.rows == (None,)
    assert found.failures[0].reason == "the worker that did it died, and none is left that could try again"


@pytest.mark.parametrize("nanny", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_piece_that_takes_too_long_is_stopped_with_its_worker(tmp_path: Path, nanny: bool) -> None:
    log = tmp_path / "log"
    hangs = {"what": "wait", "log": str(log), "marker": str(tmp_path / "never")}
    with Cluster(tmp_path, workers=3, nanny=nanny) as cluster:
        found = spread([hangs, *pieces(4)], run=ENTRY, dask=cluster.address, limit_s=1.0)
    assert figures(found.rows) == [None, *((number, number / 3) for number in range(4))]
    assert found.failures[0].reason == (
        "a worker took longer than 1 s for it, also when nothing else was done; given up"
    )
    assert len({line.split()[1] for line in log.read_text().splitlines()}) == 2


def test_a_piece_that_hangs_once_is_done_by_another_worker(tmp_path: Path) -> None:
    log, marker = tmp_path / "log", tmp_path / "marker"
    with Cluster(tmp_path, workers=2) as cluster:

        def mark() -> None:
            until(lambda: log.exists() and len(log.read_text().splitlines()) == 2)
            marker.touch()

        thread = threading.Thread(target=mark)
        thread.start()
        asked = [{"what": "wait", "number": 1, "log": str(log), "marker": str(marker)}]
        found = spread(asked, run=ENTRY, dask=cluster.address, limit_s=1.0)
        thread.join()
    assert (figures(found.rows), found.failures) == ([(1, 1 / 3)], ())


def test_no_worker_and_no_scheduler_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_dask, "WORKERS_S", 0.2)
    monkeypatch.setattr(on_dask, "CONNECT_S", 1.0)
    with Cluster(tmp_path, workers=0) as cluster:
        with pytest.raises(EdgemmError, match=r"expected at least one worker.*dask worker tcp://127"):
            spread(pieces(1), run=ENTRY, dask=cluster.address)
        address = cluster.address
    for other in (address, "nonsense", "http://127.0.0.1:1", str(tmp_path / "none.json")):
        with pytest.raises(InputError, match="expected the address of a Dask scheduler"):
            spread(pieces(1), run=ENTRY, dask=other)


def test_a_scheduler_that_goes_away_is_told(tmp_path: Path) -> None:
    log, rows = tmp_path / "log", tmp_path / "rows.jsonl"
    asked = [*pieces(1), {"what": "wait", "log": str(log), "marker": str(tmp_path / "never")}]
    with Cluster(tmp_path, workers=2) as cluster:

        def end() -> None:
            until(lambda: log.exists() and rows.read_text().count("\n") == 1)
            cluster.close()

        thread = threading.Thread(target=end)
        thread.start()
        with pytest.raises(EdgemmError, match="the scheduler went away"):
            spread(asked, run=ENTRY, dask=cluster.address, rows=rows)
        thread.join()
    assert spread(pieces(1), run=ENTRY, rows=rows).resumed == 1


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingDependency, match=r"edgemm\[dask\]"):
        spread(pieces(1), run=ENTRY, dask="tcp://127.0.0.1:1")
