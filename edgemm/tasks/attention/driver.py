"""Speech recognition by an encoder and an attending decoder: what parts and files it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.errors import CardError
from edgemm.session import Cancellation
from edgemm.tasks.attention.recipe import AttentionRecipe
from edgemm.tasks.attention.session import AttentionSession
from edgemm.tasks.attention.vocabulary import Vocabulary
from edgemm.tasks.attention.writing import Writer
from edgemm.tasks.speech.found import ROLE, network_voice
from edgemm.tasks.speech.voice import LevelVoice


class AttentionDriver:
    """See `edgemm.tasks.driver.Driver`."""

    name: ClassVar[str] = "attention"
    task: ClassVar[str] = "transcription"
    roles: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    optional: ClassVar[tuple[str, ...]] = (ROLE,)
    """Says where somebody speaks; without it, that is where it is loud."""
    assets: ClassVar[tuple[str, ...]] = ("tokens",)
    Recipe: ClassVar[type[Any]] = AttentionRecipe
    modality: ClassVar[Literal["image", "audio", "text"]] = "audio"

    def scores(self, recipe: AttentionRecipe) -> tuple[str, str]:
        """See `edgemm.tasks.driver.TellsItsScores`."""
        return "decoder", recipe.logits

    def lengths(self, recipe: AttentionRecipe) -> tuple[str, ...]:
        """See `edgemm.tasks.driver.RunsTheShortest`."""
        return self.roles

    def session(
        self,
        recipe: AttentionRecipe,
        parts: Mapping[str, Any],
        assets: Mapping[str, bytes],
        options: Mapping[str, Any],
    ) -> AttentionSession:
        """The state of a new stream.

        Args:
            recipe: the section `attention` of the bundle, options put in.
            parts: "encoder", "decoder" and, where there is one, "voice_activity".
            assets: "tokens".
            options: none are left.

        Raises:
            CardError: recipe, parts and assets do not fit each other.
        """
        if options:
            raise CardError(f"attention: expected no further options, found {', '.join(options)}")
        recipe.check()
        vocabulary, cancelled = Vocabulary(assets["tokens"], recipe), Cancellation()
        writer = Writer(recipe, parts["encoder"], parts["decoder"], len(vocabulary), cancelled)
        voice = network_voice(recipe, parts) or LevelVoice(recipe.sample_rate)
        return AttentionSession(recipe, writer, vocabulary, voice, parts, cancelled)
