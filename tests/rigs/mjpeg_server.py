"""A network camera on loopback: motion JPEG over HTTP at 30 pictures a second, each with its number and time in it.

    python tests/rigs/mjpeg_server.py [--port N] [--fps N]

Prints the port that it listens on, then obeys one word per line of standard input and answers each with the word:
play, stall (connections stay open, nothing comes), close (connections end, and new ones are refused), corrupt (bytes
that are no JPEG), hiccup (one such picture, then play), frozen (the same picture again and again), quit.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from coded_picture import HEIGHT, WIDTH, paint

_HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n"
_GARBAGE = bytes(range(256)) * 20
_MODES = ("play", "stall", "close", "corrupt", "hiccup", "frozen")


class MjpegServer:
    """Paints one picture per period and sends the newest to whoever listens."""

    def __init__(self, port: int, fps: float) -> None:
        self.mode = "play"
        self._period_s = 1 / fps
        self._made = threading.Condition()
        self._number, self._jpeg = -1, b""
        self._port = port
        self._door: socket.socket | None = None
        self._guests: set[socket.socket] = set()
        self.open_door()

    @property
    def port(self) -> int:
        """Where it listens, or will again."""
        return self._port

    def obey(self, word: str) -> None:
        """Changes what it does from the next picture on."""
        self.mode = word
        if word == "close":
            self._shut_door()
        elif self._door is None:
            self.open_door()

    def open_door(self) -> None:
        """Listens, on the same port as before."""
        self._door = socket.create_server(("127.0.0.1", self._port))
        self._port = self._door.getsockname()[1]
        threading.Thread(target=self._welcome, args=[self._door], daemon=True).start()

    def paint_for_ever(self) -> None:
        """A new picture whenever one is due."""
        due = time.monotonic()
        while True:
            number = self._number + 1
            grey = np.frombuffer(paint(number, time.monotonic_ns()), np.uint8).reshape(HEIGHT, WIDTH)
            jpeg = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
            with self._made:
                self._number = number
                if self.mode != "frozen":
                    self._jpeg = jpeg
                self._made.notify_all()
            due += self._period_s
            time.sleep(max(0.0, due - time.monotonic()))

    def _shut_door(self) -> None:
        if self._door is not None:
            self._door.shutdown(socket.SHUT_RDWR)
            self._door.close()
            self._door = None
        for guest in list(self._guests):
            guest.shutdown(socket.SHUT_RDWR)

    def _welcome(self, door: socket.socket) -> None:
        while True:
            try:
                guest, _ = door.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[guest], daemon=True).start()

    def _serve(self, guest: socket.socket) -> None:
        self._guests.add(guest)
        try:
            with guest:
                guest.recv(4096)
                guest.sendall(_HEAD)
                last = -1
                while True:
                    last = self._send_next(guest, last)
        except OSError:
            pass
        finally:
            self._guests.discard(guest)

    def _send_next(self, guest: socket.socket, last: int) -> int:
        with self._made:
            self._made.wait_for(lambda: self._number != last)
            number, body, mode = self._number, self._jpeg, self.mode
        if mode == "stall":
            return number
        if mode in ("corrupt", "hiccup"):
            body = _GARBAGE
            self.mode = "play" if mode == "hiccup" else mode
        guest.sendall(b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body))
        guest.sendall(body + b"\r\n")
        return number


def main() -> None:
    """Serves until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fps", type=float, default=30)
    options = parser.parse_args()
    server = MjpegServer(options.port, options.fps)
    threading.Thread(target=server.paint_for_ever, daemon=True).start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        word = line.strip()
        if word == "quit":
            return
        if word not in _MODES:
            raise SystemExit(f"expected one of {', '.join(_MODES)}, not {word!r}")
        server.obey(word)
        sys.stdout.write(f"{word}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
