"""User and password for HTTP: the basic scheme of RFC 7617 and the digest of RFC 7616."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable

_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z]+)\s+(?=[A-Za-z]+\s*=)|(?:^|,)\s*(Basic|Negotiate|NTLM)\s*(?=,|$)")
_PAIR = re.compile(r'([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES: dict[str, Callable[[bytes], str]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "sha-256": lambda data: hashlib.sha256(data).hexdigest(),
}


class Login:
    """Answers a server's challenge. Nothing is sent before a server has asked."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._digest: dict[str, str] = {}
        self._basic = False
        self._uses = 0

    def __bool__(self) -> bool:
        return bool(self._user)

    def challenged(self, header: str) -> bool:
        """Takes the header WWW-Authenticate; True when another attempt may succeed.

        False after an attempt that was refused, and where no known scheme is asked for.
        """
        offers = challenges(header)
        digest = next((each for scheme, each in offers if scheme == "digest" and _can_answer(each)), None)
        if digest is not None:
            again = not self._digest or digest.get("stale", "").lower() == "true"
            self._digest, self._uses = digest, 0
            return again and bool(self)
        again = not self._basic and any(scheme == "basic" for scheme, _ in offers)
        self._basic = self._basic or again
        return again and bool(self)

    def header(self, method: str, target: str) -> str:
        """The value of the header Authorization; "" while no server has asked."""
        if self._digest:
            return self._digest_header(method, target)
        if self._basic:
            pair = f"{self._user}:{self._password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        return ""

    def _digest_header(self, method: str, target: str) -> str:
        asked, self._uses = self._digest, self._uses + 1
        algorithm = asked.get("algorithm", "MD5")
        digest = _HASHES[algorithm.lower().removesuffix("-sess")]
        count, own = f"{self._uses:08x}", secrets.token_hex(8)
        realm, nonce = asked.get("realm", ""), asked.get("nonce", "")
        secret = digest(f"{self._user}:{realm}:{self._password}".encode())
        if algorithm.lower().endswith("-sess"):
            secret = digest(f"{secret}:{nonce}:{own}".encode())
        request = digest(f"{method}:{target}".encode())
        fields = [
            f'username="{_quoted(self._user)}"',
            f'realm="{_quoted(realm)}"',
            f'nonce="{_quoted(nonce)}"',
            f'uri="{target}"',
        ]
        if "qop" in asked:
            response = digest(f"{secret}:{nonce}:{count}:{own}:auth:{request}".encode())
            fields += ["qop=auth", f"nc={count}", f'cnonce="{own}"']
        else:
            response = digest(f"{secret}:{nonce}:{request}".encode())
        fields.append(f'response="{response}"')
        if "algorithm" in asked:
            fields.append(f"algorithm={algorithm}")
        if "opaque" in asked:
            fields.append(f'opaque="{_quoted(asked["opaque"])}"')
        return "Digest " + ", ".join(fields)


def challenges(header: str) -> list[tuple[str, dict[str, str]]]:
    """(scheme in lower case, parameters) of each challenge in a header WWW-Authenticate."""
    marks = list(_SCHEME.finditer(header))
    ends = [*(found.start() for found in marks[1:]), len(header)]
    found_at = zip(marks, ends, strict=False)  # of no mark there is one end
    return [((found[1] or found[2]).lower(), _pairs(header[found.end() : end])) for found, end in found_at]


def _pairs(text: str) -> dict[str, str]:
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in _PAIR.findall(text)
    }


def _can_answer(asked: dict[str, str]) -> bool:
    known = asked.get("algorithm", "MD5").lower().removesuffix("-sess") in _HASHES
    return known and ("qop" not in asked or "auth" in re.split(r"[\s,]+", asked["qop"].lower()))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
