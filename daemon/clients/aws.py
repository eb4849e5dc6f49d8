"""Builds aiobotocore clients, one for each service, region and length of long poll, and closes them all at the end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import cache
from typing import Any, Protocol, TypeVar

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from anyio import Lock
from botocore.exceptions import BotoCoreError, NoRegionError
from botocore.loaders import Loader, create_loader
from pydantic import Field

from daemon import __version__
from daemon.clients.hot_calls import HotCall, Operation
from daemon.clients.hot_calls.session import HotSession
from daemon.clients.skew import ClockSkew
from daemon.clock import Clock, SystemClock
from daemon.errors import ConfigError
from daemon.yaml_file import Strict

T = TypeVar("T")


_VARIABLES = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}
"""botocore knows the second alone; ECS and EKS set both, and the first is to win (Amazon ECS developer guide,
"Amazon ECS environment variables")."""

_NO_REGION = "no region is known: set its `region`, aws.region, or AWS_REGION in the environment"


@cache
def _loader(search_path: str | None) -> Loader:
    """Return what reads the services' models: one for all sessions, because each keeps what it has read to itself."""
    return create_loader(search_path)


class AwsSettings(Strict):
    """How AWS is reached.  Credentials come the usual ways: environment, profile, container or instance role."""

    region: str | None = None
    """Default region; without it AWS_REGION, AWS_DEFAULT_REGION or the profile decides.  A queue's URL comes first."""
    profile: str | None = None
    """Profile of the shared AWS configuration files."""
    endpoint_url: str | None = None
    """Sends every call there instead of AWS: for emulators and VPC endpoints."""
    connect_timeout_seconds: float = Field(default=5.0, gt=0, le=60)
    read_timeout_seconds: float = Field(default=30.0, gt=0, le=300)
    """Long polls get their own wait on top."""
    max_connections: int = Field(default=64, ge=1, le=1024)
    """To one endpoint."""


class CredentialSource(Protocol):
    """Where credentials come from that are not the process's own."""

    def credentials(self) -> Any:
        """Return them as botocore keeps credentials."""


class AwsClients:
    """Hands out clients and keeps them; used by one event loop."""

    def __init__(
        self, settings: AwsSettings, identity: CredentialSource | None = None, clock: Clock | None = None
    ) -> None:
        """Take the credentials of `identity` instead of those found the usual ways."""
        self._settings = settings
        self._skew = ClockSkew(clock or SystemClock())
        self._session = get_session(_VARIABLES)
        self._session.lazy_register_component("data_loader", self._models)
        if identity is not None:
            # botocore offers no public way to hand a session credentials that renew themselves.
            self._session._credentials = identity.credentials()  # noqa: SLF001
        if settings.profile is not None:
            self._session.set_config_variable("profile", settings.profile)
        self._stack = AsyncExitStack()
        self._clients: dict[tuple[str, str | None, float], Any] = {}
        self._lock = Lock()

    def as_role(self, identity: CredentialSource) -> AwsClients:
        """Return clients made as these are, with other credentials."""
        return AwsClients(self._settings, identity)

    @property
    def region(self) -> str | None:
        """The default region; None where neither the configuration nor the environment names one.

        Raises ConfigError where the profile does not exist.
        """
        try:
            return self._settings.region or self._session.get_config_variable("region")
        except BotoCoreError as error:
            raise ConfigError(f"aws: {error}") from error

    async def client(self, service: str, region: str | None = None, *, long_poll_seconds: float = 0.0) -> Any:
        """Return the client of a service ("sqs"); own retries are off, because retry.py repeats what is worth it.

        Long polls get a client and connections of their own, so that they cannot keep short calls waiting.
        Raises ConfigError where no region is known or the profile does not exist.
        """
        key = (service, region, long_poll_seconds)
        async with self._lock:
            if key not in self._clients:
                try:
                    client = await self._stack.enter_async_context(
                        self._session.create_client(
                            service,
                            region_name=region or self._settings.region,
                            endpoint_url=self._settings.endpoint_url,
                            config=self._config(long_poll_seconds),
                        )
                    )
                except (BotoCoreError, ValueError) as error:
                    # A variable that is set and empty makes botocore ask a host without a name.
                    is_lost = isinstance(error, NoRegionError) or not (region or self.region)
                    raise ConfigError(f"aws: {service}: {_NO_REGION if is_lost else error}") from error
                self._skew.watch(client)
                self._clients[key] = client
            return self._clients[key]

    async def hot_call(
        self, operation: Operation[T], region: str | None = None, *, long_poll_seconds: float = 0.0
    ) -> HotCall[T]:
        """Return one of the calls that carry all the load, over the client's own connections; see hot_calls/."""
        client = await self.client(operation.service, region, long_poll_seconds=long_poll_seconds)
        return HotCall(client, operation, self._skew)

    @property
    def answer_seconds(self) -> float:
        """How long a short call may take from its beginning to the last byte; botocore limits only each read."""
        return self._settings.connect_timeout_seconds + self._settings.read_timeout_seconds

    def _models(self) -> Loader:
        return _loader(self._session.get_config_variable("data_path"))

    def _config(self, long_poll_seconds: float) -> AioConfig:
        return AioConfig(
            connect_timeout=self._settings.connect_timeout_seconds,
            read_timeout=self._settings.read_timeout_seconds + long_poll_seconds,
            max_pool_connections=self._settings.max_connections,
            retries={"total_max_attempts": 1, "mode": "standard"},
            user_agent_extra=f"vigild/{__version__}",
            http_session_cls=HotSession,
        )

    async def close(self) -> None:
        """Close every client."""
        self._clients.clear()
        await self._stack.aclose()
