"""Where frames and audio blocks come from: one `Source` protocol for files, devices and streams.

uri.py      a name taken apart            losses.py     what a source could not deliver, and what went wrong
open.py     from the name to the source   withheld.py   what a source holds back on purpose
source.py   the seam                      shared.py     one source for several readers (tap.py: a reader's end)

files/   pictures, video, recordings      live/   cameras, pipelines, network video      sound/   microphones
"""

from edgemm.capture.open import open_source
from edgemm.capture.source import Source

__all__ = ["Source", "open_source"]
