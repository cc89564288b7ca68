"""Denoising as a driver: sound in, cleaner sound out, sample for sample, at the times at which it was heard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from edgemm.errors import InputError
from edgemm.media import AudioBlock, Captured
from edgemm.preprocess.resample import Resampler
from edgemm.preprocess.window import check_hertz, checked_samples
from edgemm.results import Audio
from edgemm.session import NO_CLOCK, Cancellation, Emission, Gap, StageClock
from edgemm.tasks.denoising.overlap import OverlapAdd, Samples
from edgemm.tasks.denoising.recipe import DenoisingRecipe
from edgemm.tasks.driver import Modality, Tensors, WholeSession


class DenoisingDriver:
    """See `edgemm.tasks.driver.Driver`."""

    name: ClassVar[str] = "denoising"
    task: ClassVar[str] = "audio"
    roles: ClassVar[tuple[str, ...]] = ("mask", "frame")
    optional: ClassVar[tuple[str, ...]] = ()
    assets: ClassVar[tuple[str, ...]] = ()
    modality: ClassVar[Modality] = "audio"
    Recipe: ClassVar[type[Any]] = DenoisingRecipe

    def tensors(self, recipe: DenoisingRecipe) -> Mapping[str, Tensors]:
        """See `edgemm.tasks.driver.KnowsItsTensors`."""
        bins, frame = (1, 1, recipe.frame // 2 + 1), (1, 1, recipe.frame)
        return {
            "mask": Tensors({recipe.mask_input: bins}, {recipe.mask_output: bins}),
            "frame": Tensors({recipe.frame_input: frame}, {recipe.frame_output: frame}),
        }

    def session(
        self,
        recipe: DenoisingRecipe,
        parts: Mapping[str, Any],
        assets: Mapping[str, bytes],
        options: Mapping[str, Any],
    ) -> WholeSession:
        """See `DenoisingSession`."""
        return DenoisingSession(recipe, parts)


class DenoisingSession:
    """One stream. Each block of sound gives the cleaned samples that it completes, as one `Audio`.

    The delay of the networks stands in the times: a result is as old as the sound that it is made from, and all samples
    come out, the last ones at the end or before a gap.
    """

    modality: Modality = "audio"

    def __init__(self, recipe: DenoisingRecipe, parts: Mapping[str, Any]) -> None:
        self._recipe, self._parts = recipe, parts
        self._frames = OverlapAdd(recipe, parts)
        self._cancelled = Cancellation()
        self._forget()

    def _forget(self) -> None:
        self._resampler: Resampler | None = None
        self._waiting = np.zeros(0, np.float32)
        """Heard, and less than a hop."""
        self._heard = 0
        """Samples so far, at the networks' rate."""
        self._made = -self._frames.delay
        """Samples that came out: what comes out first was heard before the stream began."""
        self._newest: AudioBlock | None = None
        self._began_s = 0.0

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """What the block completes.

        Raises:
            InputError: not an audio block, not finite, or its rate changed.
            MissingDependency: it has another rate than the networks, and soxr is not installed.
        """
        block = self._checked(item)
        self._cancelled.renew()
        clock.start("preprocess")
        heard = checked_samples(block.samples)
        if self._newest is None:
            self._begin(block)
        self._newest = block
        if self._resampler is not None:
            heard = self._resampler.push(heard)
        self._heard += len(heard)
        yield from self._clean(heard, block, clock)

    def finish(self, clock: StageClock) -> Iterator[Emission]:
        """What is still under way."""
        self._cancelled.renew()
        last, self._newest = self._newest, None
        if last is None:
            return
        if self._resampler is not None:
            rest = self._resampler.finish()
            self._heard += len(rest)
            yield from self._clean(rest, last, clock)
        behind = -self._heard % self._recipe.hop + self._frames.delay
        yield from self._clean(np.zeros(behind, np.float32), last, clock)

    def gap(self, gap: Gap, clock: StageClock) -> Iterator[Emission]:
        """What is still under way; then what was heard is forgotten."""
        yield from self.finish(clock)
        self.reset()

    def whole(self, item: Captured) -> Audio:
        """A whole recording, as long as it was, at the networks' sample rate."""
        made = [*self.feed(item, NO_CLOCK), *self.finish(NO_CLOCK)]
        samples = [each.value.samples for each in made if isinstance(each.value, Audio)]
        return Audio(np.concatenate([np.zeros(0, np.float32), *samples]), self._recipe.sample_rate)

    def cancel(self) -> None:
        """The block that is fed right now ends after the frame that it is in. From any thread."""
        self._cancelled.cancel()

    def reset(self) -> None:
        """Forgets everything heard."""
        self._frames.reset()
        self._forget()

    def close(self) -> None:
        """Frees the parts; may be called twice."""
        for part in self._parts.values():
            part.close()

    def _begin(self, block: AudioBlock) -> None:
        rate = self._recipe.sample_rate
        self._began_s = block.position / block.sample_rate
        self._resampler = Resampler(block.sample_rate, rate) if block.sample_rate != rate else None

    def _checked(self, item: Captured) -> AudioBlock:
        if not isinstance(item, AudioBlock):
            raise InputError(f"denoising: expected sound, an AudioBlock, found {type(item).__name__}")
        check_hertz(item.sample_rate)
        before = self._newest
        if before is not None and before.sample_rate != item.sample_rate:
            raise InputError(
                f"sample_rate: expected {before.sample_rate} Hz as before, found {item.sample_rate} Hz; reset() first"
            )
        return item

    def _clean(self, samples: Samples, block: AudioBlock, clock: StageClock) -> Iterator[Emission]:
        """One result of all that these samples complete; `block` is the newest that was heard."""
        hop, found = self._recipe.hop, []
        heard = np.concatenate([self._waiting, samples])
        begin = max(0, self._made)
        clock.start("infer")
        for at in range(0, len(heard) - hop + 1, hop):
            made = self._frames.step(heard[at : at + hop])
            if self._made >= 0:
                found.append(made[: max(0, self._heard - self._made)].copy())
            self._made += hop
            if self._cancelled:
                clock.stop()
                return
        clock.stop()
        self._waiting = heard[len(heard) - len(heard) % hop :]
        if found:
            cleaned = np.concatenate(found)
            begin_ns, newest_ns = (self._time_ns(at, block) for at in (begin, begin + len(cleaned)))
            yield Emission(Audio(cleaned, self._recipe.sample_rate), begin_ns, newest_ns)

    def _time_ns(self, sample: int, block: AudioBlock) -> int:
        """When this sample was captured, by the clock of the newest block."""
        since_s = self._began_s + sample / self._recipe.sample_rate - block.position / block.sample_rate
        return block.captured_ns + round(since_s * 1e9)
