"""`train_gan`: a generator and a discriminator learn against each other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.quantize.training.bar import Bar
from edgemm.quantize.training.checkpoint import path_of
from edgemm.quantize.training.course import Course, Learner, Validate
from edgemm.quantize.training.identity import said_of
from edgemm.quantize.training.optimizers import make_optimizer
from edgemm.quantize.training.precision import answered
from edgemm.quantize.training.report import TrainingReport
from edgemm.quantize.training.samples import Batch, Data
from edgemm.quantize.training.settings import Settings
from edgemm.quantize.training.supervised import descend

Game = Literal["bce", "hinge", "least_squares"]
Noise = Sequence[int] | Callable[[int], Any]
USUAL = Settings(optimizer="adam", learning_rate=2e-4, betas=(0.5, 0.999))


def train_gan(
    generator: Any,
    discriminator: Any,
    data: Data,
    *,
    noise: Noise,
    game: Game = "bce",
    settings: Settings = USUAL,
    probabilities: bool = False,
    average: float = 0.0,
    validate: Validate | None = None,
    checkpoint: str | Path | None = None,
    save_every: int | None = None,
    progress: bool = True,
) -> TrainingReport:
    """Trains both modules, in place, with an optimizer each. The report has the losses "generator" and
    "discriminator"; the other arguments are those of `train`.

    Args:
        generator: noise [n, ...] -> what the data have.
        discriminator: that -> scores, the higher the more real: any number of them for each sample.
        data: real samples; targets are not used.
        noise: the shape of one sample's noise, drawn from a normal distribution; or a callable: how many -> noise.
        game: bce: the usual one, whose generator maximizes the log of the discriminator's belief. hinge.
            least_squares: towards 1 and 0.
        probabilities: the discriminator ends in a sigmoid; only with "bce".
        average: above 0 the generator ends with a moving average of its weights over the steps, of which each step
            keeps this share: 0.999, for instance.
        validate: called with the generator.

    Raises:
        InputError, TrainingError: as `train`.
    """
    if game not in get_args(Game):
        raise InputError(
            f"game: expected one of {', '.join(get_args(Game))}, found {game!r}{hint(str(game), get_args(Game))}"
        )
    if not 0 <= average < 1:
        raise InputError(f"average: expected a number of at least 0, below 1, found {average!r}")
    if probabilities and game != "bce":
        raise InputError(f"the game {game!r} needs scores: leave the discriminator's sigmoid out")
    kind = "probabilities" if probabilities else game
    player = _Player(generator, discriminator, noise, kind, settings, average)
    path = path_of(checkpoint)
    bar = Bar(type(generator).__name__, shown=progress)
    course = Course(player.learner(), data, settings, validate, path, save_every, bar)
    report = course.run()
    player.finish()
    return report


class _Player:
    """One step of the game: the discriminator's, then the generator's."""

    def __init__(
        self, generator: Any, discriminator: Any, noise: Noise, game: str, settings: Settings, average: float
    ) -> None:
        self._generator, self._discriminator = generator, discriminator
        self._noise, self._game, self._share = noise, game, average
        self._clip, self._precision = settings.clip_norm, settings.precision
        self._average = copy.deepcopy(generator).requires_grad_(False) if average else None
        self._optimizers = {
            "generator": make_optimizer(generator.parameters(), settings),
            "discriminator": make_optimizer(discriminator.parameters(), settings),
        }

    def learner(self) -> Learner:
        """What the course trains. The averaged generator is the one that is validated."""
        modules = {"average": self._average} if self._average is not None else {}
        modules |= {"generator": self._generator, "discriminator": self._discriminator}
        noise = list(self._noise) if isinstance(self._noise, Sequence) else said_of(self._noise)
        named = {"loss": f"gan {self._game}", "noise": str(noise), "average": str(self._share)}
        return Learner(modules, self._optimizers, self.step, named)

    def step(self, batch: Batch) -> dict[str, float]:
        """Both losses of one step."""
        real = batch.inputs[0]
        made = answered(self._generator, (self._drawn(len(real)),), self._precision)
        if made.shape != real.shape:
            raise InputError(
                f"the generator gives shape {list(made.shape)}, and the data have {list(real.shape)}"
            )
        before = [each.detach().clone() for each in self._discriminator.parameters()]
        of_real, of_made = _judgement(self._game, self._judged(real), self._judged(made.detach()))
        wrong = descend(
            of_real + of_made, self._optimizers["discriminator"], self._clip, "discriminator's loss"
        )
        try:
            fooled = _persuasion(self._game, self._judged(made))
            found = descend(fooled, self._optimizers["generator"], self._clip, "generator's loss")
        except Exception:
            self._take_back(before)
            raise
        self._follow()
        return {"generator": found, "discriminator": wrong}

    def _take_back(self, weights: list[Any]) -> None:
        """The discriminator gets the weights that it had before a step in which the generator failed."""
        import torch

        with torch.no_grad():
            for mine, before in zip(self._discriminator.parameters(), weights, strict=True):
                mine.copy_(before)

    def _judged(self, samples: Any) -> Any:
        return answered(self._discriminator, (samples,), self._precision)

    def _drawn(self, count: int) -> Any:
        import torch

        return self._noise(count) if callable(self._noise) else torch.randn(count, *self._noise)

    def _follow(self) -> None:
        """The average comes a little nearer to the generator; batch norms' statistics are those of the generator."""
        import torch

        if self._average is None:
            return
        with torch.no_grad():
            for mine, his in zip(self._average.parameters(), self._generator.parameters(), strict=True):
                mine.lerp_(his, 1 - self._share)
            for mine, his in zip(self._average.buffers(), self._generator.buffers(), strict=True):
                mine.copy_(his)

    def finish(self) -> None:
        """The generator gets the averaged weights."""
        if self._average is not None:
            self._generator.load_state_dict(self._average.state_dict())


def _judgement(game: str, of_real: Any, of_made: Any) -> tuple[Any, Any]:
    """What the discriminator makes small, of its scores for real and for made samples."""
    import torch

    if game == "hinge":
        return torch.relu(1 - of_real).mean(), torch.relu(1 + of_made).mean()
    if game == "least_squares":
        return (of_real - 1).square().mean(), of_made.square().mean()
    if game == "probabilities":
        return _unlikely(of_real), _unlikely(1 - of_made)
    return torch.nn.functional.softplus(-of_real).mean(), torch.nn.functional.softplus(of_made).mean()


def _persuasion(game: str, of_made: Any) -> Any:
    """What the generator makes small."""
    import torch

    if game == "hinge":
        return -of_made.mean()
    if game == "least_squares":
        return (of_made - 1).square().mean()
    if game == "probabilities":
        return _unlikely(of_made)
    return torch.nn.functional.softplus(-of_made).mean()


def _unlikely(probability: Any) -> Any:
    """The mean of -log, of which none is more than 100, as torch has it."""
    return -probability.log().clamp(min=-100).mean()
