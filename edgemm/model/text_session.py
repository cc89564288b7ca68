"""A session that takes texts: one text fills the inputs of all roles."""

from __future__ import annotations

from typing import Any, Literal

import numpy.typing as npt

from edgemm.media import Text
from edgemm.model.item_sessions import ItemSession
from edgemm.model.sessions import Engine
from edgemm.preprocess import compile_text
from edgemm.session import StageClock
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.outputs import Outputs


class TextSession(ItemSession):
    """Texts in."""

    takes = "text"
    kind = Text
    modality: Literal["image", "audio", "text"] = "text"

    def __init__(self, engine: Engine, decoder: Decoder) -> None:
        super().__init__(engine, decoder)
        specs = engine.backend.inputs
        self._prepare = compile_text(engine.card.inputs, specs, engine.card.files)
        self._places = {spec.name: at for at, spec in enumerate(specs)}

    def _run(self, item: Text, clock: StageClock) -> Outputs:
        clock.start("preprocess")
        mask = self._prepare(item.text, item.pair, self._buffer)
        self._context = Context(begin_ns=item.captured_ns, end_ns=item.captured_ns, mask=mask)
        return self._runs.run(clock)

    def _buffer(self, name: str) -> npt.NDArray[Any]:
        return self._runs.backend.input_buffer(self._places[name])
