"""Addresses to listen on, as configurations name them: "127.0.0.1:9464", "[::1]:0"."""

from __future__ import annotations

import errno
import socket
from typing import Annotated

from anyio import to_thread
from pydantic import AfterValidator, StringConstraints

from daemon.errors import FailureKind, PermanentError
from daemon.text_form import TextForm

_HIGHEST_PORT = 65_535


def _check_port(address: str) -> str:
    if host_and_port(address)[1] > _HIGHEST_PORT:
        raise ValueError(f"a port is at most {_HIGHEST_PORT}")
    return address


Address = Annotated[
    str,
    StringConstraints(max_length=300),
    TextForm(
        r"^(?:[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$",
        "a host, a colon and a port",
        "127.0.0.1:9464",
    ),
    AfterValidator(_check_port),
]


def host_and_port(address: Address) -> tuple[str, int]:
    """Return what to bind."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


async def check_binding(address: Address) -> str:
    """Bind the address and let go of it, for `vigild check`; return a line that says so.

    Raises PermanentError where it cannot be bound.  In use is no fault: the daemon that runs has it.
    """
    return await to_thread.run_sync(_try_to_bind, *host_and_port(address))


def _try_to_bind(host: str, port: int) -> str:
    try:
        for family, kind, protocol, _, bound in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(bound)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"{host}:{port} is in use, by the daemon if it runs"
        raise PermanentError(FailureKind.REFUSED, f"cannot bind {host}:{port}: {error.strerror}") from error
    return f"{host}:{port} is free"
