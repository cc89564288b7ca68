"""A TCP or TLS connection that never waits longer than it is told."""

from __future__ import annotations

import socket
import ssl
import time

from edgemm.capture.live.http_address import HttpAddress
from edgemm.errors import SourceLost, SourceNotFound, SourceTimeout

_AT_ONCE = 1 << 18
_SHORTEST_S = 0.001


class Wire:
    """Bytes to and from one server."""

    def __init__(self, address: HttpAddress, shown: str, timeout_s: float) -> None:
        """Connects.

        Args:
            address: to whom.
            shown: how messages call it.
            timeout_s: for all attempts and the TLS handshake together.

        Raises:
            SourceNotFound: the name is not known, nobody listens, or TLS fails.
            SourceTimeout: no answer in time.
        """
        self._shown = shown
        self._room = bytearray(_AT_ONCE)
        deadline = time.monotonic() + timeout_s
        self._socket = _connected(address, shown, deadline)
        if address.scheme == "https":
            self._socket = _secured(self._socket, address, shown, deadline)

    def send(self, data: bytes, timeout_s: float) -> None:
        """Sends all of it.

        Raises:
            SourceLost: the other side has closed, or takes nothing.
        """
        self._socket.settimeout(max(_SHORTEST_S, timeout_s))
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise SourceLost(f"{self._shown}: the request cannot be sent: {_reason(error)}") from None

    def receive(self, wait_s: float) -> bytes | None:
        """What has come, waited for at most `wait_s` seconds; None when nothing has, b"" at the end.

        Raises:
            SourceLost: the connection was reset.
        """
        self._socket.settimeout(max(0.0, wait_s))
        try:
            count = self._socket.recv_into(self._room)
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except ssl.SSLEOFError:
            return b""
        except OSError as error:
            raise SourceLost(f"{self._shown}: the connection broke: {_reason(error)}") from None
        return bytes(memoryview(self._room)[:count])

    def close(self) -> None:
        """Ends the connection; may be called twice."""
        self._socket.close()


def _connected(address: HttpAddress, shown: str, deadline: float) -> socket.socket:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is no host name"
        raise SourceNotFound(f"{shown}: the host {address.host} is not known: {what}") from None
    trouble: OSError = OSError("it has no address")
    for family, kind, protocol, _, where in found:
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(max(_SHORTEST_S, deadline - time.monotonic()))
        try:
            connection.connect(where)
            return connection
        except OSError as error:
            connection.close()
            trouble = error
    if isinstance(trouble, TimeoutError):
        raise SourceTimeout(f"{shown}: {address.place} does not answer: no connection within the time-out. "
                            "Is it switched on, and in this network?")  # fmt: skip
    raise SourceNotFound(f"{shown}: cannot be opened: {address.place}: {_reason(trouble)}")


def _secured(plain: socket.socket, address: HttpAddress, shown: str, deadline: float) -> socket.socket:
    plain.settimeout(max(_SHORTEST_S, deadline - time.monotonic()))
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise SourceNotFound(
            f"{shown}: the certificate of {address.place} is not trusted: {error.verify_message}. A camera that signs "
            "its own is trusted where the environment variable SSL_CERT_FILE names a file with that certificate"
        ) from None
    except TimeoutError:
        plain.close()
        raise SourceTimeout(
            f"{shown}: {address.place} accepts the connection and does not go on with TLS"
        ) from None
    except OSError as error:
        plain.close()
        raise SourceNotFound(
            f"{shown}: {address.place} does not speak TLS: {_reason(error)}. Is it an http address?"
        ) from None


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there (connection refused)"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS error").lower().replace("_", " ")
    return (error.strerror or str(error) or type(error).__name__).lower()
