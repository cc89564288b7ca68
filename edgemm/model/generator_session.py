"""A session that takes seeds: each makes one result."""

from __future__ import annotations

from typing import Literal

from edgemm.media import Seed
from edgemm.model.item_sessions import ItemSession
from edgemm.model.sessions import Engine
from edgemm.preprocess.latents import Latents
from edgemm.session import StageClock
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.outputs import Outputs


class GeneratorSession(ItemSession):
    """Seeds in."""

    takes = "seeds"
    kind = Seed
    modality: Literal["seed"] = "seed"

    def __init__(self, engine: Engine, decoder: Decoder) -> None:
        super().__init__(engine, decoder)
        self._latents = Latents(engine.card.inputs, engine.backend.inputs, engine.card.labels)

    def _run(self, item: Seed, clock: StageClock) -> Outputs:
        clock.start("preprocess")
        for at, stored in self._latents.drawn(item.seed, item.label):
            self._runs.backend.input_buffer(at)[...] = stored
        self._context = Context(begin_ns=item.captured_ns, end_ns=item.captured_ns)
        return self._runs.run(clock)
