"""Where frames and audio blocks come from: one `Source` protocol for files now and devices later.

uri.py         a name taken apart                pictures.py     picture files
open.py        from the name to the source       video.py        video files, through OpenCV's FFMPEG
source.py      the seam                          wav.py          the WAV format
losses.py      what a source could not deliver   recordings.py   WAV files as blocks
                                                 paced.py        a file that plays like a device
"""

from edgemm.capture.open import open_source
from edgemm.capture.source import Source

__all__ = ["Source", "open_source"]
