"""An http or https address taken apart, and where a redirect may lead."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from edgemm.errors import InputError, SourceNotFound

_PORTS = {"http": 80, "https": 443}
_KEPT = "/?%:@!$&'()*+,;=-._~[]"
"""Characters of an address that are sent as they are; all others are written as %XX."""


@dataclass(frozen=True, slots=True, repr=False)
class HttpAddress:
    """Where a request goes. Has no repr: it may hold a password."""

    scheme: str
    """"http" or "https"."""
    host: str
    """Name or number, without the brackets of IPv6."""
    port: int
    target: str
    """Path and query, percent-encoded."""
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, text: str, shown: str) -> HttpAddress:
        """Args:
            text: the address.
            shown: how messages call it.

        Raises:
            InputError: it has no host, or a port that is no number.
        """
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme.lower() not in _PORTS:
            raise InputError(f"{shown}: expected an address such as http://host:8080/path; a / or @ in a user name or "
                             "password is written %2F or %40")  # fmt: skip
        scheme = parts.scheme.lower()
        query = f"?{parts.query}" if parts.query else ""
        target = quote(f"{parts.path or '/'}{query}", safe=_KEPT)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(scheme, host, port or _PORTS[scheme], target, user, password)

    @property
    def authority(self) -> str:
        """Host and port as the header `Host` names them."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def place(self) -> str:
        """Host and port for messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def text(self) -> str:
        """The whole address, with user and password: for FFMPEG, never for messages."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        return f"{self.scheme}://{login}{self.authority}{self.target}"

    def redirected(self, location: str, shown: str) -> HttpAddress:
        """Where the server sends us: on the same host alone, since nobody named another one.

        User and password go along to the same port, and from http to https.

        Raises:
            SourceNotFound: to another host, from https to http, or to what is no http address.
        """
        try:
            there = HttpAddress.parse(
                urljoin(f"{self.scheme}://{self.authority}{self.target}", location), shown
            )
        except (InputError, ValueError):
            raise SourceNotFound(f"{shown}: is redirected to what is no http address") from None
        if _plain(there.host) != _plain(self.host):
            raise SourceNotFound(f"{shown}: is redirected to another host, {there.place}, which is not followed: "
                                 "name that address if it is meant")  # fmt: skip
        if (self.scheme, there.scheme) == ("https", "http"):
            raise SourceNotFound(f"{shown}: is redirected from https to http, which is not followed: "
                                 "name the http address if it is meant")  # fmt: skip
        upgraded = (self.scheme, there.scheme) == ("http", "https") and there.port == _PORTS["https"]
        keeps = there.port == self.port or upgraded
        user, password = (self.user, self.password) if keeps else ("", "")
        return HttpAddress(there.scheme, there.host, there.port, there.target, user, password)


def _plain(host: str) -> str:
    return host.lower().rstrip(".")
