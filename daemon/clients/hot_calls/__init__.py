"""The three calls that carry all the load, sent the short way: a quarter of aiobotocore's CPU or less.

    call = await aws.hot_call(RECEIVE_MESSAGE, region, long_poll_seconds=20.0)
    answer = await call({"QueueUrl": url, "MaxNumberOfMessages": 10})

sources/sqs and sources/kinesis call them through AwsClients.hot_call; all else goes through aiobotocore.  Nothing about
AWS is decided here a second time.  aiobotocore makes each request once, and that one is the pattern for all that follow
(tap.py): endpoint, region, headers and user agent are its own.  request.py puts another body, date and signature into
the pattern; aiobotocore's HTTP session sends it, with its TLS verification, proxies, timeouts and connections.  An
answer that is not plainly a success goes back into aiobotocore (call.py), so that errors are its own too.
"""

from __future__ import annotations

from daemon.clients.hot_calls.answers import (
    DELETE_MESSAGE_BATCH,
    GET_RECORDS,
    RECEIVE_MESSAGE,
    BatchAnswer,
    Operation,
    ReceivedMessage,
    ReceivedMessages,
    Record,
    RecordsPage,
)
from daemon.clients.hot_calls.call import HotCall

__all__ = (
    "DELETE_MESSAGE_BATCH",
    "GET_RECORDS",
    "RECEIVE_MESSAGE",
    "BatchAnswer",
    "HotCall",
    "Operation",
    "ReceivedMessage",
    "ReceivedMessages",
    "Record",
    "RecordsPage",
)
