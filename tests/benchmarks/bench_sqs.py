"""What an SQS message costs, from ReceiveMessage to DeleteMessageBatch: EventBridge events of 1.5 KB, 1,000 rules.

Three sides take turns in one process, each over the same canned answers of another process (canned_aws.py): the plain
loop (receive, decode, match, delete) through aiobotocore, the same loop with the hot calls, and the whole daemon.  What
counts is the CPU time of this process, so that the ratios hold on a busy machine.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import orjson

from daemon.assembly import Parts
from daemon.clients import AwsClients, AwsSettings
from daemon.clients.hot_calls import DELETE_MESSAGE_BATCH, RECEIVE_MESSAGE
from daemon.decode import DecodeLimits, Decoder
from daemon.event import Delivery, Event
from daemon.match import Matcher
from tests.benchmarks.canned_aws import CannedAws, canned_aws
from tests.benchmarks.matcher_workload import from_sample
from tests.daemons import running_daemon
from tests.emulators import CREDENTIALS, REGION

_RULES = 1_000
_MESSAGES = 4_000
_ROUNDS = 11
_BATCH = 10
_PATIENCE_SECONDS = 60.0
_ANSWER_SECONDS = 0.01
"""About what SQS takes for a receive or a delete within its region."""
_WORKERS = (1, 2, 4)

Message = tuple[str, str, str]
"""Message id, receipt handle, body."""
Side = Callable[[], Awaitable[None]]


def main() -> None:
    """Print CPU a message of each side, and the daemon's throughput."""
    os.environ.update(CREDENTIALS)
    workload = from_sample()
    patterns = workload.rules[_RULES]
    size = sum(map(len, workload.events)) // len(workload.events)
    print(f"EventBridge events of {size:,} bytes, {_RULES:,} rules, CPU of this process a message:")
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.yaml"
        rules.write_bytes(orjson.dumps({"rules": [_rule(name, pattern) for name, pattern in patterns.items()]}))
        with canned_aws(workload.events) as aws:
            anyio.run(_cost, aws, patterns, rules, backend_options={"use_uvloop": True})
        with canned_aws(workload.events, _ANSWER_SECONDS) as aws:
            anyio.run(_throughput, aws, rules, backend_options={"use_uvloop": True})


def _rule(name: str, pattern: object) -> dict[str, object]:
    return {"name": name, "description": "made up", "pattern": pattern, "targets": []}


async def _cost(aws: CannedAws, patterns: dict[str, Any], rules: Path) -> None:
    loops = _Loops(aws, Matcher(patterns))
    async with _daemon(aws, rules, workers=2) as whole:
        sides: dict[str, Side] = {
            "plain loop on aiobotocore": loops.plain,
            "plain loop on the hot calls": loops.hot,
            "the whole daemon": whole,
        }
        taken: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(_ROUNDS + 1):
            for name, side in sides.items():
                started = time.process_time()
                await side()
                if turn:  # the first one warms up
                    taken[name].append((time.process_time() - started) / _MESSAGES)
    await loops.close()
    medians = {name: statistics.median(spent) for name, spent in taken.items()}
    yardstick = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"  {name:30} {median * 1e6:6.0f} µs, {yardstick / median:.2f} times less than on aiobotocore")


async def _throughput(aws: CannedAws, rules: Path) -> None:
    print(f"The whole daemon on one core, every call answered after {_ANSWER_SECONDS * 1e3:.0f} ms:")
    for workers in _WORKERS:
        async with _daemon(aws, rules, workers) as whole:
            await whole()
            rates = []
            for _ in range(3):
                started = time.perf_counter()
                await whole()
                rates.append(_MESSAGES / (time.perf_counter() - started))
        print(f"  {workers} receivers: {statistics.median(rates):8,.0f} messages/s")


class _Loops:
    """Receive, decode, match, delete, and nothing else."""

    def __init__(self, aws: CannedAws, matcher: Matcher) -> None:
        self._canned = aws
        self._clients = AwsClients(AwsSettings(region=REGION, endpoint_url=aws.url))
        self._decode = Decoder(DecodeLimits()).decode
        self._match = matcher.match
        self._queue = f"{aws.url}/123456789012/loops"
        self._params = {
            "QueueUrl": self._queue,
            "MaxNumberOfMessages": _BATCH,
            "WaitTimeSeconds": 20,
            "VisibilityTimeout": 30,
            "MessageSystemAttributeNames": ["ApproximateReceiveCount", "MessageGroupId", "SentTimestamp"],
        }

    async def plain(self) -> None:
        """Through aiobotocore."""
        client = await self._clients.client("sqs")

        async def receive() -> list[Message]:
            answer = await client.receive_message(**self._params)
            return [(found["MessageId"], found["ReceiptHandle"], found["Body"]) for found in answer["Messages"]]

        async def delete(entries: list[dict[str, str]]) -> None:
            await client.delete_message_batch(QueueUrl=self._queue, Entries=entries)

        await self._run(receive, delete)

    async def hot(self) -> None:
        """Through the hot calls."""
        receive_call = await self._clients.hot_call(RECEIVE_MESSAGE)
        delete_call = await self._clients.hot_call(DELETE_MESSAGE_BATCH)

        async def receive() -> list[Message]:
            answer = await receive_call(self._params)
            return [(found.MessageId, found.ReceiptHandle, found.Body) for found in answer.Messages]

        async def delete(entries: list[dict[str, str]]) -> None:
            await delete_call({"QueueUrl": self._queue, "Entries": entries})

        await self._run(receive, delete)

    async def _run(
        self,
        receive: Callable[[], Awaitable[Sequence[Message]]],
        delete: Callable[[list[dict[str, str]]], Awaitable[None]],
    ) -> None:
        self._canned.give(self._queue, _MESSAGES)
        done = 0
        while done < _MESSAGES:
            messages = await receive()
            for name, _, body in messages:
                delivery = Delivery(source="q", identity=name, body=body.encode(), receipt=None, received_at=0.0)
                for event in self._decode(delivery):
                    assert isinstance(event, Event)
                    self._match(event.body)
            await delete([{"Id": str(place), "ReceiptHandle": handle} for place, (_, handle, _) in enumerate(messages)])
            done += len(messages)

    async def close(self) -> None:
        """Close the clients."""
        await self._clients.close()


@asynccontextmanager
async def _daemon(aws: CannedAws, rules: Path, workers: int) -> AsyncIterator[Side]:
    """Yield what has the running daemon take so many messages to their end."""
    queue = f"{aws.url}/123456789012/daemon-{workers}"
    with tempfile.TemporaryDirectory() as scratch:
        config = {
            "aws": {"region": REGION, "endpoint_url": aws.url},
            "sources": {"queue": {"type": "sqs", "queue_url": queue, "receivers": workers}},
            "rules": [str(rules)],
            "default_targets": [],
            "dedupe": {"window_events": 1_000},
            "state": {"path": str(Path(scratch, "state.sqlite"))},
            "dead_letters": {"default": {"type": "file", "path": str(Path(scratch, "dead.ndjson"))}},
        }
        async with running_daemon(config) as parts:

            async def take() -> None:
                await _take(aws, queue, parts)

            yield take


async def _take(aws: CannedAws, queue: str, parts: Parts) -> None:
    def settled() -> float:
        return sum(value for _, value in parts.telemetry.metrics.values("deliveries_settled_total"))

    until = settled() + _MESSAGES
    aws.give(queue, _MESSAGES)
    with anyio.fail_after(_PATIENCE_SECONDS):
        while settled() < until:  # noqa: ASYNC110 - what is waited for comes from another process
            await anyio.sleep(0.03)
    for source in parts.sources:
        await source.flush()


if __name__ == "__main__":
    main()
