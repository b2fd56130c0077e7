"""Whether the model hub can be reached at all, asked once a minute."""

from __future__ import annotations

import socket
import time
from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from robustbench_ir.resources.downloads import is_offline

_CONNECT_SECONDS = 5
_ASKED_EVERY_SECONDS = 60


def hub_is_offline() -> bool:
    """Return True if nothing may be downloaded from the model hub, or nothing can be because it is out of reach.

    Without this question huggingface_hub waits for more than 20 seconds at each file of a model, even where all of
    them are in its cache.
    """
    return is_offline() or not _hub_answers(int(time.monotonic() // _ASKED_EVERY_SECONDS))


@lru_cache(maxsize=1)
def _hub_answers(_period: int) -> bool:
    from huggingface_hub.constants import ENDPOINT, HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        return False
    address = urlsplit(ENDPOINT)
    host = address.hostname or ""
    if address.scheme in getproxies() and not proxy_bypass(host):
        return True  # a proxy answers for it
    try:
        with socket.create_connection((host, address.port or 443), timeout=_CONNECT_SECONDS):
            return True
    except OSError:
        return False
