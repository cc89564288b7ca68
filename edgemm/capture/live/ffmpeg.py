"""Options of FFMPEG that OpenCV takes from the environment alone, for all streams of the process.

FFMPEG by itself follows playlists and redirects to any host, opens files that a stream names, and asks proxies of the
environment. Here it opens containers alone, which hold their pictures themselves, follows no redirect and uses no
proxy, unless the address says `playlist=1`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edgemm.errors import SourceTimeout

_NAME = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_PROTOCOLS = "file,tcp,udp,udplite,tls,http,https,rtp,srtp,rtsp,srt,sctp"
"""One list for files and streams, so that they may be opened side by side. No container below refers to a file."""
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,live_flv,mpegts,mpegtsraw,mpeg,mpegvideo,asf,asf_o,ogg,mxf,gxf,nut,"
    "wtv,dv,gif,apng,mjpeg,mjpeg_2000,mpjpeg,jpeg_pipe,h261,h263,h264,hevc,vvc,av1,obu,ivf,m4v,vc1,vc1test,rm,"
    "yuv4mpegpipe,rtsp,rtp"
)
_CONTAINERS_ONLY = (
    f"protocol_whitelist;{_PROTOCOLS}|format_whitelist;{_FORMATS}|max_redirects;0|http_proxy;none"
)
_PLAYLISTS_TOO = f"protocol_whitelist;{_PROTOCOLS.removeprefix('file,')},crypto,data|http_proxy;none"
_AS_OPENCV = "rtsp_flags;prefer_tcp"
"""What OpenCV sets where the variable is not there."""
_changed = threading.Condition()
_in_use: dict[str, int] = {}
"""Options -> how many streams are being opened with them: one key at a time."""
_theirs: str | None = None
"""What the application had put into the variable."""


@contextmanager
def ffmpeg_options(transport: str, timeout_s: float, playlist: bool = False) -> Iterator[None]:
    """While a file or a stream is opened.

    Those that ask for the same are opened side by side; one that asks for something else waits. What the
    application itself has put into the variable stays in force, but for what is set here.

    Args:
        transport: "tcp" or "udp" for RTSP, "" for FFMPEG's choice (TCP, then UDP).
        timeout_s: longest to wait for others.
        playlist: True to follow playlists, wherever they lead.

    Raises:
        SourceTimeout: others are still being opened after `timeout_s`.
    """
    wanted = "|".join(
        [
            *([f"rtsp_transport;{transport}"] if transport else []),
            _PLAYLISTS_TOO if playlist else _CONTAINERS_ONLY,
        ]
    )
    with _changed:
        if not _changed.wait_for(lambda: not _in_use or wanted in _in_use, timeout_s):
            raise SourceTimeout(
                f"other streams were being opened for {timeout_s:g} s, with another transport or with playlists"
            )
        _in_use[wanted] = _in_use.get(wanted, 0) + 1
        if _in_use[wanted] == 1:
            _put(wanted)
    try:
        yield
    finally:
        with _changed:
            _in_use[wanted] -= 1
            if not _in_use[wanted]:
                del _in_use[wanted]
                _take_back()
                _changed.notify_all()


def _put(wanted: str) -> None:
    global _theirs
    _theirs = os.environ.get(_NAME)
    before = _theirs or ("" if "rtsp_transport" in wanted else _AS_OPENCV)
    os.environ[_NAME] = f"{before}|{wanted}" if before else wanted


def _take_back() -> None:
    if _theirs is None:
        os.environ.pop(_NAME, None)
    else:
        os.environ[_NAME] = _theirs
