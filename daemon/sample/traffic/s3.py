"""Benign calls to S3's control plane: a bucket's settings read one by one, and near misses of the rules on buckets."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from daemon.sample import ids
from daemon.sample.identities import AUDIT, BACKUP, CONFIG, DEPLOY, ENGINEER, Actor, Service
from daemon.sample.organisation import Estate
from daemon.sample.traffic.shape import Carries, Failure, Shape

_CLOUDTRAIL, _CONFIG = Service("cloudtrail.amazonaws.com"), Service("config.amazonaws.com")
_READERS: tuple[Actor, ...] = (CONFIG, CONFIG, AUDIT, DEPLOY, ENGINEER)


def on_bucket(estate: Estate, rng: Random, bucket: str, request: dict[str, Any]) -> Carries:
    """Return what every call on a bucket carries, around its own parameters."""
    return Carries(
        {"bucketName": bucket, "Host": f"{bucket}.s3.{estate.region}.amazonaws.com", **request},
        None,
        {
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "bytesTransferredIn": 0,
            "AuthenticationMethod": "AuthHeader",
            "x-amz-id-2": ids.token(rng, 56),
            "bytesTransferredOut": rng.randrange(120, 600),
        },
        [{"accountId": estate.account.number, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}],
    )


def _reading(subresource: str) -> Callable[[Estate, Random], Carries]:
    def carries(estate: Estate, rng: Random) -> Carries:
        return on_bucket(estate, rng, rng.choice(estate.buckets), {subresource: ""})

    return carries


def _tls_only(estate: Estate, rng: Random) -> Carries:
    """Deny everyone who comes without TLS: a near miss of the rule on public buckets, for it names everyone too."""
    bucket = rng.choice(estate.buckets)
    statement = {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return on_bucket(
        estate, rng, bucket, {"policy": "", "bucketPolicy": {"Version": "2012-10-17", "Statement": [statement]}}
    )


def _block_public(estate: Estate, rng: Random) -> Carries:
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    block = {"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", **dict.fromkeys(names, True)}
    bucket = rng.choice(estate.buckets)
    return on_bucket(estate, rng, bucket, {"publicAccessBlock": "", "PublicAccessBlockConfiguration": block})


def _expire(estate: Estate, rng: Random) -> Carries:
    """Let objects go after a quarter: a near miss of the rule on objects that expire within days."""
    rule = {"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 90}}
    configuration = {"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Rule": rule}
    return on_bucket(
        estate, rng, rng.choice(estate.buckets), {"lifecycle": "", "LifecycleConfiguration": configuration}
    )


S3 = (
    Shape(16, "s3", "GetBucketAcl", (_CLOUDTRAIL, _CONFIG), _reading("acl")),
    Shape(8, "s3", "GetBucketLocation", _READERS, _reading("location")),
    Shape(
        8, "s3", "ListBuckets", (AUDIT, ENGINEER, BACKUP),
        lambda e, _: Carries({"Host": f"s3.{e.region}.amazonaws.com"}),
    ),
    Shape(
        7, "s3", "GetBucketPolicy", _READERS, _reading("policy"),
        failure=Failure(0.3, "NoSuchBucketPolicy", "The bucket policy does not exist"),
    ),
    Shape(6, "s3", "GetBucketEncryption", _READERS, _reading("encryption")),
    Shape(
        6, "s3", "GetBucketTagging", _READERS, _reading("tagging"),
        failure=Failure(0.3, "NoSuchTagSet", "The TagSet does not exist"),
    ),
    Shape(6, "s3", "GetBucketPublicAccessBlock", _READERS, _reading("publicAccessBlock")),
    Shape(6, "s3", "GetBucketVersioning", _READERS, _reading("versioning")),
    Shape(5, "s3", "GetBucketLogging", _READERS, _reading("logging")),
    Shape(
        5, "s3", "GetBucketReplication", _READERS, _reading("replication"),
        failure=Failure(0.7, "ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
    ),
    Shape(
        5, "s3", "GetBucketLifecycle", _READERS, _reading("lifecycle"),
        failure=Failure(0.4, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    ),
    Shape(0.5, "s3", "PutBucketPolicy", (DEPLOY,), _tls_only, read_only=False),
    Shape(0.4, "s3", "PutBucketPublicAccessBlock", (DEPLOY,), _block_public, read_only=False),
    Shape(0.4, "s3", "PutBucketLifecycle", (DEPLOY,), _expire, read_only=False),
)  # fmt: skip
