"""The rule for repeating requests to a server: how often, with which waits, and when to give up at once."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, Retry
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import MaxRetryError, ResponseError

BUSY = frozenset({408, 429, *range(500, 600)})
"""Status codes of answers that may change when the request is repeated."""

FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 60
_LONGEST_ASKED_WAIT_SECONDS = 600
_CONNECTION_RETRIES = 3


def session_with_retries(retries: int, first_wait: float | None = None) -> requests.Session:
    """Return a session that repeats requests if that may help.

    A busy server (`BUSY`) and a broken connection are tried again after waits that double, or after the wait that the
    server asks for in ``Retry-After``, up to ten minutes. The last answer is returned, whatever its status.

    Parameters
    ----------
    retries : int
        Largest number of repetitions of a request; at most three if no connection can be made.
    first_wait : float, optional
        Seconds of the first wait. Default: half a second.
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
        session.mount(scheme, HTTPAdapter(max_retries=rule))
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
