"""aiobotocore's HTTP session, with a way to send that leaves out what is the same in every call.

aws.py gives it to every client; call.py asks it for a line to its endpoint.  It stands on the parts of
aiobotocore.httpsession.AIOHTTPSession that choose proxy and connections; where a later aiobotocore has none of the
kind, there is no line and the client makes every call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession
from yarl import URL


class Line:
    """Posts to one URL over aiobotocore's own connections."""

    def __init__(self, session: aiohttp.ClientSession, url: str, proxy: Mapping[str, Any]) -> None:
        self._session = session
        self._url = URL(url, encoded=True)
        self._proxy = proxy
        timeout = session.timeout
        total = (timeout.sock_connect or 0.0) + (timeout.sock_read or 0.0)
        self._timeout = aiohttp.ClientTimeout(
            total=total or None, sock_connect=timeout.sock_connect, sock_read=timeout.sock_read
        )
        """aiobotocore's are for each read: an answer that drips in would hold the caller for ever."""

    async def post(self, headers: Mapping[str, str], body: bytes) -> tuple[aiohttp.ClientResponse, bytes]:
        """Return the answer and its body.  Raises what aiohttp raises.

        No redirect is followed: it would hand the session token to a host nobody configured.
        """
        async with self._session.post(
            self._url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False, **self._proxy
        ) as response:
            return response, await response.read()


class HotSession(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore ships no types
    """See the module."""

    async def line(self, url: str) -> Line | None:
        """Return a line to the URL; None where it is not known how to draw one."""
        try:
            proxy = self._proxy_config.proxy_url_for(url)
            proxy_headers = self._proxy_config.proxy_headers_for(url)
            session = await self._get_session(proxy)
        except (AttributeError, TypeError):
            return None
        return Line(session, url, {"proxy": proxy, "proxy_headers": proxy_headers})
