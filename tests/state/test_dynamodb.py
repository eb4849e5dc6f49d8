"""What only the DynamoDB store meets: throttling, lost answers, half an answer, a table that is not there."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest
import yaml
from typer.testing import CliRunner

from daemon.cli import application
from daemon.clients import AwsClients
from daemon.errors import StateError
from daemon.state.base import ABSENT, Conflict, Delete, Item, StateStore, Write
from daemon.state.dynamodb import DynamodbStore
from daemon.state.dynamodb.config import DynamodbConfig
from daemon.state.dynamodb.table import TABLE, create_table
from tests.clocks import HandWound
from tests.emulators import Emulator
from tests.faults import (
    Answer,
    Fault,
    FaultProxy,
    Forward,
    answering,
    cut,
    delayed,
    dripped,
    dropped,
    rewritten,
    throttled,
    unanswered,
    unavailable,
)
from tests.sources.queues import clients_at
from tests.stores import dynamodb_at

pytestmark = pytest.mark.anyio

SHORT_SECONDS = 0.2


def capacity_exceeded() -> Fault:
    error = {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "slow"}
    return answering(400, error)


FAULTS: dict[str, Callable[[], Fault]] = {
    "throttled": throttled,
    "capacity exceeded": capacity_exceeded,
    "unavailable": unavailable,
    "dropped": dropped,
    "answer lost": unanswered,
    "answer cut": cut,
    "too slow": lambda: delayed(2 * SHORT_SECONDS),
    "slow drip": lambda: dripped(4 * SHORT_SECONDS),
}


@pytest.fixture(params=["roto", "moto"])
async def proxy(request: pytest.FixtureRequest) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(request.getfixturevalue(request.param).endpoint_url) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: FaultProxy) -> AsyncIterator[StateStore]:
    clock = HandWound(4_000_000_000.0)
    async with dynamodb_at(proxy.endpoint_url, clock, call_timeout_seconds=SHORT_SECONDS) as store:
        yield store
        proxy.clear()


async def create(store: StateStore, key: str = "test/a", value: bytes = b"1") -> Item:
    (item,) = await store.put([Write(key, value, ABSENT)])
    assert isinstance(item, Item)
    return item


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_create_survives(proxy: FaultProxy, store: StateStore, fault: str) -> None:
    """Whatever befalls two attempts, the item is made once and the answer is ours, not a conflict with ourselves."""
    proxy.add("PutItem", FAULTS[fault](), times=2)

    assert await store.get(["test/a"]) == [None]
    assert await create(store) == (await store.get(["test/a"]))[0]


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_update_survives(proxy: FaultProxy, store: StateStore, fault: str) -> None:
    """A conditional replacement whose answer was lost is not taken for somebody else's."""
    first = await create(store)
    proxy.add("PutItem", FAULTS[fault](), times=1)
    (second,) = await store.put([Write("test/a", b"2", first.version)])

    assert isinstance(second, Item)
    assert await store.get(["test/a"]) == [second]
    assert await store.put([Write("test/a", b"3", first.version)]) == [Conflict(second)]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_delete_survives(proxy: FaultProxy, store: StateStore, fault: str) -> None:
    """A conditional delete whose answer was lost succeeds when it is repeated."""
    first = await create(store)
    proxy.add("DeleteItem", FAULTS[fault](), times=1)

    assert await store.delete([Delete("test/a", first.version)]) == [None]
    assert await store.get(["test/a"]) == [None]


@pytest.mark.parametrize("fault", FAULTS)
async def test_reads_survive(proxy: FaultProxy, store: StateStore, fault: str) -> None:
    """Get and scan repeat what failed and return everything."""
    written = [await create(store, f"test/{number}") for number in range(3)]
    proxy.add("BatchGetItem", FAULTS[fault](), times=1)
    proxy.add("Query", FAULTS[fault](), times=1)

    assert await store.get([item.key for item in written]) == written
    assert [item async for item in store.scan("test/")] == written


async def test_someone_else_who_came_first_is_seen_after_a_lost_answer(proxy: FaultProxy, store: StateStore) -> None:
    """A throttled create that loses the race meanwhile is a conflict with the winner."""
    winner: list[Item] = []

    async def overtaken(_: Forward) -> Answer:
        winner.append(await create(store, value=b"theirs"))
        return Answer(503, b"")

    proxy.add("PutItem", overtaken, times=1)
    assert await store.put([Write("test/a", b"ours", ABSENT)]) == [Conflict(winner[0])]


async def test_unprocessed_keys_are_asked_for_again(proxy: FaultProxy, store: StateStore) -> None:
    """BatchGetItem that answers half of what it was asked is asked for the rest."""
    written = [await create(store, f"test/{number}") for number in range(4)]

    def halve(body: bytes) -> bytes:
        answer = orjson.loads(body)
        ((table, items),) = answer["Responses"].items()
        left = [{name: item[name] for name in ("pk", "sk")} for item in items[1:]]
        return orjson.dumps({"Responses": {table: items[:1]}, "UnprocessedKeys": {table: {"Keys": left}}})

    proxy.add("BatchGetItem", rewritten(halve), times=2)
    assert await store.get([item.key for item in written]) == written
    assert proxy.seen.count("BatchGetItem") == 3


async def test_lasting_throttling_is_an_error_in_bounded_time(proxy: FaultProxy, store: StateStore) -> None:
    """A store that cannot answer says so; nothing more of the batch is begun, and a later repetition succeeds."""
    proxy.add("PutItem", throttled())
    writes = [Write(f"test/{number}", b"1", ABSENT) for number in range(200)]
    with pytest.raises(StateError, match="PutItem: ThrottlingException"):
        await store.put(writes)

    assert proxy.seen.count("PutItem") <= 32 * 12
    proxy.clear()
    assert all(isinstance(answer, Item) for answer in await store.put(writes))


async def test_part_of_a_batch_may_fail(proxy: FaultProxy, store: StateStore) -> None:
    """One refused write fails the batch; the versions tell a repetition which of the others had taken place."""
    proxy.add("PutItem", answering(400, {"__type": "ValidationException", "message": "no"}), times=1)
    writes = [Write(f"test/{number}", b"1", ABSENT) for number in range(5)]
    with pytest.raises(StateError, match="ValidationException"):
        await store.put(writes)

    kept = [item async for item in store.scan("test/")]
    again = await store.put(writes)
    assert len(kept) < len(writes)
    assert [answer.current for answer in again if isinstance(answer, Conflict)] == kept


async def test_a_batch_is_bounded_in_parallel_calls(proxy: FaultProxy) -> None:
    """No more calls run at the same time than the configuration says."""
    running = most = 0

    async def counted(forward: Forward) -> Answer:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await forward()
        finally:
            running -= 1

    proxy.add("PutItem", counted)
    async with dynamodb_at(proxy.endpoint_url, HandWound(4_000_000_000.0), max_parallel_calls=4) as store:
        await store.put([Write(f"test/{number}", b"1", ABSENT) for number in range(60)])
    proxy.clear()

    assert 1 < most <= 4


async def test_namespaces_do_not_see_each_other(roto: Emulator) -> None:
    """Daemons of two purposes share a table and no key; two with one namespace share everything."""
    clock, name = HandWound(4_000_000_000.0), uuid.uuid4().hex
    async with (
        dynamodb_at(roto.endpoint_url, clock, name) as first,
        dynamodb_at(roto.endpoint_url, clock, name) as second,
        dynamodb_at(roto.endpoint_url, clock, name + "x") as other,
    ):
        written = await create(first)

        assert await second.get(["test/a"]) == [written]
        assert await other.get(["test/a"]) == [None]
        assert [item async for item in other.scan("test/")] == []


async def test_what_others_wrote_into_the_table_is_an_error(roto: Emulator, roto_clients: AwsClients) -> None:
    """An item under our key that we cannot have written is named, not guessed at."""
    name = uuid.uuid4().hex
    async with dynamodb_at(roto.endpoint_url, HandWound(), name) as store:
        client = await roto_clients.client("dynamodb")
        await client.put_item(TableName="vigild-tests", Item={"pk": {"S": f"{name}/test"}, "sk": {"S": "test/a"}})

        with pytest.raises(StateError, match=r"not an item of vigild's: .*test/a"):
            await store.get(["test/a"])


async def test_a_missing_table_is_named_with_its_remedy(roto_clients: AwsClients) -> None:
    """The daemon never makes the table; it says who does."""
    config = DynamodbConfig(type="dynamodb", table_name="nowhere-to-be-found")
    with pytest.raises(StateError, match=r"no table 'nowhere-to-be-found'.*create-table"):
        await DynamodbStore.open(config, roto_clients, HandWound(), random.Random(0))


async def test_a_table_with_other_keys_is_refused(roto_clients: AwsClients) -> None:
    """A table that was made for something else is not written into."""
    client = await roto_clients.client("dynamodb")
    keys = [{**key, "AttributeName": key["AttributeName"].upper()} for key in TABLE["KeySchema"]]
    kinds = [{**kind, "AttributeName": kind["AttributeName"].upper()} for kind in TABLE["AttributeDefinitions"]]
    await client.create_table(
        TableName="of-others", KeySchema=keys, AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST"
    )
    with pytest.raises(StateError, match="other keys than pk and sk"):
        await DynamodbStore.open(
            DynamodbConfig(type="dynamodb", table_name="of-others"), roto_clients, HandWound(), random.Random(0)
        )


@pytest.mark.parametrize("name", ["roto", "moto"])
async def test_the_table_is_made_once_with_time_to_live(name: str, request: pytest.FixtureRequest) -> None:
    """Making it again changes nothing; check() warns where time to live is off."""
    clients = clients_at(request.getfixturevalue(name).endpoint_url)
    config = DynamodbConfig(type="dynamodb", table_name=f"made-{uuid.uuid4()}")
    clock = HandWound()

    assert await create_table(config, clients, clock)
    assert not await create_table(config, clients, clock)
    store = await DynamodbStore.open(config, clients, clock, random.Random(0))
    assert await store.check() == f"dynamodb: table {config.table_name}, namespace vigild, about 0 items"
    client = await clients.client("dynamodb")
    ttl = {"AttributeName": "ttl", "Enabled": False}
    await client.update_time_to_live(TableName=config.table_name, TimeToLiveSpecification=ttl)
    assert "warning: time to live is not enabled" in await store.check()
    await clients.close()


async def test_a_page_of_a_proxy_is_no_answer(proxy: FaultProxy, store: StateStore) -> None:
    """Status 200 with anything else than DynamoDB's answer is repeated, not taken for an empty table."""

    async def page(_: Forward) -> Answer:
        return Answer(200, b"{}")

    written = await create(store)
    proxy.add("BatchGetItem", page, times=2)
    proxy.add("Query", page, times=2)

    assert await store.get(["test/a"]) == [written]
    assert [item async for item in store.scan("test/")] == [written]


def test_the_command_line_makes_the_table(roto: Emulator, tmp_path: Path) -> None:
    """`vigild state create-table` makes what the configuration names; a second time it finds it; SQLite needs none."""
    table = f"cli-{uuid.uuid4()}"
    config = tmp_path / "vigild.yaml"
    aws = {"region": "us-east-1", "endpoint_url": roto.endpoint_url}
    config.write_text(yaml.safe_dump({"aws": aws, "state": {"type": "dynamodb", "table_name": table}}))
    first = CliRunner().invoke(application, ["state", "create-table", "--config", str(config)])
    second = CliRunner().invoke(application, ["state", "create-table", "--config", str(config)])
    config.write_text("state: {path: x.sqlite}")
    third = CliRunner().invoke(application, ["state", "create-table", "--config", str(config)])

    assert (first.exit_code, first.output) == (0, f"made: dynamodb: table {table}, namespace vigild, about 0 items\n")
    assert second.output.startswith("was there already: ")
    assert "not of type: dynamodb" in str(third.exception)
