"""What may be shown of an address: scheme, host, port and path, and options that are known to be harmless.

Everything that edgemm writes for people or programs goes through here: messages of errors, logs, records, `repr()`.
User names and passwords are left out. The value of every option in a query, a fragment, a path or a pipeline is
replaced by `***`, unless its name is in `HARMLESS` and the value is a number or one of a few words. So are parts of a
path that look like a token. Where an address is malformed, more is hidden rather than less. Settings of filters, crops
and seeds (`canny?low=50`, `seed:0?label=2`) belong to no address: of them only what bears the name of a secret, or
looks like a token, is hidden.

    rtsp://admin:pw@10.0.0.7:554/ch/1?jwt=eyJ.x&width=640#timeout_s=3
    rtsp://10.0.0.7:554/ch/1?jwt=***&width=640#timeout_s=3
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from edgemm.harmless import (
    FLAGS,
    HARMLESS,
    NAME,
    SECRET_NAME,
    WITH_SETTINGS,
    decoded,
    is_harmless,
    is_harmless_property,
    looks_like_a_token,
)

HIDDEN = "***"
PLACEHOLDER = "USER:PASSWORD"
"""Stands in messages that say where both belong."""
_BEHIND = "'\")]}>,.;:`"
"""Punctuation that stands behind an address or a value in a text."""
NETWORK = frozenset({"rtsp", "rtsps", "rtp", "http", "https", "udp", "tcp", "srt"})
"""Schemes that edgemm opens over a network."""

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w.*-]*)(?::\d{0,5})?")
_HOST_AHEAD = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w.-]+)(?::\d+)?(?:$|[/?#\\])")
_WHOLE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):([/\\]*)")


def without_secrets(text: str) -> str:
    """A text, such as a message of another library, without the secrets in the addresses that it holds."""
    if not _MAY_HOLD.search(text):
        return text
    for pattern, shown in _IN_TEXT:
        text = pattern.sub(shown, text)
    return text


def shown_address(name: str) -> str:
    """The name of a source as it may be shown. Spaces and quotes in it belong to it."""
    if not _MAY_BE_ADDRESS.search(name):
        return name
    if _SETTINGS.fullmatch(name):
        return _shown_settings(name)
    found = _WHOLE.match(name)
    scheme = found[1].lower() if found else ""
    if found and (scheme in NETWORK or len(found[2]) >= 2):
        return f"{name[: found.end()]}{_after_scheme(name[found.end() :])}"
    if scheme == "gst":
        return f"{name[:4]}{_shown_pipeline(name[4:])}"
    place, mark, options = _split_options(name)
    if "@" in place:
        place = _after_at(place, scheme)
    return f"{without_secrets(place)}{mark}{_shown_pairs(options)}"


def shown_option(name: str, value: str) -> str:
    """ "name=value" as it may be shown."""
    return _shown_pair(f"{name}={value}" if value else name)


def shown_value(name: str, value: str) -> str:
    """The value of an option as it may be shown."""
    return value if is_harmless(name, value) else HIDDEN


def shown_json(value: Any) -> str:
    """`repr()` of a value from a file that may hold addresses."""
    return repr(_shown_leaves(value))


def _shown_leaves(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(shown_address(value))
    if isinstance(value, dict):
        return {_shown_leaves(key): _shown_part_of(key, each) for key, each in value.items()}
    return [_shown_leaves(each) for each in value] if isinstance(value, list) else value


def _shown_part_of(key: str, value: Any) -> Any:
    return HIDDEN if re.fullmatch(SECRET_NAME, key, re.IGNORECASE) else _shown_leaves(value)


def shown_fields(instance: Any, address: str) -> str:
    """`repr()` of a dataclass that holds an address in the field of that name."""
    values = {each.name: getattr(instance, each.name) for each in fields(instance)}
    values[address] = shown_address(values[address])
    return f"{type(instance).__name__}({', '.join(f'{key}={value!r}' for key, value in values.items())})"


def _after_scheme(rest: str) -> str:
    """What stands behind `scheme://`, as it may be shown."""
    credentials, rest = _without_credentials(rest)
    end = re.search(r"[/\\?#]", rest)
    host, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    path, mark, options = _split_at(tail, r"[?#]")
    shown_path = re.sub(r"[^/\\]+", lambda part: _shown_segment(part[0]), path)
    shown_host = host if _HOST.fullmatch(host) or host == HIDDEN else HIDDEN
    return f"{credentials}{shown_host}{shown_path}{mark}{_shown_pairs(options)}"


def _without_credentials(rest: str) -> tuple[str, str]:
    """("", what follows user and password); ("***@", ...) where it is not certain what is the password."""
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        user, _, host = authority.rpartition("@")
        if user == PLACEHOLDER:
            return f"{user}@", host + rest[len(authority) :]
        rest = host + rest[len(authority) :]
        if "@" not in rest or ":" not in user:
            return (f"{HIDDEN}@" if user == HIDDEN else ""), rest
    elif ":" not in authority or authority.startswith("["):
        return "", rest
    place = rest.rfind("@")  # a password may hold / ? # and @ that should be percent-encoded
    if place >= 0 and _HOST_AHEAD.match(rest, place + 1):
        certain = not re.fullmatch(r"[^:]*:\d*", authority)  # what stands there is no port
        return "" if certain else f"{HIDDEN}@", rest[place + 1 :]
    return "", rest


def _after_at(place: str, scheme: str) -> str:
    """Of a name that is no address and holds an @: what stands behind the last."""
    if scheme in _DEVICES and ":" not in place.partition(":")[2].rpartition("@")[0]:
        return place
    before, _, after = place.rpartition("@")
    return f"{HIDDEN}@{after}" if ":" in before or "//" in before else place


_DEVICES = frozenset({"camera", "webcam", "picamera2", "microphone", "mic"})


def _split_options(name: str) -> tuple[str, str, str]:
    """Path, mark and options of a file or device; the question mark of a pattern begins no options."""
    found = re.search(r"[?#](?=[^/?#]*=)", name)
    return (name[: found.start()], found[0], name[found.end() :]) if found else (name, "", "")


def _split_at(text: str, marks: str) -> tuple[str, str, str]:
    found = re.search(marks, text)
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, "", "")


def _shown_pairs(options: str) -> str:
    parts = re.split(r"([&;?#])", options)
    return "".join(part if place % 2 else _shown_pair(part) for place, part in enumerate(parts))


def _shown_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not pair or pair == HIDDEN:
        return pair
    if not equals:
        return pair if pair.lower() in FLAGS else HIDDEN
    if is_harmless(name, value) or (not value and name.lower() in HARMLESS):
        return pair
    return f"{name}={HIDDEN}" if NAME.fullmatch(name) and value.strip("=") else HIDDEN


def _shown_segment(segment: str) -> str:
    """One part of a path."""
    plain = decoded(segment)
    if segment == HIDDEN:
        return segment
    if len(re.findall(r"[=;:@&?#/]", plain)) != len(re.findall(r"[=;:@&?#/]", segment)):
        return HIDDEN  # something that means something was percent-encoded
    if "=" in segment or ";" in segment:
        parts = re.split(r"([&;])", segment)
        return "".join(
            part if place % 2 or not part else _shown_part(part) for place, part in enumerate(parts)
        )
    return HIDDEN if looks_like_a_token(plain) else segment


def _shown_part(part: str) -> str:
    return _shown_pair(part) if "=" in part else HIDDEN if looks_like_a_token(decoded(part)) else part


_ADDRESSES = frozenset({"location", "uri", "url"})
_PROPERTY = re.compile(r"""([A-Za-z][\w:-]*)(\s*=\s*)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s!,]+)""")


def _shown_pipeline(description: str) -> str:
    """A GStreamer pipeline without the values of properties that are not known to be harmless."""
    return _PROPERTY.sub(_shown_property, without_secrets(description))


def _shown_property(found: re.Match[str]) -> str:
    name, equals, value = found[1].lower(), found[2], found[3]
    if name in _ADDRESSES:
        mark = value[0] if value[0] in "\"'" else ""
        return f"{found[1]}{equals}{mark}{shown_address(value.strip(mark) if mark else value)}{mark}"
    return found[0] if is_harmless_property(name, value) else f"{found[1]}{equals}{HIDDEN}"


def _address(found: re.Match[str]) -> str:
    """An address in a text; the punctuation behind it is not its own."""
    whole = found[0]
    end = len(whole.rstrip(_BEHIND))
    return shown_address(whole[:end]) + whole[end:]


def _quoted_address(found: re.Match[str]) -> str:
    mark, inside = found[1], found[2]
    return f"{mark}{shown_address(inside)}{mark}"


def _pair_in_text(found: re.Match[str]) -> str:
    """A pair of a query; or a word with its settings, whole, which no later search takes for a query."""
    if found["settings"]:
        return _shown_settings(found["settings"])
    name, given = found["name"], found["value"]
    value = given.rstrip(_BEHIND)
    if is_harmless(name, value):
        return found[0]
    return f"{found['mark']}{name}={HIDDEN}{given[len(value) :]}"


def _shown_settings(text: str) -> str:
    parts = re.split(r"([?&])", text)
    return "".join(
        part if place % 2 or not place else _shown_setting(part) for place, part in enumerate(parts)
    )


def _shown_setting(pair: str) -> str:
    name, equals, value = pair.partition("=")
    plain = (value or name).rstrip(_BEHIND)
    if not plain or not (
        re.fullmatch(SECRET_NAME, name, re.IGNORECASE) or looks_like_a_token(decoded(plain))
    ):
        return pair
    return f"{name if equals else ''}{equals}{HIDDEN}{pair[len(pair.rstrip(_BEHIND)) :]}"


_SETTINGS = re.compile(
    rf"(?<![\w/.:@\\%=&?#-])(?:seed:[\d.,-]*|(?:{'|'.join(sorted(WITH_SETTINGS))}))\?[^\s'\"]+"
)
_MAY_BE_ADDRESS = re.compile(r"[:@=]|//|\\\\")
_MAY_HOLD = re.compile(
    r"(?i)[=@]|:[/\\]|['\"]\s*:|bearer|basic|eyJ|authorization|cookie|passw|secret|token|x-api|property"
)
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{0,30}:(?:[/\\]{2,}|(?<=(?i:tsp:))[/\\]?(?=[^\s/\\]*@))"
_OPENED = r"(?<![\w'\"])"
_IN_TEXT: tuple[tuple[re.Pattern[str], Any], ...] = (
    # an address in quotes, spaces and all
    (re.compile(rf"{_OPENED}(['\"])({_SCHEME}[^\n]*?)(?<!\\)\1(?=$|[^\w@/:?&=#%.-])", re.DOTALL), _quoted_address),
    # user:password@host, where the password holds spaces or quotes
    (re.compile(rf"(?=({_SCHEME}))\1[^\s/@:?#]{{0,200}}:(?![\d\s]\S*(?:\s|$))[^@\n]{{0,200}}@\S*"), _address),
    (re.compile(rf"{_SCHEME}[^\s]*"), _address),
    # without a scheme
    (re.compile(r"(?<![\w:])(/{1,2}|\\\\)?(?!USER:PASSWORD@)[^\s/@:'\"]{1,100}:(?!//)[^\s@/]{0,100}@(?=[\w.-]+[:/]|[\w-]+\.\w)"),
     rf"\1{HIDDEN}@"),
    # headers
    (re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,40}(?:key|token|auth)[\w-]{0,40})"
                r"(['\"]?\s?[:=])(?!\s?\*\*\*)[^\n]+"), rf"\1\2 {HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+(?=\S*[\d=+/_])[\w+/=.~-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{6,}(?:\.[\w-]*){0,2}"), HIDDEN),
    # what GLib says of a property, and pairs of a dictionary
    (re.compile(rf"(?i)(property \"{SECRET_NAME}\"[^\n]{{0,200}}? to \")[^\n]*\""), rf'\1{HIDDEN}"'),
    (re.compile(rf"(?i)(['\"]{SECRET_NAME}['\"]\s*:\s*)('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s,}}]+(?=\s*(?:[,}}\]]|$)))"),
     rf"\1'{HIDDEN}'"),
    # name=value, in a query or alone
    (re.compile(rf"(?i)((?:^|[?&;,\s({{'\"])){SECRET_NAME}="
                r"(?!\*\*\*)(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s&;'\",)]+)"),
     lambda found: f"{found[0].partition('=')[0]}={HIDDEN}"),
    (re.compile(rf"(?P<settings>{_SETTINGS.pattern})|(?P<mark>[?&])(?P<name>[\w.-]{{1,80}})=(?!\*\*\*)"
                r"(?P<value>[^\s&?#;'\"]+)"), _pair_in_text),
)  # fmt: skip
"""What is looked for in a text, in this order -> what stands there instead."""
