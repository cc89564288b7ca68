"""Speech from text: words, phonemes, an acoustic network, sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.errors import CardError
from edgemm.model.part import Part
from edgemm.tasks.driver import Tensors
from edgemm.tasks.voice.acoustic import Acoustic, input_names
from edgemm.tasks.voice.inventory import Inventory
from edgemm.tasks.voice.language import find_language
from edgemm.tasks.voice.letters import Letters
from edgemm.tasks.voice.lexicon import Lexicon
from edgemm.tasks.voice.program import Program
from edgemm.tasks.voice.recipe import VoiceRecipe
from edgemm.tasks.voice.session import VoiceSession
from edgemm.tasks.voice.speller import Speller


class VoiceDriver:
    """See `edgemm.tasks.driver.Driver`.

    Parts: `acoustic` gives sound, a spectrum or what a vocoder takes; `vocoder`; `letters`, for words that are not in
    the lexicon. Assets: `symbols` (`Inventory`); `lexicon` (`Lexicon`) with phonemes "lexicon"; `letters` (`Letters`).
    """

    name: ClassVar[str] = "voice"
    task: ClassVar[str] = "audio"
    roles: ClassVar[tuple[str, ...]] = ("acoustic",)
    optional: ClassVar[tuple[str, ...]] = ("vocoder", "letters")
    assets: ClassVar[tuple[str, ...]] = ("symbols",)
    modality: ClassVar[Literal["image", "audio", "text"]] = "text"
    Recipe: ClassVar[type[Any]] = VoiceRecipe

    def tensors(self, recipe: VoiceRecipe) -> Mapping[str, Tensors]:
        """See `edgemm.tasks.driver.KnowsItsTensors`."""
        outputs = recipe.spectrum if recipe.waveform == "harmonics" else (recipe.output,)
        return {
            "acoustic": Tensors(
                {name: None for name in input_names(recipe) if name},
                {name: None for name in (*outputs, recipe.lengths_output) if name},
            )
        }

    def lengths(self, recipe: VoiceRecipe) -> tuple[str, ...]:
        """See `edgemm.tasks.driver.RunsTheShortest`."""
        return self.roles

    def session(
        self,
        recipe: VoiceRecipe,
        parts: Mapping[str, Part],
        assets: Mapping[str, bytes],
        options: Mapping[str, Any],
    ) -> VoiceSession:
        """See `edgemm.tasks.driver.Driver`.

        Raises:
            CardError: recipe, parts and assets do not fit.
            MissingDependency: the program that gives phonemes is not installed.
        """
        recipe.check()
        inventory = Inventory(assets["symbols"])
        language = find_language(recipe.language) if recipe.language else None
        if recipe.phonemes == "program":
            speller = Speller(language, program=Program(recipe.program, recipe.program_voice))
        elif recipe.phonemes == "characters":
            speller = Speller(language)
        else:
            if "lexicon" not in assets or language is None:
                raise CardError(
                    'phonemes: expected an asset lexicon and a language with "phonemes": "lexicon", found '
                    f"{'no lexicon' if 'lexicon' not in assets else 'no language'}. Add it, or say where else phonemes "
                    "come from"
                )
            speller = Speller(language, Lexicon.of(assets["lexicon"]), _letters(parts, assets))
        return VoiceSession(recipe, parts, speller, inventory, Acoustic(recipe, parts))


def _letters(parts: Mapping[str, Part], assets: Mapping[str, bytes]) -> Letters | None:
    if ("letters" in parts) != ("letters" in assets):
        raise CardError(
            "letters: expected a part and an asset of this name, or neither; found "
            f"{'the part alone' if 'letters' in parts else 'the asset alone'}"
        )
    return Letters(parts["letters"], assets["letters"]) if "letters" in parts else None
