"""Speech to text by a streaming transducer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from edgemm.tasks.speech.found import ROLE, found_voice
from edgemm.tasks.transcription.spelling import Spelling
from edgemm.tasks.transducer.networks import Encoder, Joiner, Predictor
from edgemm.tasks.transducer.recipe import TransducerRecipe
from edgemm.tasks.transducer.session import TransducerSession
from edgemm.tasks.window_session import named
from edgemm.token_list import read_tokens, without_marks

if TYPE_CHECKING:
    from edgemm.model.part import Part


class TransducerDriver:
    """Encoder of running sound, decoder of what was said, joiner. See `edgemm.tasks.driver.Driver`."""

    name: ClassVar[str] = "transducer"
    task: ClassVar[str] = "transcription"
    roles: ClassVar[tuple[str, ...]] = ("encoder", "decoder", "joiner")
    optional: ClassVar[tuple[str, ...]] = (ROLE,)
    """Says where somebody speaks; without it, that is where it is loud."""
    assets: ClassVar[tuple[str, ...]] = ("tokens",)
    Recipe: ClassVar[type[Any]] = TransducerRecipe
    modality: ClassVar[str] = "audio"

    def scores(self, recipe: TransducerRecipe) -> tuple[str, str]:
        """See `edgemm.tasks.driver.TellsItsScores`."""
        return "joiner", recipe.joiner_output

    def session(
        self,
        recipe: TransducerRecipe,
        parts: Mapping[str, Part],
        assets: Mapping[str, bytes],
        options: Mapping[str, Any],
    ) -> TransducerSession:
        """The state of a new stream.

        Raises:
            CardError: recipe, networks and tokens do not fit each other.
            ArtifactError: the list of tokens is damaged.
        """
        recipe.check()
        scores = named(parts["joiner"].outputs, recipe.joiner_output, "joiner_output").shape[-1]
        labels = without_marks(read_tokens(assets["tokens"]), scores)
        return TransducerSession(
            recipe,
            Encoder(parts["encoder"], recipe),
            Predictor(parts["decoder"], recipe),
            Joiner(parts["joiner"], recipe, len(labels)),
            Spelling(labels, recipe),
            found_voice(recipe, parts, recipe.audio.sample_rate),
            parts,
        )
