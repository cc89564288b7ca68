"""Ids to sound, by one network or two, as the recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError, CardError
from edgemm.model.part import Part
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.voice.harmonics import Harmonics
from edgemm.tasks.voice.recipe import VoiceRecipe
from edgemm.tensors import TensorSpec

Floats = npt.NDArray[np.float32]
LONGEST_S = 600.0
"""Of the sound of one run: more is a network that does not end."""


@dataclass(frozen=True, slots=True)
class _Length:
    """One length of the acoustic network."""

    signature: str
    inputs: Mapping[str, TensorSpec]
    room: int
    """Ids that it takes; 0 for any number."""

    def filled(self, name: str, value: float) -> npt.NDArray[Any]:
        """The same number everywhere in an input."""
        spec = self.inputs[name]
        return np.full([max(1, size) for size in spec.shape], value, spec.dtype)


class Acoustic:
    """The part `acoustic`, and `vocoder` where there is one.

    Raises:
        CardError: recipe and parts do not fit.
    """

    def __init__(self, recipe: VoiceRecipe, parts: Mapping[str, Part]) -> None:
        self._recipe = recipe
        self._part, self._vocoder = parts["acoustic"], parts.get("vocoder")
        self._lengths = sorted(map(self._length, self._part.signatures), key=lambda each: each.room)
        self._output = recipe.output or next(
            (spec.name for spec in self._part.outputs if spec.name != recipe.lengths_output), ""
        )
        self._require_outputs()
        self._harmonics = Harmonics(
            recipe.sample_rate, recipe.n_fft, recipe.hop, highest_hz=recipe.highest_hz, voiced_hz=recipe.voiced_hz
        )  # fmt: skip

    @property
    def most(self) -> int:
        """Ids of one run; 0 for any number."""
        return 0 if self._lengths[0].room == 0 else self._lengths[-1].room

    def __call__(self, ids: list[int], random: np.random.Generator) -> Floats:
        """float32[samples] of one run.

        Args:
            ids: no more than `most`.

        Raises:
            ArtifactError: the network gave NaN, infinity, or no sound.
        """
        recipe = self._recipe
        length = next(each for each in self._lengths if each.room == 0 or len(ids) <= each.room)
        row = [*ids, *[recipe.pad] * (length.room - len(ids))]
        feeds = {
            recipe.ids_input: np.array([row], length.inputs[recipe.ids_input].dtype),
            **self._fixed(length),
        }
        if recipe.lengths_input:
            feeds[recipe.lengths_input] = length.filled(recipe.lengths_input, len(ids))
        outputs = self._part.step(feeds, length.signature)
        there, of = self._told(outputs)
        if recipe.waveform == "harmonics":
            return self._checked(self._harmonics(self._spectrum(outputs, there), random))
        found = outputs.real(self._output)
        if self._vocoder is not None and recipe.waveform == "vocoder":
            name = recipe.vocoder_input or self._vocoder.inputs[0].name
            outputs = self._vocoder.step({name: np.array(found)})
            found = outputs.real(self._vocoder.outputs[0].name)
        samples = np.array(found, np.float32).reshape(-1)
        return self._checked(samples[: samples.size * there // of])

    def _told(self, outputs: Outputs) -> tuple[int, int]:
        """How much is sound of how much there is, as the network says; (1, 1) for all.

        Raises:
            ArtifactError: it says more than there is, or less than nothing.
        """
        recipe = self._recipe
        if not recipe.lengths_output:
            return 1, 1
        name = recipe.spectrum[0] if recipe.waveform == "harmonics" else self._output
        shape = outputs.real(name).shape
        told = np.asarray(outputs.real(recipe.lengths_output)).reshape(-1)
        axis = recipe.lengths_axis
        of = shape[axis] if -len(shape) <= axis < len(shape) else 0
        if told.size != 1 or not 0 < told[0] <= of:
            raise ArtifactError(
                f"output {recipe.lengths_output!r}: expected one number, 1 to the {of} that the output {name!r} has "
                f"along dimension {axis}; found {told.tolist()[:4]}"
            )
        return round(float(told[0])), of

    def _spectrum(self, outputs: Outputs, there: int) -> list[Floats]:
        every = there if self._recipe.lengths_output else None
        *parts, pitch = (
            np.asarray(outputs.real(name), np.float32)[0][..., :every] for name in self._recipe.spectrum
        )
        bins, frames = self._recipe.n_fft // 2 + 1, len(pitch)
        for name, each in zip(self._recipe.spectrum, parts, strict=False):
            if each.shape != (bins, frames):
                raise ArtifactError(
                    f"output {name!r}: expected [1, {bins}, {frames}] numbers, as many frames as the pitch has; found "
                    f"{[1, *each.shape]}. Say another n_fft or spectrum in the bundle"
                )
        return [*parts, pitch]

    def _checked(self, samples: Floats) -> Floats:
        if not samples.size or samples.size > LONGEST_S * self._recipe.sample_rate:
            raise ArtifactError(
                f"part acoustic: expected sound of up to {LONGEST_S:g} s, found {samples.size} samples"
            )
        if not np.isfinite(samples).all():
            raise ArtifactError("part acoustic: expected finite numbers, found NaN or infinity")
        return np.clip(samples, -1.0, 1.0)

    def _fixed(self, given: _Length) -> dict[str, npt.NDArray[Any]]:
        """The inputs that are the same in each run."""
        recipe = self._recipe
        length = recipe.length / recipe.speed
        values = {
            recipe.speed_input: recipe.speed,
            recipe.noise_input: recipe.noise,
            recipe.length_input: length,
            recipe.rhythm_input: recipe.rhythm,
            recipe.speaker_input: recipe.speaker,
        }
        fixed = {name: given.filled(name, value) for name, value in values.items() if name}
        if recipe.scales_input:
            fixed[recipe.scales_input] = np.array(
                [recipe.noise, length, recipe.rhythm], given.inputs[recipe.scales_input].dtype
            )
        return fixed

    def _length(self, signature: str) -> _Length:
        recipe = self._recipe
        inputs = {spec.name: spec for spec in self._part.specs(signature)[0]}
        named = [name for name in input_names(recipe) if name]
        if sorted(named) != sorted(inputs):
            raise CardError(
                f"part acoustic: expected the inputs {', '.join(named)}, as the recipe names them; found "
                f"{', '.join(inputs)}"
            )
        ids = inputs[recipe.ids_input]
        if len(ids.shape) != 2:
            raise CardError(
                f"part acoustic: expected an input {ids.name!r} [1, length]; found {list(ids.shape)}"
            )
        room = max(0, ids.shape[1])
        if room and not recipe.lengths_output:
            raise CardError(
                f"part acoustic: expected an input {ids.name!r} of any length, [1, length], or `lengths_output`, an "
                f"output that says how much of the sound is not padding; found {list(ids.shape)} and none"
            )
        if room and room <= len(recipe.begin) + len(recipe.end) + len(recipe.behind_each):
            raise CardError(f"part acoustic: expected room for a symbol, found {list(ids.shape)}")
        if recipe.speed != 1 and not (recipe.speed_input or recipe.length_input or recipe.scales_input):
            raise CardError(f"speed: this voice has one speed, 1; found {recipe.speed:g}")
        if recipe.speaker and not recipe.speaker_input:
            raise CardError(f"speaker: this voice has one speaker, 0; found {recipe.speaker}")
        return _Length(signature, inputs, room)

    def _require_outputs(self) -> None:
        recipe = self._recipe
        names = [spec.name for spec in self._part.outputs]
        wanted = (
            *(recipe.spectrum if recipe.waveform == "harmonics" else (self._output,)),
            recipe.lengths_output,
        )
        missing = [each for each in filter(None, wanted) if each not in names]
        if missing:
            raise CardError(f"part acoustic: expected the output {missing[0]!r}, found {', '.join(names)}")
        if (recipe.waveform == "vocoder") != (self._vocoder is not None):
            raise CardError(
                'waveform: expected a part vocoder with "waveform": "vocoder" and none without; found '
                f"{recipe.waveform!r} and {'one' if self._vocoder else 'none'}"
            )
        if self._vocoder is not None:
            _require_vocoder(recipe.vocoder_input, self._vocoder.inputs)


def input_names(recipe: VoiceRecipe) -> tuple[str, ...]:
    """Of the acoustic network, as the recipe gives them; "" where it has none."""
    return (
        recipe.ids_input, recipe.lengths_input, recipe.speed_input, recipe.scales_input, recipe.noise_input,
        recipe.length_input, recipe.rhythm_input, recipe.speaker_input,
    )  # fmt: skip


def _require_vocoder(name: str, inputs: tuple[TensorSpec, ...]) -> None:
    names = [spec.name for spec in inputs]
    if len(names) != 1 or (name and name not in names):
        raise CardError(
            f"part vocoder: expected one input{f', {name!r}' * bool(name)}; found {', '.join(names)}"
        )
