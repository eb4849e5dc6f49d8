"""Addresses to listen on, as configurations name them: "127.0.0.1:9464", "[::1]:0"."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

Address = Annotated[str, StringConstraints(pattern=r"^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$")]


def host_and_port(address: Address) -> tuple[str, int]:
    """Return what to bind."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
