"""`vigild state`: what a person does with the state store, outside of the daemon's life."""

from __future__ import annotations

import random

import typer

from daemon.cli.options import ConfigOption
from daemon.cli.start import run_async
from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.errors import ConfigError
from daemon.settings import Settings, load_settings
from daemon.state import DynamodbConfig, DynamodbStore
from daemon.state.dynamodb.table import create_table as make_table

application = typer.Typer(help="Look after the state store.", no_args_is_help=True)


@application.command("create-table")
def create_table(config: ConfigOption = None) -> None:
    """Make the DynamoDB table that the configuration's `state` names, with on-demand capacity and time to live.

    Does nothing where it is there already.  The daemon itself needs, and should have, no permission for this.
    """
    settings = load_settings(config)
    typer.echo(run_async(lambda: _create(settings)))


async def _create(settings: Settings) -> str:
    state = settings.state
    if not isinstance(state, DynamodbConfig):
        raise ConfigError("the configuration's state is not of type: dynamodb")
    clock, aws = SystemClock(), AwsClients(settings.aws)
    try:
        made = await make_table(state, aws, clock)
        store = await DynamodbStore.open(state, aws, clock, random.Random())
        return f"{'made' if made else 'was there already'}: {await store.check()}"
    finally:
        await aws.close()
