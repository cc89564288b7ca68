"""What of an address is harmless: names of options, their values, names in a path. Long lists are data."""

from __future__ import annotations

import re
from urllib.parse import unquote


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HARMLESS = _words(
    """fps loop pair block_ms pause_ms size fourcc timeout_s open_s reconnect attempts frozen_s transport wait
    max_pixels label rate channels channel dtype gate latency ring_s res
    volume queue_s patience_s tail_ms echo_cancelled barge_in
    width height w h resolution framerate frame_rate quality compression codec videocodec audiocodec profile
    subtype stream streamtype stream_type camera cam mode action audio video format type proto trackid rotation
    mirror flip interval duration overlay text date clock ttl pkt_size fifo_size buffer_size overrun_nonfatal
    bitrate gop unicast multicast localport rtsp_transport"""
)
"""Options whose value is shown, where it is a harmless one as well. Lower case."""
FLAGS = frozenset({"real_stream", "stream", "live", "video", "audio", "mjpeg", "mjpg", "snapshot"})
"""Options without a value that are shown."""
WITH_SETTINGS = _words(
    """blur gaussian median bilateral sharpen gray invert equalize clahe threshold adaptive sobel scharr laplacian canny
    erode dilate open close gradient tophat blackhat box points circle faces bodies hands"""
)
"""Words that are no address, and take settings behind a question mark: filters, crops, what is followed."""
_WORDS = "stream snapshot caller listener rendezvous baseline unicast multicast newest float32"
_HARMLESS_VALUE = re.compile(
    r"(?i)[+-]?\d{1,6}(?:\.\d{1,6})?(?:e[+-]?\d{1,2})?|\d{1,5}[x*]\d{1,5}|\d{1,5}/\d{1,5}|\d{3,4}[pi]|\*{3}"
    r"|[a-z]{1,5}\d{0,2}|[a-z]\d{3}|" + "|".join(_WORDS.split())
)
"""A number, a size, a fraction, or a word so short that it names a choice: tcp, h264, int16, 1080p."""
_OF_THEIR_OWN = {"fourcc": re.compile(r"[A-Z][A-Z0-9]{3}"), "max_pixels": re.compile(r"\d{1,10}")}
"""Options with harmless values of their own."""
NAME = re.compile(r"[A-Za-z][A-Za-z_.-]{0,31}\d{0,2}")
"""The name of an option, and no token: it may be shown."""

SECRET_NAME = (
    r"(?:[\w.-]{0,40}[_.-])?(?:pass|passwd|password|passphrase|passcode|pwd|pw|pin|token|jwt|secret|auth|authorization"
    r"|api_?key|apikey|key|sig|signature|credentials?|cookies?|session|session_?id|jsessionid|sid|bearer|nonce"
    r"|user|usr|username|login|userid|user-id|user-pw|proxy-id|proxy-pw|access_?token|auth_?token|extra-headers)"
    r"(?:[_.-][\w.-]{0,40})?"
)

_PLAIN_PROPERTIES = _words("""device name protocols pattern format leaky io-mode camera-name method""")
"""Properties of elements, and fields of caps, whose value is shown where it is no token."""
_NUMBERS = _words(
    """latency is-live do-timestamp num-buffers drop max-buffers sync width height framerate max-size-buffers
    max-size-time max-size-bytes max-lateness port drop-on-latency buffer-size timeout tcp-timeout udp-port"""
)
"""Those whose value is shown where it is a number or a truth value."""
_NUMBER = re.compile(r"(?:\(\w+\))?(?:\d{1,10}(?:/\d{1,6})?|true|false)")
_PLAIN_VALUE = re.compile(r"(?:\(\w+\))?[\w/.:+-]{1,80}")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")
_SEPARATORS = re.compile(r"[-_.+~,()! ]")


def is_harmless(name: str, value: str) -> bool:
    """True for an option that is known, with a value that gives nothing away."""
    known = name.lower()
    special = _OF_THEIR_OWN.get(known)
    if special is not None and special.fullmatch(value):
        return True
    return known in HARMLESS and _HARMLESS_VALUE.fullmatch(value) is not None


def looks_like_a_token(plain: str) -> bool:
    """True for what nobody would choose as the name of a stream: credentials, hexadecimal, long random letters."""
    stem = _EXTENSION.sub("", plain)
    words = _SEPARATORS.split(stem)
    longest = max(words, key=len)
    digits = sum(letter.isdigit() for letter in stem)
    letters = sum(letter.isalpha() for letter in stem)
    return bool(
        "@" in plain
        or ":" in plain
        or (stem.startswith("eyJ") and len(stem) >= 12)
        or re.fullmatch(r"[0-9A-Fa-f]{16,}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", stem)
        or (len(longest) >= 16 and digits >= 2 and letters)
        or (len(stem) >= 24 and digits >= 4 and letters >= 4 and len(longest) >= 10)
        or len(longest) >= 40
    )


def decoded(text: str) -> str:
    """Without percent-encoding, however often it was applied."""
    for _ in range(4):
        plain = unquote(text)
        if plain == text:
            break
        text = plain
    return text


def is_harmless_property(name: str, value: str) -> bool:
    """The same for a property of a GStreamer element."""
    known = name.lower()
    if known in _PLAIN_PROPERTIES:
        return _PLAIN_VALUE.fullmatch(value) is not None and not any(
            map(looks_like_a_token, value.split("/"))
        )
    return (known in _NUMBERS and _NUMBER.fullmatch(value) is not None) or is_harmless(name, value)
