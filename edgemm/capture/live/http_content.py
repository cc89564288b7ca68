"""What an HTTP answer is, by its type and its first bytes."""

from __future__ import annotations

import re

from edgemm.capture.files.jpeg import START
from edgemm.errors import SourceNotFound

MULTIPART, SNAPSHOT, JPEGS, VIDEO, PLAYLIST = "multipart", "snapshot", "jpegs", "video", "playlist"
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]*)"|([^\s;,]+))', re.IGNORECASE)
_JPEG_TYPES = frozenset({"image/jpeg", "image/jpg", "image/pjpeg"})
_JPEG_STREAMS = frozenset(
    {"video/x-motion-jpeg", "video/mjpeg", "video/x-mjpeg", "video/x-jpeg", "image/x-mjpeg"}
)
_PLAYLIST_TYPES = frozenset(
    {
        *("application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"),
        *(
            "application/dash+xml",
            "video/x-ms-asf-plugin",
            "video/x-ms-asx",
            "video/x-ms-wvx",
            "application/sdp",
        ),
        *("audio/x-scpls", "application/xspf+xml", "application/x-quicktimeplayer", "application/smil+xml"),
        "application/vnd.ms-sstr+xml",
    }
)
_PLAYLIST_STARTS = tuple(
    b"#extm3u [playlist] <asx [reference] <mpd <smil v=0 ffconcat rtsptext #! http:// https:// rtsp:// "
    b"<smoothstreaming <playlist".split()
)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a]")
"""In no text: servers that know types by suffix call MPEG-TS, .ts, a text for translators."""
_XML = re.compile(rb"^(?:(?:<\?xml[^>]*\?>|<!--.*?-->)\s*)+", re.DOTALL)


def boundary_of(content_type: str) -> bytes:
    """The boundary that a multipart type names; b"" where it names none."""
    found = _BOUNDARY.search(content_type)
    return (found[1] or found[2] or "").encode("latin-1", "replace") if found else b""


def kind_of(content_type: str, begun: bytes, shown: str) -> str:
    """MULTIPART, SNAPSHOT, JPEGS (one behind the other), VIDEO (for FFMPEG) or PLAYLIST.

    Args:
        content_type: as the header says; may be empty or wrong.
        begun: the first bytes of the body.
        shown: how messages call the address.

    Raises:
        SourceNotFound: it is a page, a text, or a picture of another kind.
    """
    kind = content_type.partition(";")[0].strip().lower()
    start = begun.lstrip()[:400]
    if kind.startswith("multipart/"):
        return MULTIPART
    if begun.startswith(START):
        return SNAPSHOT if kind in _JPEG_TYPES or kind == "" else JPEGS
    if kind in _JPEG_TYPES:
        return SNAPSHOT  # damaged, perhaps
    if start.startswith(b"--") and (kind == "" or b"content-" in start.lower()):
        return MULTIPART
    if kind in _PLAYLIST_TYPES or _XML.sub(b"", start).lower().startswith(_PLAYLIST_STARTS):
        return PLAYLIST
    if kind in _JPEG_STREAMS:
        return JPEGS
    if (kind.startswith("text/") and not _BINARY.search(begun)) or start.lower().startswith(
        (b"<!doctype", b"<html")
    ):
        raise SourceNotFound(f"{shown}: answers with a page ({kind or 'HTML'}) where video is expected: it asks to log "
                             "in, or this is the address of the camera's site, not of its stream")  # fmt: skip
    if kind.startswith("image/"):
        raise SourceNotFound(f"{shown}: answers with {kind}; of single pictures JPEG alone is read")
    if kind.startswith("application/") and kind.endswith(("json", "xml", "pdf", "zip", "javascript")):
        raise SourceNotFound(f"{shown}: answers with {kind} where video is expected")
    return VIDEO
