"""The rule for repeating requests to a server: how often, with which waits, and when to give up at once."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from socket import SHUT_RDWR, socket
from threading import Event, Timer
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, ResponseError
from urllib3.response import HTTPResponse

BUSY = frozenset({408, 429, *range(500, 600)})
"""Status codes of answers that may change when the request is repeated."""

FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 60
_LONGEST_ASKED_WAIT_SECONDS = 600
_CONNECTION_RETRIES = 3


def session_with_retries(
    retries: int, first_wait: float | None = None, answer_within: float | None = None
) -> requests.Session:
    """Return a session that repeats requests if that may help.

    A busy server (`BUSY`) and a broken connection are tried again after waits that double, or after the wait that the
    server asks for in ``Retry-After``, up to ten minutes. The last answer is returned, whatever its status.

    Parameters
    ----------
    retries : int
        Largest number of repetitions of a request; at most three if no connection can be made.
    first_wait : float, optional
        Seconds of the first wait. Default: half a second.
    answer_within : float, optional
        Seconds within which an answer must have begun, with all of its headers. By default only the time between two
        bytes is limited, by the timeout of each request.
    """
    rule = _Retry(
        total=retries,
        connect=min(retries, _CONNECTION_RETRIES),
        backoff_factor=FIRST_WAIT_SECONDS if first_wait is None else first_wait,
        backoff_max=_LONGEST_WAIT_SECONDS,
        status_forcelist=BUSY,
        allowed_methods=None,
        raise_on_status=False,
    )
    session = _Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=rule) if answer_within is None else _Adapter(rule, answer_within))
    return session


def asked_wait(header: str) -> float:
    """Return the seconds that a ``Retry-After`` asks for (RFC 9110, section 10.2.3), 0 if it cannot be read.

    Parameters
    ----------
    header : str
        A number of seconds, or a date. Some servers send fractions of a second.
    """
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


class InsecureRedirectError(requests.RequestException):
    """A server that leads from https to http, where anyone on the way can read and change what is sent."""


class _Session(requests.Session):
    """A session that never goes from https to http."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target and resp.url.startswith("https:") and urljoin(resp.url, target).lower().startswith("http:"):
            raise InsecureRedirectError("the server leads from https to http, which is not followed")
        return target


class _Adapter(HTTPAdapter):
    """Ends connections whose answer does not begin in time: a server may send its headers a byte at a time."""

    def __init__(self, rule: Retry, answer_within: float) -> None:
        self._answer_within = answer_within
        super().__init__(max_retries=rule)

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        super().init_poolmanager(*arguments, **keywords)
        within = self._answer_within

        class Plain(_Timely, HTTPConnection):
            answer_within = within

        class Secure(_Timely, HTTPSConnection):
            answer_within = within

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


class _Timely(HTTPConnection):
    """A connection that ends where an answer has not begun in time."""

    answer_within: float

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        late = Event()
        timer = Timer(self.answer_within, _end, (self.sock, late))
        timer.start()
        try:
            answer = super().getresponse()
        finally:
            timer.cancel()
        if late.is_set():  # the headers end where the connection does, as if they were all
            answer.close()
            raise TimeoutError
        return answer


def _end(connection: socket, late: Event) -> None:
    late.set()
    with suppress(OSError):  # it has just ended
        # Not the method of a TLS socket: it takes the state away from the thread that is reading.
        socket.shutdown(connection, SHUT_RDWR)


class _Retry(Retry):
    """The rule of urllib3, extended by fractions of seconds in ``Retry-After`` and by a limit for it."""

    def parse_retry_after(self, retry_after: str) -> float:
        return asked_wait(retry_after)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> _Retry:
        if response is not None and (self.get_retry_after(response) or 0) > _LONGEST_ASKED_WAIT_SECONDS:
            raise MaxRetryError(_pool, url, ResponseError("asks for a longer wait than is allowed"))  # type: ignore[arg-type]
        return super().increment(method, url, response, error, _pool, _stacktrace)
