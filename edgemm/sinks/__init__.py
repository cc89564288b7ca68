"""Where results go while a stream runs: a film, a folder of pictures, a window, a function. One file per sink.

    open_sinks(save=["out.mp4"], show=False, source=source)      what `edgemm run --save --show` opens

A sink never holds a stream up: `put` copies the picture and returns, a thread of the sink's own does the rest, and
what comes faster than that is refused and counted.
"""

from edgemm.sinks.callback import CallbackSink
from edgemm.sinks.directory import DirectorySink
from edgemm.sinks.open import open_sinks, saver
from edgemm.sinks.several import Sinks
from edgemm.sinks.sink import Sink
from edgemm.sinks.video import VideoSink
from edgemm.sinks.window import WindowSink

__all__ = [
    "CallbackSink",
    "DirectorySink",
    "Sink",
    "Sinks",
    "VideoSink",
    "WindowSink",
    "open_sinks",
    "saver",
]
