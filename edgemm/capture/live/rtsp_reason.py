"""Why an RTSP address cannot be opened. FFMPEG does not say; so the server is asked once more, for its status alone."""

from __future__ import annotations

import re
import time
from urllib.parse import urlsplit

from edgemm.capture.live.http_address import HttpAddress
from edgemm.capture.live.http_wire import Wire
from edgemm.errors import SourceError, SourceNotFound, SourceTimeout

_PORT = 554
_LONGEST_S = 2.0
_STATUS = re.compile(rb"^RTSP/\d\.\d (\d{3})[ \r\n]")


def rtsp_reason(address: str, shown: str, timeout_s: float) -> SourceError | None:
    """What the server answers to DESCRIBE, as an error; None where that explains nothing.

    Args:
        address: rtsp://..., with user and password, which are not sent.
        shown: how messages call it.
        timeout_s: longest to wait, 2 s at most.
    """
    try:
        parts = urlsplit(address)
        host, port, path = parts.hostname or "", parts.port or _PORT, parts.path
    except ValueError:
        return None
    place = HttpAddress("http", host, port, path)
    wait_s = min(timeout_s, _LONGEST_S)
    try:
        wire = Wire(place, shown, wait_s)
    except SourceError as error:
        return error
    try:
        status = _status(wire, place, f"?{parts.query}" if parts.query else "", wait_s)
    except SourceError:
        return None
    finally:
        wire.close()
    if status is None:
        return SourceTimeout(
            f"{shown}: {place.place} accepts the connection, and nothing comes within the time-out"
        )
    words = _words(status, bool(parts.username))
    return SourceNotFound(f"{shown}: {words}") if words else None


def _status(wire: Wire, place: HttpAddress, query: str, wait_s: float) -> int | None:
    """None where nothing comes; 0 for an answer that is not RTSP."""
    where = f"rtsp://{place.place}{place.target}{query}"
    wire.send(f"DESCRIBE {where} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n".encode(), wait_s)
    answer, give_up = b"", time.monotonic() + wait_s
    while b"\n" not in answer and len(answer) < 1000:
        came = wire.receive(give_up - time.monotonic())
        if not came:
            return None if came is None and not answer else 0
        answer += came
    found = _STATUS.match(answer)
    return int(found[1]) if found else 0


def _words(status: int, has_login: bool) -> str:
    """A sentence for a status; "" where it explains nothing."""
    if status == 401 and has_login:
        return "the user or password is refused (401)"
    if status == 401:
        return "asks for a user and password (401): name them in the address, rtsp://USER:PASSWORD@host/path"
    if status == 403:
        return "access is forbidden (403)"
    if status in (404, 410, 454):
        return f"the server is there and has no such path ({status}): is the path right?"
    if status == 0:
        return "what answers there is no RTSP server"
    if 300 <= status < 400:
        return f"is redirected ({status}) to another address: name that one"
    if status >= 400:
        return f"the server answers with status {status}, where 200 is expected"
    return ""
