"""Reads a secret that stands in the configuration or in a file; the file at every use, for it is renewed behind us."""

from __future__ import annotations

from pathlib import Path

from anyio import to_thread
from pydantic import SecretStr

from daemon.errors import FailureKind, RetryableError

_LARGEST_FILE_BYTES = 65_536


async def read_secret(value: SecretStr | None, file: Path | None) -> str | None:
    """Return the value, else the file's text without white space around it, else None.

    Raises RetryableError for a file that cannot be read, is empty or no text: whoever renews it may be at it.
    """
    if value is not None:
        return value.get_secret_value()
    if file is None:
        return None
    try:
        content = (await to_thread.run_sync(_start_of, file)).decode().strip()
    except OSError as error:
        raise RetryableError(FailureKind.CREDENTIALS, f"{file}: {error.strerror}") from error
    except UnicodeDecodeError:
        # Not chained: the error holds the bytes.
        raise RetryableError(FailureKind.CREDENTIALS, f"{file}: not UTF-8") from None
    if not content:
        raise RetryableError(FailureKind.CREDENTIALS, f"{file}: empty")
    return content


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST_FILE_BYTES)
