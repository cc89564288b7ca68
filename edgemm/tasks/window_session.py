"""A stream of sound in windows for networks that write down what is said, each window worked on as it is complete."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import InputCard
from edgemm.card.recipes import AudioRecipe
from edgemm.errors import CardError, InputError
from edgemm.media import AudioBlock, Captured
from edgemm.model.part import Part
from edgemm.preprocess.audio import compile_audio
from edgemm.preprocess.window import checked_samples
from edgemm.results import Transcript
from edgemm.session import NO_CLOCK, Cancellation, Emission, Gap, StageClock
from edgemm.tasks.context import Context
from edgemm.tasks.mirror import Mirror
from edgemm.tasks.silence import FindsVoice, Quiet, Silence
from edgemm.tasks.sound_levels import SoundLevels
from edgemm.tensors import TensorSpec


class WindowSession(ABC):
    """One stream's private state. See `edgemm.session.Session`."""

    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(
        self,
        audio: AudioRecipe,
        spec: TensorSpec,
        parts: Sequence[Part],
        *,
        mirrored: bool,
        tail_s: float,
        silence_s: float = 0.0,
        by_level: bool = False,
        voice: FindsVoice | None = None,
    ) -> None:
        """
        Args:
            audio: how sound becomes one window.
            spec: of the input that takes it.
            parts: closed with the session.
            mirrored: before the first sample stands its mirror image, `audio.lead` samples of it.
            tail_s: seconds of silence behind the last sample, beside those that complete its window.
            silence_s: of the sound itself, after which `_quiet` is asked; 0: never.
            by_level: contexts have the levels of the sound, which say where words end.
            voice: tells voice from silence; None: the level does.

        Raises:
            CardError: the recipe does not fit the input, or leaves sound out.
        """
        spec = replace(spec, shape=closed(spec.shape))
        lead = audio.lead if mirrored else 0
        self._mirror = Mirror(lead / audio.sample_rate)
        self._rate, self._parts = audio.sample_rate, tuple(parts)
        card = InputCard(spec.name, "audio", spec.shape, "NTF", audio=replace(audio, lead=audio.lead - lead))
        self._window = compile_audio(card, spec)
        self._frames: npt.NDArray[Any] = np.zeros(spec.shape, spec.dtype)
        if self._window.stride > audio.frames * audio.hop:
            raise CardError(
                f"audio.stride: expected at most {audio.frames * audio.hop} samples, which one window covers, so that "
                f"no sound is left out; found {self._window.stride}"
            )
        self._span_s, self._stride_s = self._window.span / self._rate, self._window.stride / self._rate
        self._tail_s = self._span_s + tail_s
        self._cancelled, self._levels = Cancellation(), SoundLevels() if by_level else None
        self._silence = Silence(silence_s, voice)
        self._began_s: float | None = None
        self._newest: AudioBlock | None = None
        self._at = Context()
        self.reset()

    @abstractmethod
    def _heard(self, context: Context, clock: StageClock) -> Sequence[Transcript]:
        """The results of the window that `self._frames` holds."""

    def _quiet(self, quiet: Quiet) -> Sequence[Transcript]:
        """The results that end with a silence of the sound."""
        return ()

    @abstractmethod
    def _ended(self, context: Context) -> Sequence[Transcript]:
        """What is still to be said when nothing follows."""

    @abstractmethod
    def _forget(self) -> None:
        """Nothing was heard."""

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """The results of the windows that a block of sound completes.

        Raises:
            InputError: not an audio block, or its rate changed.
        """
        if not isinstance(item, AudioBlock):
            raise InputError(f"the bundle takes sound: expected an AudioBlock, found {type(item).__name__}")
        self._cancelled.renew()
        self._newest = item = replace(item, samples=checked_samples(item.samples))
        if self._levels is not None:
            self._levels.push(item)
        for part, quiet in self._silence.parts(item):
            heard = self._mirror(part)
            if heard is not None:
                yield from self._hear(heard, clock)
            if self._cancelled:
                return
            if quiet is not None:
                for each in self._quiet(quiet):
                    yield Emission(each, min(self._at.begin_ns, quiet.now_ns), quiet.now_ns, each.final)

    def _hear(self, item: AudioBlock, clock: StageClock) -> Iterator[Emission]:
        if self._began_s is None:
            self._began_s = item.position / item.sample_rate
        clock.start("preprocess")
        for end in self._window.push(item.samples, item.sample_rate):
            self._window.write(self._frames)
            self._at = self._place(end, item)
            found = self._heard(self._at, clock)
            clock.stop()
            for each in found:
                yield Emission(each, self._at.begin_ns, self._at.end_ns, each.final)
            if self._cancelled:
                return
            clock.start("preprocess")
        clock.stop()

    def _place(self, end: int, block: AudioBlock) -> Context:
        """Of the window that ends at sample `end` since the last reset, and within the block."""
        end_s = (self._began_s or 0.0) + end / self._rate
        samples = min(float(len(block.samples)), end_s * block.sample_rate - block.position)
        end_ns = block.captured_ns + round(samples * 1e9 / block.sample_rate)
        begin_ns = end_ns - round(self._span_s * 1e9)
        begin_s = end_s - self._span_s
        return Context(begin_ns=begin_ns, end_ns=end_ns, begin_s=begin_s, end_s=end_s, levels=self._levels)

    def gap(self, gap: Gap, clock: StageClock) -> Iterator[Emission]:
        """What is still to be said; then what was heard is forgotten."""
        yield from self.finish(clock)
        self.reset()

    def finish(self, clock: StageClock) -> Iterator[Emission]:
        """What was said up to the end: silence follows it, until the last sample was looked at with all that the
        network looks ahead."""
        self._cancelled.renew()
        last, self._newest = self._newest, None
        if last is None:
            return
        heard_ns = last.captured_ns + round(len(last.samples) * 1e9 / last.sample_rate)
        silence = self._mirror(_silence(last, heard_ns, self._tail_s), last=True)
        assert silence is not None
        for each in self._hear(silence, clock):
            newest_ns = min(each.newest_ns, heard_ns)  # what is heard of the silence is no younger
            yield each._replace(begin_ns=min(each.begin_ns, newest_ns), newest_ns=newest_ns)
        if self._cancelled:
            return
        newest_ns = min(self._at.end_ns, heard_ns)
        for result in self._ended(self._at):
            yield Emission(result, min(self._at.begin_ns, newest_ns), newest_ns, result.final)

    def whole(self, item: Captured) -> Transcript:
        """All that is said in a recording, as a stream of it would give it; the state of a stream is not kept.

        Raises:
            InputError: not an audio block.
        """
        self.reset()
        found = [each.value for each in self.feed(item, NO_CLOCK) if each.final]
        found += [each.value for each in self.finish(NO_CLOCK) if each.final]
        self.reset()
        words = tuple(word for each in found if isinstance(each, Transcript) for word in each.words)
        text = " ".join(word.text for word in words)
        return Transcript(text, words[0].begin_s, words[-1].end_s, words) if words else Transcript(text)

    def cancel(self) -> None:
        """The item that is fed right now ends after the step that it is in. From any thread."""
        self._cancelled.cancel()

    def reset(self) -> None:
        """Nothing was heard."""
        self._window.reset()
        self._mirror.reset()
        self._silence.reset()
        if self._levels is not None:
            self._levels.reset()
        self._forget()
        self._began_s, self._newest, self._at = None, None, Context()

    def close(self) -> None:
        """Frees the networks' own state; may be called twice."""
        for part in self._parts:
            part.close()


def closed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """With a batch of 1 where the file leaves it open."""
    return (1, *shape[1:]) if shape and shape[0] == -1 else shape


def named(specs: Sequence[TensorSpec], name: str, what: str) -> TensorSpec:
    """The tensor of that name.

    Args:
        what: the key of the recipe that has the name.

    Raises:
        CardError: there is none.
    """
    for spec in specs:
        if spec.name == name:
            return spec
    raise CardError(f"{what}: expected one of {', '.join(spec.name for spec in specs)}; found {name!r}")


def _silence(last: AudioBlock, begin_ns: int, seconds: float) -> AudioBlock:
    """What follows a block when nothing does."""
    samples = np.zeros(math.ceil(seconds * last.sample_rate), np.float32)
    position = last.position + len(last.samples)
    return replace(last, samples=samples, captured_ns=begin_ns, position=position, gap_samples=0)
