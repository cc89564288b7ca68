"""Runs an app: opens what its recipe names, hands every result on, ends cleanly."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from edgemm.app.notify import Notifier, Watchdog
from edgemm.app.recipe import AppRecipe, StreamRecipe
from edgemm.app.stage_recipe import StageRecipe
from edgemm.capture import open_source
from edgemm.capture.source import Source
from edgemm.capture.uri import parse_uri
from edgemm.chain.crop import Crop
from edgemm.chain.mediapipe import require_points
from edgemm.errors import EdgemmError, InputError, SourceError, UnknownSource
from edgemm.log import LOG
from edgemm.model.filtered import Filter
from edgemm.model.load import load, load_bundle
from edgemm.model.picture_chain import POINTS
from edgemm.sinks import Sinks, WindowSink, open_sinks
from edgemm.sinks.beside_microphone import keep_apart
from edgemm.sinks.video import DRAWN, Existing
from edgemm.stream.budget import Budget
from edgemm.stream.item import Item
from edgemm.stream.lane import with_name
from edgemm.stream.runner import HasSession, Runner

SINK_WAIT_S = 5.0
"""Where all sources are files, a loop waits so long for a sink that is behind."""
OnItem = Callable[[str, Item], object]


class Service:
    """An app that is open: models loaded, sources opened, nothing read yet.

        with Service(read_app("app.json")) as service:
            service.run(lambda name, item: ...)
            service.summary()

    A device that is not there yet is waited for (see `StreamRecipe.wait`).

    Raises:
        InputError: a path is wrong, or a model does not fit its source.
        EdgemmError: a model or a source cannot be opened; what was opened is closed again. With "go-on" a source
            that cannot be opened costs its stream alone, unless it was the last.
    """

    def __init__(
        self,
        recipe: AppRecipe,
        *,
        notifier: Notifier | None = None,
        hung_up: Callable[[], bool] = lambda: False,
        show: bool = False,
    ) -> None:
        """Args:
        hung_up: asked before each result: True when the record's file is to be opened again.
        show: each stream of pictures has a window; closing one of them ends the app.
        """
        self.recipe = recipe
        self._hung_up = hung_up
        self.errors: list[EdgemmError] = []
        """What ended streams, in order."""
        self._watchdog = Watchdog(self._progress, notifier or Notifier(), self.awaited)
        self._models: dict[tuple[object, ...], HasSession] = {}
        self._sources: dict[tuple[str, bool], Source] = {}
        self._reads: dict[str, Source] = {}
        self._sinks: dict[str, Sinks] = {}
        with ExitStack() as opened:
            self.record = opened.enter_context(recipe.record.open(recipe.name)) if recipe.record else None
            self.runner = Runner(threads=recipe.threads)
            for name, stream in recipe.streams.items():
                self._add_or_go_on(name, stream, opened)
            if not self._reads:
                raise self.errors[0]
            self._require_labels()
            keep_apart(self._reads.values(), [each for sinks in self._sinks.values() for each in sinks.sinks])
            self._window = opened.enter_context(self._open_window()) if show else None
            opened.enter_context(self.runner)  # closed first: then the sources, then the models
            self._opened = opened.pop_all()

    def run(self, on_item: OnItem, *, limit: int | None = None) -> None:
        """Gives every result to `on_item` and to the record, until all streams have ended.

        An error of a stream is kept in `errors`. It ends the others too, once they have delivered what they
        read, unless the recipe says "go-on".

        Args:
            limit: ends after so many results.
        """
        results = 0
        with self._watchdog:
            while True:
                try:
                    for name, item in self.runner:
                        self._hand_over(name, item, on_item)
                        results += 1
                        if results == limit:
                            return
                    return
                except EdgemmError as error:
                    self.errors.append(error)
                    if self.recipe.on_error == "stop":
                        self.stop()
                    else:
                        LOG.warning("%s; the others go on", error)

    def stop(self) -> None:
        """Reads no more; what was read is still delivered. Fit for a signal handler."""
        self._watchdog.stopping()
        self.runner.stop()

    def summary(self) -> dict[str, Any]:
        """Stream -> the summary of its ledger; under "awaited" the streams whose source has never been there, where
        there are such; under "record" what was written, where there is one."""
        summary: dict[str, Any] = {"streams": dict(self.runner.summary())}
        never = [name for name in self.awaited() if not summary["streams"].get(name, {}).get("captured")]
        if never:
            summary["awaited"] = never
        if self.record:
            summary["record"] = self.record.summary()
        if self._window:
            summary["window"] = self._window.summary()
        for name, sinks in self._sinks.items():
            summary["streams"][name] = summary["streams"][name] | {"sinks": sinks.summary()}
        return summary

    def awaited(self) -> tuple[str, ...]:
        """Names of the streams whose source is not there yet, and is waited for."""
        return tuple(name for name, source in self._reads.items() if getattr(source, "awaited", False))

    def close_sinks(self) -> None:
        """Writes films and pictures to their end, so that the summary tells of them; the streams have ended.

        Raises:
            EdgemmError: the first error; the others are closed too.
        """
        Sinks([*self._sinks.values(), *([self._window] if self._window else [])]).close()

    def close(self) -> None:
        """Ends everything; may be called twice."""
        self._opened.close()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _add_or_go_on(self, name: str, stream: StreamRecipe, opened: ExitStack) -> None:
        try:
            self._add(name, stream, opened)
        except SourceError as error:
            if self.recipe.on_error == "stop" or isinstance(error, UnknownSource):
                raise
            self.errors.append(error)
            LOG.warning("%s; the others go on", error)

    def _add(self, name: str, stream: StreamRecipe, opened: ExitStack) -> None:
        try:
            model = self._model(stream, opened)
            source = self._source(stream, opened)
            budget = Budget(stream.max_age_ms, stream.policy, stream.on_late, stream.ahead)
            timeout_s = math.inf if stream.timeout_s is None else stream.timeout_s
            self.runner.add(name, model, source, budget, timeout_s=timeout_s, options=stream.options)
            self._reads[name] = source
            if stream.save:
                existing: Existing = "replace" if stream.overwrite else "number"
                self._sinks[name] = opened.enter_context(
                    open_sinks(stream.save, source=source, existing=existing, wait=stream.wait)
                )
        except EdgemmError as error:
            raise with_name(name, error) from error

    def _model(self, stream: StreamRecipe, opened: ExitStack) -> HasSession:
        key = self._key(stream)
        if key not in self._models:
            self._models[key] = self._load(stream, opened)
        return self._models[key]

    def _load(self, stream: StreamRecipe, opened: ExitStack) -> HasSession:
        filters = Filter(*stream.filters) if stream.filters else None
        if not stream.model:
            assert filters is not None  # the recipe has seen to it
            return filters
        model: Any = load(stream.model, delegate=stream.delegate, card=stream.card or None)
        opened.enter_context(model)
        for at, stage in enumerate(stream.then):
            try:
                model = self._behind(model, stage, opened)
            except InputError as error:
                raise InputError(f"then[{at}]: {str(error).removeprefix('then: ')}") from error
        if stream.before:
            model = opened.enter_context(load_bundle(stream.before, delegate=stream.delegate)).then(model)
        return model if filters is None else filters.then(model)

    @staticmethod
    def _behind(front: Any, stage: StageRecipe, opened: ExitStack) -> Any:
        """The models so far, with one more behind them."""
        card, options = stage.card or None, stage.options
        model = opened.enter_context(load(stage.model, delegate=stage.delegate, card=card, **options))
        if stage.follow:
            require_points(stage.follow, getattr(model, "key_points", None))
        more = {"name": stage.name, "track": stage.track, "smooth": stage.smooth}
        if model.modality == POINTS and stage.crop is None:
            return front.then(model, **more)
        return front.then(stage.crop or Crop(), model, **more)

    @staticmethod
    def _key(stream: StreamRecipe) -> tuple[object, ...]:
        return stream.model, stream.delegate, stream.card, stream.before, stream.filters, repr(stream.then)

    def _source(self, stream: StreamRecipe, opened: ExitStack) -> Source:
        live = stream.live and not parse_uri(stream.source).scheme  # a device is live anyway
        key = stream.source, live
        if key not in self._sources:
            wait = all(each.wait for each in self.recipe.streams.values() if each.source == stream.source)
            source = open_source(stream.source, pace="live" if live else "file", wait=wait)
            self._sources[key] = source
            opened.callback(source.close)
        return self._sources[key]

    def _hand_over(self, name: str, item: Item, on_item: OnItem) -> None:
        if self.record is not None:
            if self._hung_up():
                self.record.reopen()
            self.record.add({"stream": name, **item.to_json()}, self.recipe.streams[name].when)
        if name in self._sinks:
            if not any(
                source.live for source in self._reads.values()
            ):  # a film of a file has all its pictures
                self._sinks[name].wait_for_room(SINK_WAIT_S)
            self._sinks[name].put(name, item)
        if self._window is not None and self._reads[name].modality in DRAWN:
            self._window.put(name, item)
        on_item(name, item)

    def _open_window(self) -> WindowSink:
        """One sink for all: all that is done with windows is done by one thread."""
        if not any(source.modality in DRAWN for source in self._reads.values()):
            raise InputError("--show: expected a stream of pictures to draw on, found sound alone")
        return WindowSink(on_closed=self.stop)

    def _require_labels(self) -> None:
        """Refuses a filter of the record that lets nothing through."""
        known = {key: _labels(model) for key, model in self._models.items()}
        for name, stream in self.recipe.streams.items():
            if stream.when is not None:
                stream.when.require_labels(known[self._key(stream)], f"streams.{name}.when")
        if self.recipe.record is not None and all(known.values()):
            every = [label for labels in known.values() for label in labels]
            self.recipe.record.when.require_labels(every, "record.when")

    def _progress(self) -> dict[str, int]:
        ended = self.runner.ended()
        return {name: count for name, count in self.runner.progress().items() if name not in ended}


def _labels(model: Any) -> tuple[str, ...]:
    """What results can be called; () where the model does not tell."""
    card = getattr(model, "card", None)
    return tuple(getattr(model, "labels", card.labels if card else ()))
