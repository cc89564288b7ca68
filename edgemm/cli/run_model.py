"""The model, or the several behind each other, that `edgemm run` runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm import signals
from edgemm.errors import InputError

if TYPE_CHECKING:
    from edgemm.card import ModelCard


def open_model(options: argparse.Namespace, opened: ExitStack) -> Any:
    """What stands between source and results: the model of FILE, with all that is put before and behind it; filters
    alone where there is none.

    Raises:
        InputError: they do not fit each other.
    """
    import edgemm

    filters = edgemm.Filter(*options.filter) if options.filter else None
    if not options.file:
        signals.check()
        return filters
    model: Any = edgemm.load(
        options.file,
        delegate=options.delegate,
        threads=options.threads,
        card=_card(options),
        **_options(options),
    )
    opened.enter_context(model)
    signals.check()
    if options.then is not None:
        model = _then(model, options, opened)
        signals.check()
    if options.enrolled is not None:
        model = model.then(edgemm.Enrolled.load(options.enrolled))
    if options.before is not None:
        first = edgemm.load_bundle(options.before, delegate=options.delegate, threads=options.threads)
        with _saying(f"--before {options.before} with {options.file}"):
            model = opened.enter_context(first).then(model)
        signals.check()
    if filters is not None:
        with _saying(f"--filter with {options.file}"):
            model = filters.then(model)
    _require_sound(options, model)
    return model


def _options(options: argparse.Namespace) -> dict[str, Any]:
    """Of the model's task."""
    from edgemm.card.options import from_words

    named = {name: getattr(options, name) for name in ("threshold", "classes", "max_detections")}
    given = {name: value for name, value in named.items() if value is not None}
    found = from_words(options.set)
    for name in given.keys() & found.keys():
        raise InputError(f"--{name.replace('_', '-')} and --set {name}: it is given twice. Give it once")
    return found | given


@contextmanager
def _saying(what: str) -> Iterator[None]:
    """What does not fit is said of these options, not of `then`."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{what}: {str(error).removeprefix('then: ')}") from error


def _then(model: Any, options: argparse.Namespace, opened: ExitStack) -> Any:
    """The model with the second one behind it."""
    import edgemm

    crop, track = _crop_and_track(options)
    second = edgemm.load(
        options.then, delegate=options.delegate, threads=options.threads, card=options.then_card
    )
    opened.enter_context(second)
    if not isinstance(model, edgemm.Model):
        raise InputError(
            f"--then {options.then}: expected a model of one file in front, found {options.file}"
        )
    if options.follow is not None:
        from edgemm.chain.mediapipe import require_points

        with _saying(f"--then {options.then}"):
            require_points(options.follow, getattr(second, "key_points", None))
    with _saying(f"--then {options.then} behind {options.file}"):
        return model.then(crop, second, track=track)


def _crop_and_track(options: argparse.Namespace) -> tuple[Any, Any]:
    import edgemm
    from edgemm.chain.mediapipe import followed
    from edgemm.cli.crop_words import read_crop

    if options.follow is None:
        track = edgemm.Track(read_crop(options.track, "--track")) if options.track is not None else None
        return read_crop(options.crop or "box", "--crop"), track
    for name in ("crop", "track"):
        if getattr(options, name) is not None:
            raise InputError(f"--follow: expected no --{name} beside it, which it stands for, found one")
    try:
        return followed(options.follow)
    except InputError as error:
        said = str(error)
        raise InputError(
            f"--{said}" if said.startswith("follow") else f"--follow {options.follow}: {said}"
        ) from error


def _require_sound(options: argparse.Namespace, model: Any) -> None:
    """
    Raises:
        InputError: sound is to be saved or played of a model of ours whose results are none.
    """
    from edgemm.card.drivers import DRIVERS
    from edgemm.card.tasks import TASKS
    from edgemm.sinks.speaker_name import is_speaker
    from edgemm.sinks.wav import SUFFIX

    card: Any = getattr(model, "card", None)
    task = getattr(card, "task", "")
    if task == "audio" or not (task in TASKS or getattr(card, "driver", "") in DRIVERS):
        return
    for place in options.save or ():
        if is_speaker(place) or place.lower().endswith(SUFFIX):
            raise InputError(
                f"--save {place}: expected a model whose results are sound, found {options.file}, a model for {task}"
            )


def _card(options: argparse.Namespace) -> ModelCard | Path | None:
    """What `--card` or `--preset` names."""
    if options.preset is None:
        return options.card  # type: ignore[no-any-return]
    from edgemm.card.presets import preset

    return preset(options.preset)
