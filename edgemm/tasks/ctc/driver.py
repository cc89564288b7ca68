"""Speech to text by a streaming CTC network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from edgemm.card.model_card import InputCard, ModelCard, OutputCard
from edgemm.card.rules import span
from edgemm.model.part import Part
from edgemm.results import Transcript
from edgemm.session import StageClock
from edgemm.tasks.context import Context
from edgemm.tasks.ctc.recipe import CtcRecipe
from edgemm.tasks.silence import Quiet
from edgemm.tasks.speech.found import ROLE, FoundVoice, found_voice
from edgemm.tasks.transcription.task import TranscriptionDecoder
from edgemm.tasks.window_session import WindowSession, closed, named
from edgemm.tensors import TensorSpec
from edgemm.token_list import read_tokens, without_marks


class CtcDriver:
    """One network and its tokens. See `edgemm.tasks.driver.Driver`."""

    name: ClassVar[str] = "ctc"
    task: ClassVar[str] = "transcription"
    roles: ClassVar[tuple[str, ...]] = ("model",)
    optional: ClassVar[tuple[str, ...]] = (ROLE,)
    """Says where somebody speaks; without it, that is where it is loud."""
    assets: ClassVar[tuple[str, ...]] = ("tokens",)
    Recipe: ClassVar[type[Any]] = CtcRecipe
    modality: ClassVar[Literal["image", "audio", "text"]] = "audio"

    def scores(self, recipe: CtcRecipe) -> tuple[str, str]:
        """See `edgemm.tasks.driver.TellsItsScores`."""
        return "model", recipe.output

    def session(
        self,
        recipe: CtcRecipe,
        parts: Mapping[str, Part],
        assets: Mapping[str, bytes],
        options: Mapping[str, Any],
    ) -> CtcSession:
        """The state of a new stream.

        Raises:
            CardError: recipe, network and tokens do not fit each other.
            ArtifactError: the list of tokens is damaged.
        """
        part = parts["model"]
        spec = named(part.inputs, recipe.input, "input")
        scores = named(part.outputs, recipe.output, "output")
        labels = without_marks(read_tokens(assets["tokens"]), scores.shape[-1])
        audio = recipe.audio
        of_one_run = replace(
            audio, frames=audio.stride // audio.hop
        )  # its steps lie in the stride, behind the last
        card = ModelCard(
            task="transcription",
            inputs=(InputCard(spec.name, "audio", audio=of_one_run),),
            outputs=(OutputCard(scores.name, decode=recipe.decode),),
            labels=labels,
        )
        decoder = TranscriptionDecoder(card, recipe, (replace(scores, shape=closed(scores.shape)),))
        covered_s = span(of_one_run) / audio.sample_rate
        return CtcSession(
            recipe, part, spec, decoder, covered_s, found_voice(recipe, parts, audio.sample_rate), parts
        )


class CtcSession(WindowSession):
    """One stream's private state. See `edgemm.session.Session`."""

    def __init__(
        self,
        recipe: CtcRecipe,
        part: Part,
        spec: TensorSpec,
        decoder: TranscriptionDecoder,
        covered_s: float,
        voice: FoundVoice | None,
        parts: Mapping[str, Part],
    ) -> None:
        """
        Args:
            covered_s: seconds from the beginning of a window to the end of its last frame that is not looked ahead.
            voice: tells voice from silence; None: the level does.
            parts: all of the bundle, closed with the session.
        """
        self._part, self._input, self._decoder, self._covered_s = part, spec.name, decoder, covered_s
        super().__init__(
            recipe.audio,
            spec,
            tuple(parts.values()),
            mirrored=recipe.mirrored,
            tail_s=recipe.tail_s + recipe.delay_s,
            silence_s=decoder.silence_s,
            by_level=decoder.by_level,
            voice=voice,
        )

    def _heard(self, context: Context, clock: StageClock) -> list[Transcript]:
        clock.start("infer")
        outputs = self._part.step({self._input: self._frames})
        clock.start("decode")
        covered = context._replace(end_s=context.begin_s + self._covered_s)
        return self._decoder.decode(outputs, covered, self._state)

    def _quiet(self, quiet: Quiet) -> list[Transcript]:
        return self._decoder.quiet(
            Context(begin_s=quiet.since_s, end_s=quiet.now_s, levels=self._levels), self._state
        )

    def _ended(self, context: Context) -> list[Transcript]:
        return self._decoder.end(context, self._state)

    def _forget(self) -> None:
        self._part.reset()
        self._state = self._decoder.begin()
