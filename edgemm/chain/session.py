"""One stream of frames through a chain: what is found is given to the models behind, and followed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Literal, NamedTuple

from edgemm.chain.crop import Part
from edgemm.chain.found import overlap
from edgemm.chain.stages import Stages, thing_of
from edgemm.chain.step import CHAIN, StageNames, Step
from edgemm.chain.track import Continuity, Tracked
from edgemm.errors import InputError
from edgemm.media import Captured, Frame
from edgemm.preprocess.view import Region
from edgemm.results import Result, Scene, Thing
from edgemm.session import NO_CLOCK, Cancellation, Emission, Gap, Session, StageClock


class _Target(NamedTuple):
    """What is looked at in this frame."""

    region: Region
    part: Part | None
    """As it was found in this frame; None where it was in an earlier one."""
    memory: Tracked | None
    """None where nothing is tracked."""


class SceneSession:
    """One stream's private state over a chain of pictures: one `Scene` a frame. See `edgemm.session.Session`."""

    modality: Literal["image", "audio", "text"] = "image"

    def __init__(self, name: str, first: Session, steps: Sequence[Step]) -> None:
        """
        Args:
            name: of the first model's stages in the ledger.
            first: the session of what finds things; closed with this one.
            steps: at least one; the first of them has a crop. Their sessions are begun here.

        Raises:
            InputError: a model cannot stand where it stands.
        """
        self._first, self._names = first, StageNames(name)
        self._steps, self._cancelled = tuple(steps), Cancellation()
        crop = steps[0].crop
        assert crop is not None
        self._crop, self._track = crop, steps[0].track
        self._continuity = Continuity(self._track.gap_s if self._track else 1.0)
        self._tracks: list[Tracked] = []
        self._numbered = 0
        self._search = True
        """The first model runs on the next frame: a track was lost, or nothing was seen yet."""
        self._searched_ns = 0
        self._stages = Stages(steps, self._cancelled)

    def feed(self, item: Captured, clock: StageClock) -> Iterable[Emission]:
        """What is in the frame.

        Raises:
            InputError: no frame, or a result that the next stage cannot look at.
        """
        if not isinstance(item, Frame):
            raise InputError(f"the chain takes pictures: expected a Frame, found {type(item).__name__}")
        self._cancelled.renew()
        clock.start(CHAIN)
        scene = self._scene(item, clock)
        clock.stop()
        at_ns = item.captured_ns
        return () if scene is None or self._cancelled else (Emission(scene, at_ns, at_ns),)

    def whole(self, frame: Frame) -> Scene:
        """What is in one picture alone; the state of a stream is not kept.

        Raises:
            InputError: as `feed`; or it was cancelled.
        """
        self.reset()
        self._cancelled.renew()
        scene = self._scene(frame, NO_CLOCK)
        self.reset()
        if scene is None:
            raise InputError("the chain was cancelled while it looked at a picture")
        return scene

    def gap(self, gap: Gap, clock: StageClock) -> Iterable[Emission]:
        """Nothing is left to say; what was tracked is forgotten."""
        self.reset()
        return ()

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        """Nothing: every frame is complete."""
        return ()

    def cancel(self) -> None:
        """The frame under way ends without a result after the model that runs on it; from any thread."""
        self._cancelled.cancel()
        self._first.cancel()
        self._stages.cancel()

    def reset(self) -> None:
        """Forgets all tracks. Their numbers are not given again."""
        self._forget()
        self._first.reset()
        self._stages.reset()

    def close(self) -> None:
        """Frees what the sessions of the models hold; may be called twice."""
        with ExitStack() as closing:
            closing.callback(self._first.close)
            closing.callback(self._stages.close)
            closing.callback(self._forget)

    def _forget(self) -> None:
        tracks, self._tracks, self._search = self._tracks, [], True
        for each in tracks:
            each.close()

    def _scene(self, frame: Frame, clock: StageClock) -> Scene | None:
        """None where it was cancelled."""
        if not self._continuity.follows(frame):
            self._forget()
        targets = [_Target(each.region, None, each) for each in self._tracks]
        left_out = 0
        detected = self._must_search(frame.moment_ns)
        if detected:
            found = self._find(frame, clock)
            if self._cancelled:
                return None
            fresh, left_out = self._fresh(found)
            targets += fresh
            self._tracks += [each.memory for each in fresh if each.memory is not None]
            self._search, self._searched_ns = False, frame.moment_ns
        things: list[Thing] = []
        kept: list[Tracked] = []
        lost: list[int] = []
        for target in targets:
            thing, region = self._look(frame, target, clock)
            if self._cancelled:
                return None
            if thing is not None:
                things.append(thing)
            if target.memory is None:
                continue
            if region is not None and not self._is_kept(region, kept):
                target.memory.region = region
                kept.append(target.memory)
            else:
                target.memory.close()
                self._search |= region is None and target.part is None
                if target.part is None or thing is not None:
                    lost.append(target.memory.number)
                else:
                    left_out += 1
        self._tracks = kept
        return Scene(tuple(things), detected, tuple(lost), left_out)

    def _must_search(self, at_ns: int) -> bool:
        track, wanted = self._track, self._crop.at_most
        if track is None or self._search or not self._tracks:
            return True
        if track.every_s is None or (wanted is not None and len(self._tracks) >= wanted):
            return False
        return at_ns - self._searched_ns >= track.every_s * 1e9

    def _find(self, frame: Frame, clock: StageClock) -> Result | None:
        """What the first model says of the whole frame; None where it says nothing."""
        result = None
        for each in self._first.feed(frame, self._names.on(clock)):
            result = each.value
        clock.start(CHAIN)
        return result

    def _fresh(self, found: Result | None) -> tuple[list[_Target], int]:
        """What was found and is not tracked yet, and how many were left out."""
        if found is None:
            return [], 0
        known = [each.region.upright_xyxy for each in self._tracks]
        parts, left_out = self._crop.parts(found, known, self._track.overlap if self._track else 1.0)
        return [_Target(part.region, part, self._begun(part)) for part in parts], left_out

    def _begun(self, part: Part) -> Tracked | None:
        track = self._track
        if track is None:
            return None
        self._numbered += 1
        ahead = track.smooth.begin() if track.smooth else None
        return Tracked(self._numbered, part.region, part.sighting.label, ahead=ahead)

    def _is_kept(self, region: Region, kept: Sequence[Tracked]) -> bool:
        """Another track looks there already."""
        assert self._track is not None
        box = region.upright_xyxy
        return any(overlap(box, each.region.upright_xyxy) >= self._track.overlap for each in kept)

    def _look(self, frame: Frame, target: _Target, clock: StageClock) -> tuple[Thing | None, Region | None]:
        """What the models say of one target, None where it is not there; and where it is looked for next."""
        stages, memory, part = self._stages, target.memory, target.part
        found = stages.ask(0, frame, target.region, clock)
        if self._cancelled:
            return None, None
        region = None
        if memory is not None:
            ahead = self._next(found, memory, frame.moment_ns)
            if ahead is None:
                return None, None
            region, part = ahead.region, part or ahead
        assert part is not None
        results: dict[str, Result] = {}
        stages.put(0, found, part.side, frame.moment_ns, results, memory)
        things = stages.behind(1, frame, found, results, memory, clock)
        if memory is None:
            return thing_of(part, results, things), None
        number, label = memory.number, memory.label
        return thing_of(part, results, things, quad=target.region, track=number, label=label), region

    def _next(self, found: Result, memory: Tracked, at_ns: int) -> Part | None:
        """The part of the next frame in which a thing is looked for; None where it is lost."""
        track = self._track
        assert track is not None
        parts, _ = track.next.parts(found)
        if not parts or parts[0].sighting.score < track.lost_below:
            return None
        if memory.ahead is None:
            return parts[0]
        parts, _ = track.next.parts(memory.ahead(found, at_ns, parts[0].side))
        return parts[0] if parts else None
