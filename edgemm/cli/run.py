"""`edgemm run`."""

from __future__ import annotations

import argparse
import logging
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm import signals
from edgemm.cli.draining import Draining
from edgemm.cli.parser import CommandParser
from edgemm.cli.run_lines import Lines
from edgemm.cli.run_model import open_model
from edgemm.cli.run_options import add_options, require_fitting
from edgemm.log import ADVICE

if TYPE_CHECKING:
    from edgemm.capture.source import Source
    from edgemm.stream.stream import Stream


def add_arguments(parser: CommandParser) -> None:
    """The options of `run`."""
    add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs until the source ends, the limit is reached, or a signal asks to stop."""
    is_app = options.file.lower().endswith(".json")
    require_fitting(options, is_app=is_app)
    logging.getLogger(ADVICE.name).setLevel(
        logging.INFO
    )  # a file that was made for another processor says so
    with Draining(reopens=is_app or options.record is not None) as draining:
        return _run_app(options, draining) if is_app else _run_one(options, draining)
    return 0  # asked to end before it had begun


def _run_one(options: argparse.Namespace, draining: Draining) -> int:
    import edgemm
    from edgemm.app.notify import Notifier, Watchdog
    from edgemm.app.service import SINK_WAIT_S

    lines = Lines(as_json=options.json)
    budget = edgemm.Budget(options.max_age, options.policy, options.on_late, options.ahead)
    with ExitStack() as opened:
        record = opened.enter_context(_record(options))
        signals.check()
        model = open_model(options, opened)
        source = edgemm.open_source(options.source, pace="live" if options.live else "file")
        opened.enter_context(source)
        stream = opened.enter_context(model.stream(source, budget=budget))
        watchdog = Watchdog(
            lambda: {"stream": stream.ledger.progress()},
            Notifier(),
            lambda: ["stream"] if getattr(source, "awaited", False) else [],
        )
        sinks = opened.enter_context(_sinks(options, source, stream))
        opened.enter_context(watchdog)
        draining.by(watchdog.stopping, stream.stop)
        try:
            for item in stream:
                if record is not None:
                    if signals.hung_up():
                        record.reopen()
                    record.add(item.to_json())
                lines.result(item)
                if not source.live:  # a film of a file has all its pictures
                    sinks.wait_for_room(SINK_WAIT_S)
                sinks.put("", item)
                if options.limit is not None and item.sequence + 1 >= options.limit:
                    break
        finally:
            stream.close()
            try:
                sinks.close()
            finally:
                summary = stream.ledger.summary()
                more = {"record": record.summary()} if record else {}
                lines.summary(summary | more | ({"sinks": sinks.summary()} if sinks.sinks else {}))
    return 0


def _run_app(options: argparse.Namespace, draining: Draining) -> int:
    from edgemm.app.recipe import read_app
    from edgemm.app.service import Service

    lines = Lines(as_json=options.json)
    recipe = read_app(options.file)
    signals.reopen_on_hangup(recipe.record is not None)
    signals.check()
    with Service(recipe, hung_up=signals.hung_up, show=options.show) as service:
        draining.by(service.stop)
        try:
            service.run(lambda name, item: lines.result(item, name), limit=options.limit)
        finally:
            service.runner.close()
            try:
                service.close_sinks()
            finally:
                lines.summary(service.summary())
    if service.errors:
        raise service.errors[0]
    return 0


def _sinks(options: argparse.Namespace, source: Source, stream: Stream) -> Any:
    """What `--save` and `--show` ask for."""
    from edgemm.sinks import open_sinks

    return open_sinks(
        options.save or (),
        options.show,
        source=source,
        existing="replace" if options.overwrite else "refuse",
        on_closed=stream.stop,
    )


def _record(options: argparse.Namespace) -> Any:
    from edgemm.sinks.record import Record

    return (
        nullcontext()
        if options.record is None
        else Record(options.record, app=Path(options.file).stem or "filters")
    )
