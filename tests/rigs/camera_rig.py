"""The camera of http_camera.py from the outside: its addresses, its own counts, and a reader that stays to the end."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass
from itertools import count

from process import RigProcess

from edgemm.capture import open_source
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.errors import EdgemmError, SourceLost, SourceTimeout
from edgemm.media import Frame

_ids = count()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reader has seen of one connection."""

    delivered: int
    lost: dict[str, int]
    error: str
    """Class and message of what ended it."""
    whole: int
    """Pictures that the server sent whole, by its own count."""
    begun: int
    """Pictures that it began to send."""

    @property
    def accounted(self) -> int:
        """Pictures delivered or counted as lost."""
        return self.delivered + sum(self.lost.values())


class CameraRig(RigProcess):
    """`http_camera.py` in a process of its own."""

    def __init__(self) -> None:
        super().__init__("http_camera.py")

    def url(self, behaviour: str, login: str = "", **options: object) -> str:
        """An address that behaves so."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"http://{login}127.0.0.1:{self.port}/{behaviour}?{query}"

    def counts(self, name: str) -> dict[str, int]:
        """What the server has sent to whoever gave this id."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url("counts", id=name), timeout=20) as answer:
            found: dict[str, int] = json.load(answer)
        return found

    def watch(
        self,
        behaviour: str,
        *,
        login: str = "",
        own: str = "timeout_s=3",
        pictures: int = 10**9,
        **options: object,
    ) -> Outcome:
        """Opens it, reads until it ends or so many `pictures` are delivered, and asks the server what it sent."""
        name = f"{behaviour}-{next(_ids)}"
        address = f"{self.url(behaviour, login, id=name, **options)}#reconnect=0&{own}"
        delivered, lost, error = 0, {}, ""
        try:
            with open_source(address) as source:
                assert isinstance(source, LiveFrames)
                delivered, error = _read_all(source, pictures)
            lost = dict(source.lost)
        except EdgemmError as failed:
            error = f"{type(failed).__name__}: {failed}"
        sent = self.counts(name)
        return Outcome(delivered, lost, error, sent["whole"], sent["begun"])


def _read_all(source: LiveFrames, pictures: int) -> tuple[int, str]:
    """How many were delivered, and what ended it."""
    delivered, give_up = 0, time.monotonic() + 60
    while delivered < pictures and time.monotonic() < give_up:
        try:
            frame = source.read(0.5)
        except SourceTimeout:
            continue
        except SourceLost as error:
            return delivered, f"SourceLost: {error}"
        assert isinstance(frame, Frame)
        delivered += 1
    return delivered, "enough"
