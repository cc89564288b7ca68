"""Network video on loopback by GStreamer: H.264 over RTSP, or MPEG-TS over UDP, with number and time in each picture.

    python3 tests/rigs/gst_server.py rtsp [--port N] [--transport tcp|udp]      rtsp://127.0.0.1:PORT/live
    python3 tests/rigs/gst_server.py udp --port N                                udp://127.0.0.1:PORT

For a Python that has gi; on Debian that is the system's, with the packages in `APT`.
Prints the port, then obeys one word per line of standard input and answers each with the word: play, frozen (the same
picture again and again), quit. `--check` exits 0 where everything is there, and says what is not.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from coded_picture import HEIGHT, WIDTH, paint

APT = (
    "sudo apt install python3-gi gir1.2-gst-rtsp-server-1.0 gir1.2-gst-plugins-base-1.0 "
    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"
)
FPS = 30
_NEEDED = ("appsrc", "videoconvert", "x264enc", "rtph264pay", "mpegtsmux", "udpsink")
_ENCODED = (
    f"appsrc name=pictures is-live=true do-timestamp=true format=time block=false max-buffers=2 "
    f"caps=video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT},framerate={FPS}/1 ! "
    f"videoconvert ! video/x-raw,format=I420 ! "
    f"x264enc tune=zerolatency speed-preset=ultrafast bitrate=4000 key-int-max={FPS} "
)


class Painter:
    """Pushes one picture per period into the appsrc of the moment."""

    def __init__(self) -> None:
        self.frozen = False
        self.source: Any = None
        self._picture = b""
        threading.Thread(target=self._paint_for_ever, daemon=True).start()

    def _paint_for_ever(self) -> None:
        due, number = time.monotonic(), 0
        while True:
            if not (self.frozen and self._picture):
                self._picture = paint(number, time.monotonic_ns())
            if self.source is not None:
                self.source.emit("push-buffer", Gst.Buffer.new_wrapped(self._picture))
            number += 1
            due += 1 / FPS
            time.sleep(max(0.0, due - time.monotonic()))


def serve_rtsp(painter: Painter, port: int, transport: str) -> int:
    """Starts the server; returns its port."""
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {_ENCODED} ! rtph264pay config-interval=1 name=pay0 pt=96 )")
    factory.set_shared(True)
    lower = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
    factory.set_protocols(lower[transport] if transport else lower["tcp"] | lower["udp"])

    def configure(_factory: Any, media: Any) -> None:
        painter.source = media.get_element().get_by_name("pictures")

    factory.connect("media-configure", configure)
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        raise SystemExit(f"cannot listen on port {port}")
    painter.server = server  # type: ignore[attr-defined]
    return int(server.get_bound_port())


def serve_udp(painter: Painter, port: int) -> int:
    """Sends to the port, whether somebody listens or not."""
    pipeline = Gst.parse_launch(
        f"{_ENCODED} ! mpegtsmux alignment=7 ! udpsink host=127.0.0.1 port={port} sync=false"
    )
    painter.source = pipeline.get_by_name("pictures")
    pipeline.set_state(Gst.State.PLAYING)
    painter.server = pipeline  # type: ignore[attr-defined]
    return port


def obey(painter: Painter) -> None:
    """Words from standard input, until it ends."""
    for line in sys.stdin:
        word = line.strip()
        if word == "quit":
            break
        painter.frozen = {"play": False, "frozen": True}[word]
        sys.stdout.write(f"{word}\n")
        sys.stdout.flush()
    loop.quit()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=["rtsp", "udp"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--transport", choices=["tcp", "udp"], default="")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()

    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstRtsp", "1.0")
        gi.require_version("GstRtspServer", "1.0")
        from gi.repository import GLib, Gst, GstRtsp, GstRtspServer
    except (ImportError, ValueError) as error:
        raise SystemExit(f"GStreamer's server cannot run ({error}): {APT}") from None
    Gst.init(None)
    missing = [name for name in _NEEDED if Gst.ElementFactory.find(name) is None]
    if missing:
        raise SystemExit(f"GStreamer lacks {', '.join(missing)}: {APT}")
    if not options.check:
        loop = GLib.MainLoop()
        painter = Painter()
        if options.kind == "rtsp":
            found = serve_rtsp(painter, options.port, options.transport)
        else:
            found = serve_udp(painter, options.port or _free_port())
        sys.stdout.write(f"{found}\n")
        sys.stdout.flush()
        threading.Thread(target=obey, args=[painter], daemon=True).start()
        loop.run()
