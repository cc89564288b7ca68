"""Where results go: lines in a file, a film, a folder, a window, a speaker, a WAV file, a function. One file per sink.

    open_sinks(save=["out.mp4"], show=False, source=source)      what `edgemm run --save --show` opens

A sink never holds a stream up: `put` copies the picture and returns, a thread of the sink's own does the rest, and
what comes faster than that is refused and counted. A record of lines (`record.py`) is written by the loop itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgemm.sinks.callback import CallbackSink as CallbackSink
    from edgemm.sinks.directory import DirectorySink as DirectorySink
    from edgemm.sinks.open import open_sinks as open_sinks
    from edgemm.sinks.open import saver as saver
    from edgemm.sinks.several import Sinks as Sinks
    from edgemm.sinks.sink import Sink as Sink
    from edgemm.sinks.speaker import SpeakerSink as SpeakerSink
    from edgemm.sinks.video import VideoSink as VideoSink
    from edgemm.sinks.wav import SoundFolder as SoundFolder
    from edgemm.sinks.wav import WavSink as WavSink
    from edgemm.sinks.window import WindowSink as WindowSink

_HOME = {
    "CallbackSink": "edgemm.sinks.callback",
    "DirectorySink": "edgemm.sinks.directory",
    "open_sinks": "edgemm.sinks.open",
    "saver": "edgemm.sinks.open",
    "Sinks": "edgemm.sinks.several",
    "Sink": "edgemm.sinks.sink",
    "SoundFolder": "edgemm.sinks.wav",
    "SpeakerSink": "edgemm.sinks.speaker",
    "VideoSink": "edgemm.sinks.video",
    "WavSink": "edgemm.sinks.wav",
    "WindowSink": "edgemm.sinks.window",
}
"""Name -> its module, imported when it is first asked for."""

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'edgemm.sinks' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
