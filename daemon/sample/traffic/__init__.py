"""Benign traffic: what an organisation's accounts do all day, in the proportions they do it in.

One file for each family of services, each a table of Shape; a new kind of call is one line of a table.  Out of a
thousand calls about 240 go to EC2, 150 to STS, 125 to KMS, 100 to Systems Manager, 90 to S3, 50 to CloudWatch Logs and
the rest to fifteen other services; nine in ten only read, one in twenty-five fails.
"""

from __future__ import annotations

from daemon.sample.traffic.ec2 import EC2
from daemon.sample.traffic.identity import IDENTITY
from daemon.sample.traffic.keys import KEYS
from daemon.sample.traffic.operations import OPERATIONS
from daemon.sample.traffic.s3 import S3
from daemon.sample.traffic.services import SERVICE_CALLS

TRAFFIC = (*EC2, *IDENTITY, *KEYS, *S3, *SERVICE_CALLS, *OPERATIONS)
"""Every kind of benign call, in no order that matters."""
