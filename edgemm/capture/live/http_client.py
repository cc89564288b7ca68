"""Asks a server for an address: redirects, user and password, and a sentence for each way in which it fails.

Only the host that was named is connected to. Proxies of the environment (`http_proxy`) are not used: cameras stand in
the same network, and a proxy is a host that nobody named.
"""

from __future__ import annotations

import time

from edgemm.capture.live.http_address import HttpAddress
from edgemm.capture.live.http_login import Login
from edgemm.capture.live.http_reply import Reply
from edgemm.capture.live.http_wire import Wire
from edgemm.errors import SourceLost, SourceNotFound

_MOST_REDIRECTS = 5
_MOST_LOGINS = 4
"""Answers that ask for a user and password: a server may call each nonce stale, without an end."""
_MOVED = frozenset({301, 302, 303, 307, 308})


class HttpClient:
    """Requests to one address, on one connection where the server keeps it open."""

    def __init__(self, address: HttpAddress, shown: str, timeout_s: float) -> None:
        """Args:
        address: where to.
        shown: how messages call it.
        timeout_s: longest that connecting, and then an answer's headers, may take.
        """
        self.address = address
        """Where the answer came from: behind all redirects."""
        self._shown = shown
        self._timeout_s = timeout_s
        self._login = Login(address.user, address.password)
        self._wire: Wire | None = None
        self._reply: Reply | None = None

    def get(self) -> Reply:
        """The answer, which is 200, with its body unread.

        Raises:
            SourceNotFound: refused, not there, redirected in a circle or to another host, or another status.
            SourceTimeout: nobody answers in time.
            SourceLost: the connection broke.
        """
        seen: set[str] = set()
        logins = 0
        while True:
            reply = self._once()
            logins += reply.status == 401
            if (
                reply.status == 401
                and logins <= _MOST_LOGINS
                and self._login.challenged(reply.header("www-authenticate"))
            ):
                continue
            if reply.status not in _MOVED:
                self._refuse(reply)
                return reply
            seen.add(self.address.text)
            self._follow(reply, seen)

    def close(self) -> None:
        """Ends the connection."""
        if self._wire is not None:
            self._wire.close()
        self._wire = self._reply = None

    def _once(self) -> Reply:
        """One request; on a connection that was kept open and has ended meanwhile, once more on a new one."""
        if self._reply is not None and self._reply.keeps_open:
            try:
                return self._ask()
            except SourceLost:
                pass
        self.close()
        self._wire = Wire(self.address, self._shown, self._timeout_s)
        return self._ask()

    def _ask(self) -> Reply:
        assert self._wire is not None
        deadline = time.monotonic() + self._timeout_s
        self._wire.send(self._request(), self._timeout_s)
        self._reply = Reply(self._wire, self._shown, deadline)
        return self._reply

    def _request(self) -> bytes:
        lines = [
            f"GET {self.address.target} HTTP/1.1",
            f"Host: {self.address.authority}",
            "User-Agent: edgemm",
            "Accept: multipart/x-mixed-replace, image/jpeg, video/*, */*;q=0.5",
            "Accept-Encoding: identity",
        ]
        login = self._login.header("GET", self.address.target)
        if login:
            lines.append(f"Authorization: {login}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def _follow(self, reply: Reply, seen: set[str]) -> None:
        there = self.address.redirected(reply.header("location"), self._shown)
        if there.text in seen:
            raise SourceNotFound(
                f"{self._shown}: is redirected in a circle, back to {there.target.partition('?')[0]}"
            )
        if len(seen) > _MOST_REDIRECTS:
            raise SourceNotFound(f"{self._shown}: is redirected more than {_MOST_REDIRECTS} times")
        if there.user != self.address.user:
            self._login = Login("", "")
        if (there.scheme, there.port) != (self.address.scheme, self.address.port):
            self.close()
        self.address = there

    def _refuse(self, reply: Reply) -> None:
        """Raises for every status but 200."""
        if reply.status == 200:
            coding = reply.header("content-encoding").lower()
            if coding not in ("", "identity"):
                raise SourceNotFound(
                    f"{self._shown}: answers compressed ({coding}), which was not asked for and is not read"
                )
            return
        raise SourceNotFound(f"{self._shown}: {self._words(reply.status)}")

    def _words(self, status: int) -> str:
        if status == 401 and not self._login:
            return (
                "asks for a user and password (401): name them in the address, http://USER:PASSWORD@host/path"
            )
        if status == 401:
            return "the user or password is refused (401)"
        if status == 403:
            return "access is forbidden (403): this user may not see it, or the address is not for everybody"
        if status in (404, 410):
            return f"the server is there and has no such path ({status}): is the path right?"
        if status == 503:
            return "the server is too busy (503): cameras serve only a few viewers at a time"
        return f"the server answers with status {status}, where 200 is expected"
