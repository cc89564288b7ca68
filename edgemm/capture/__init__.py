"""Where frames and audio blocks come from: one `Source` protocol for files, devices and streams.

uri.py         a name taken apart                pictures.py     picture files
open.py        from the name to the source       video.py        video files, through OpenCV's FFMPEG
source.py      the seam                          wav.py          the WAV format
losses.py      what a source could not deliver   recordings.py   WAV files as blocks
                                                 paced.py        a file that plays like a device

live_frames.py the newest frame, whatever the driver does: connections one after the other
newest.py      a slot for it, and the count of all others            stamps.py     is it a time of capture?
connection.py  a grabber in a thread of its own, watched             stillness.py  a picture that stands still
grabber.py     the seam to a driver                                  patience.py   time-outs, attempts, waits
  opencv_grabber.py  camera.py (V4L2; cameras.py lists them)  network.py (ffmpeg.py)  picamera.py  gstreamer.py

microphone.py  microphone_source.py (what edgemm.recorder records)   pcm.py        integers to -1..1
voice_gate.py  sound only while somebody speaks (loudness.py)        withheld.py   what was held back on purpose
shared.py      one source for several readers                        tap.py        one reader's end of it
"""

from edgemm.capture.open import open_source
from edgemm.capture.source import Source

__all__ = ["Source", "open_source"]
