"""What the parts are fed with while the source runs on the data, for each length that the bundle is to have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgemm.converters.bundles.buckets import Bucket, Shape
from edgemm.converters.bundles.lengths import known_lengths, of_cards, probes, settled, still_open
from edgemm.converters.bundles.options import BundleOptions
from edgemm.converters.bundles.recorded import Seen, record
from edgemm.errors import CardError, ConversionError, InputError
from edgemm.judge.items import Item
from edgemm.tasks.driver import RunsTheShortest

if TYPE_CHECKING:
    from edgemm.model.bundle import BundleModel

PART_SAMPLES = 64
"""Most samples that a part is judged on."""


@dataclass(frozen=True, slots=True)
class Fed:
    """What the parts are fed with in one length."""

    bucket: Bucket
    calibration: Mapping[str, Seen]
    held: Mapping[str, Seen]
    sizes: Mapping[str, Mapping[str, Shape]]
    notes: Sequence[str]


def feed_all(
    options: BundleOptions,
    model: BundleModel,
    roles: Sequence[str],
    calibration: Sequence[Item],
    held: Sequence[Item],
) -> list[Fed]:
    """Runs the source on the data, for each length on what fits in; the shortest first.

    Raises:
        InputError: nothing to calibrate on is short enough for a length, or the bundle cannot have several.
    """
    *shorter, longest = options.buckets
    found = []
    if shorter:
        _require_choice(model, roles)
        natural = _natural(options, model, roles, [*calibration, *held])
    below = 0
    for bucket in shorter:
        fits = [bucket.holds(each) for each in natural]
        mine = [each for each, inside in zip(calibration, fits, strict=False) if inside]
        if calibration and not mine:
            raise InputError(
                f"--calibrate: expected something that fits in {_told(bucket)} too, found none so short"
            )
        own = [each for each, inside in zip(held, fits[len(calibration) :], strict=True) if inside]
        notes = _unjudged(bucket, len(own) - below) if held else []
        below = len(own)
        found.append(_feed(options, model, roles, mine, own, bucket, notes))
    notes = _unjudged(longest, len(held) - below) if shorter and held else []
    found.append(_feed(options, model, roles, calibration, held, longest, notes))
    if shorter:
        _require_chosen(model, found)
    return found


def _told(bucket: Bucket) -> str:
    return ", ".join(f"{key}={','.join(map(str, shape))}" for key, shape in bucket.lengths.items())


def _unjudged(bucket: Bucket, items: int) -> list[str]:
    if items > 0:
        return []
    return [
        f"{bucket.name}: nothing that was held out runs in it: its parts were measured, each by itself, and the whole "
        "was not"
    ]


def _natural(
    options: BundleOptions, model: BundleModel, roles: Sequence[str], items: Sequence[Item]
) -> list[dict[str, Shape]]:
    """For each item the largest shapes that the parts are fed with where no length is fixed."""
    tick = options.tick("measuring the lengths of the data")
    found = []
    for number, item in enumerate(items):
        tick(number, len(items))
        seen = record(model, [item], roles, {}, 1, lambda done, total: None)
        found.append(
            {
                f"{role}.{name}": tuple(max(column) for column in zip(*shapes, strict=True))
                for role, each in seen.items()
                for name, shapes in each.shapes.items()
                if len({len(shape) for shape in shapes}) == 1
            }
        )
    return found


def _require_choice(model: BundleModel, roles: Sequence[str]) -> None:
    if not isinstance(model.driver, RunsTheShortest):
        raise InputError(
            f"--length: expected one shape of each input, since the driver {model.card.driver!r} runs one length; "
            "found several"
        )


def _require_chosen(model: BundleModel, feds: Sequence[Fed]) -> None:
    """Raises:
    InputError: a part would have several lengths, and the driver runs one of it.
    """
    driver: Any = model.driver
    chosen = driver.lengths(model.card.recipe)
    for role in feds[-1].sizes:
        if role not in chosen and any(fed.sizes.get(role) != feds[-1].sizes[role] for fed in feds):
            raise InputError(
                f"part {role!r}: would have several lengths, and the driver {model.card.driver!r} runs one of it. "
                f"Give one length, or leave the part as it is with --part {role}=keep"
            )


def _feed(
    options: BundleOptions,
    model: BundleModel,
    roles: Sequence[str],
    calibration: Sequence[Item],
    held: Sequence[Item],
    bucket: Bucket,
    notes: Sequence[str],
) -> Fed:
    """Runs the source on the data, and on something at all where sizes are open."""
    tick = options.tick("recording what the parts are fed with")
    sizes, said = known_lengths(model, bucket.lengths), list(notes)
    try:
        if still_open(model, roles, sizes):
            sizes, more = settled(model, roles, sizes, [*calibration, *held] or probes(model), tick)
            said += more
        for role, shapes in of_cards(model, roles).items():
            sizes[role] = {**shapes, **sizes.get(role, {})}
        first = record(model, calibration, roles, sizes, options.limit, tick) if calibration else {}
        second = record(model, held, roles, sizes, min(options.limit, PART_SAMPLES), tick) if held else {}
    except CardError as error:  # the driver does not take a part whose length is fixed
        raise ConversionError(
            f"with the lengths that a converted file fixes, {error}. A part that cannot be so is left as it is by "
            "--part ROLE=keep"
        ) from error
    _require_sizes(model, sizes, [*first.items(), *second.items()])
    return Fed(bucket, first, second, sizes, said)


def _require_sizes(model: BundleModel, sizes: Any, seen: Sequence[tuple[str, Seen]]) -> None:
    """Raises:
    InputError: a driver feeds a part with other sizes than it was told, so that no fixed size serves.
    """
    for role, each in seen:
        for name, shape in sizes.get(role, {}).items():
            other = each.shapes.get(name, set()) - {tuple(shape)}
            if other:
                raise InputError(
                    f"part {role!r}, input {name!r}: the driver {model.card.driver!r} feeds it with {list(min(other))} "
                    f"where {list(shape)} was expected: it uses it with open sizes alone. --part {role}=keep leaves it"
                )
