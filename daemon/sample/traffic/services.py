"""Benign calls around what the organisation runs: Lambda, ECS, ECR, load balancers, scaling, databases."""

from __future__ import annotations

from random import Random

from daemon.sample import ids
from daemon.sample.identities import AUDIT, CONFIG, DEPLOY, ENGINEER, MONITORING, NODE, RUNNER, TASK, Actor
from daemon.sample.organisation import SERVICES, Estate
from daemon.sample.traffic.shape import Carries, Failure, Shape

_WATCHERS: tuple[Actor, ...] = (MONITORING, MONITORING, DEPLOY, ENGINEER, AUDIT)
_THROTTLED = Failure(0.10, "ThrottlingException", "Rate exceeded")


def _function(estate: Estate, rng: Random) -> Carries:
    return Carries({"functionName": estate.place.arn("lambda", f"function:{rng.choice(SERVICES)}")})


def _release(estate: Estate, rng: Random) -> Carries:
    """Put new code into a function from the pipeline: a near miss of the rule on code changed with a user's key."""
    service = rng.choice(SERVICES)
    arn = estate.place.arn("lambda", f"function:{service}")
    bucket = f"example-{estate.account.name}-artifacts-{estate.region}"
    return Carries(
        {
            "functionName": arn,
            "s3Bucket": bucket,
            "s3Key": f"{service}/{ids.hexadecimal(rng, 40)}.zip",
            "publish": True,
        },
        {
            "functionName": service,
            "functionArn": arn,
            "runtime": "python3.12",
            "role": estate.account.iam(f"role/{service}"),
            "handler": "handler.main",
            "codeSize": rng.randrange(10_000, 9_000_000),
            "codeSha256": ids.token(rng, 32),
            "timeout": 30,
            "memorySize": 512,
            "version": str(rng.randrange(10, 400)),
            "revisionId": ids.uuid(rng),
            "state": "Active",
            "packageType": "Zip",
            "architectures": ["arm64"],
        },
    )


def _permit(estate: Estate, rng: Random) -> Carries:
    """Let EventBridge call a function: a near miss of the rule on functions open to everyone."""
    service = rng.choice(SERVICES)
    return Carries(
        {
            "functionName": service,
            "statementId": f"{service}-schedule",
            "action": "lambda:InvokeFunction",
            "principal": "events.amazonaws.com",
            "sourceArn": estate.place.arn("events", f"rule/{service}"),
        }
    )


def _service(estate: Estate, rng: Random) -> Carries:
    return Carries({"cluster": estate.account.name, "services": rng.sample(SERVICES, 2)})


def _tasks(estate: Estate, rng: Random) -> Carries:
    cluster = estate.account.name
    tasks = [estate.place.arn("ecs", f"task/{cluster}/{ids.hexadecimal(rng, 32)}") for _ in range(rng.randrange(1, 4))]
    return Carries({"cluster": cluster, "tasks": tasks})


def _update_service(estate: Estate, rng: Random) -> Carries:
    service, cluster = rng.choice(SERVICES), estate.account.name
    revision = estate.place.arn("ecs", f"task-definition/{service}:{rng.randrange(10, 400)}")
    answer = {
        "serviceName": service,
        "status": "ACTIVE",
        "desiredCount": 3,
        "runningCount": 3,
        "taskDefinition": revision,
    }
    return Carries({"cluster": cluster, "service": service, "taskDefinition": revision}, {"service": answer})


def _image(estate: Estate, rng: Random) -> Carries:
    service = rng.choice(SERVICES)
    resource = {"accountId": estate.account.number, "ARN": estate.place.arn("ecr", f"repository/{service}")}
    digest = {"imageDigest": f"sha256:{ids.hexadecimal(rng, 64)}"}
    request = {"repositoryName": service, "registryId": estate.account.number, "imageIds": [digest]}
    return Carries(request, None, None, [resource])


def _target_group(estate: Estate, rng: Random) -> Carries:
    group = f"targetgroup/{rng.choice(SERVICES)}/{ids.hexadecimal(rng, 16)}"
    return Carries({"targetGroupArn": estate.place.arn("elasticloadbalancing", group)})


def _database(estate: Estate, rng: Random) -> Carries:
    return Carries({"dBInstanceIdentifier": f"{estate.account.name}-{rng.choice(SERVICES)}"})


def _database_snapshot(estate: Estate, rng: Random) -> Carries:
    database = f"{estate.account.name}-{rng.choice(SERVICES)}"
    snapshot = f"{database}-{ids.hexadecimal(rng, 8)}"
    answer = {
        "dBSnapshotIdentifier": snapshot,
        "dBInstanceIdentifier": database,
        "engine": "postgres",
        "engineVersion": "16.4",
        "status": "creating",
        "encrypted": True,
        "dBSnapshotArn": estate.place.arn("rds", f"snapshot:{snapshot}"),
    }
    return Carries({"dBInstanceIdentifier": database, "dBSnapshotIdentifier": snapshot}, answer)


SERVICE_CALLS = (
    Shape(8, "lambda", "GetFunction20150331v2", _WATCHERS, _function),
    Shape(7, "lambda", "GetFunctionConfiguration20150331v2", _WATCHERS, _function, failure=_THROTTLED),
    Shape(5, "lambda", "ListFunctions20150331", _WATCHERS, lambda _e, _r: Carries({"maxItems": 50})),
    Shape(4, "lambda", "GetPolicy20150331v2", (AUDIT, CONFIG, DEPLOY), _function),
    Shape(1, "lambda", "UpdateFunctionCode20150331v2", (DEPLOY, RUNNER), _release, read_only=False),
    Shape(0.4, "lambda", "AddPermission20150331v2", (DEPLOY,), _permit, read_only=False),
    Shape(10, "ecs", "DescribeServices", _WATCHERS, _service, failure=_THROTTLED),
    Shape(8, "ecs", "DescribeTasks", _WATCHERS, _tasks),
    Shape(
        6, "ecs", "ListTasks", _WATCHERS,
        lambda e, r: Carries({"cluster": e.account.name, "serviceName": r.choice(SERVICES)}),
    ),
    Shape(1, "ecs", "UpdateService", (DEPLOY, RUNNER), _update_service, read_only=False),
    Shape(7, "ecr", "GetAuthorizationToken", (NODE, RUNNER, TASK)),
    Shape(7, "ecr", "BatchGetImage", (NODE, TASK, RUNNER), _image),
    Shape(14, "elasticloadbalancing", "DescribeTargetHealth", _WATCHERS, _target_group, failure=_THROTTLED),
    Shape(6, "elasticloadbalancing", "DescribeLoadBalancers", _WATCHERS, lambda _e, _r: Carries({"pageSize": 100})),
    Shape(
        12, "autoscaling", "DescribeAutoScalingGroups", _WATCHERS,
        lambda _, r: Carries({"autoScalingGroupNames": [f"{r.choice(SERVICES)}-nodes"], "maxRecords": 100}),
    ),
    Shape(12, "rds", "DescribeDBInstances", (*_WATCHERS, CONFIG), _database),
    Shape(6, "rds", "DescribeDBClusters", (*_WATCHERS, CONFIG)),
    Shape(4, "rds", "DescribeDBSnapshots", (AUDIT, CONFIG, RUNNER), _database),
    Shape(0.6, "rds", "CreateDBSnapshot", (RUNNER,), _database_snapshot, read_only=False),
    Shape(
        10, "dynamodb", "DescribeTable", (*_WATCHERS, CONFIG),
        lambda e, r: Carries({"tableName": f"{e.account.name}-{r.choice(SERVICES)}"}),
    ),
)  # fmt: skip
