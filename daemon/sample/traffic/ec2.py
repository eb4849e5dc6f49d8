"""Benign calls to EC2: mostly looking, a little scaling, and near misses of the rules on open ports and snapshots."""

from __future__ import annotations

from random import Random

from daemon.sample import ids
from daemon.sample.identities import AUDIT, CONFIG, DEPLOY, ENGINEER, MONITORING, RUNNER, SCALING, Actor
from daemon.sample.organisation import SERVICES, Estate
from daemon.sample.traffic.shape import Carries, Failure, Shape, filters, items, tags

_THROTTLED = Failure(0.09, "Client.RequestLimitExceeded", "Request limit exceeded.")
_WATCHERS: tuple[Actor, ...] = (MONITORING, MONITORING, AUDIT, CONFIG)
_MAKERS: tuple[Actor, ...] = (DEPLOY, DEPLOY, DEPLOY, RUNNER, ENGINEER)


def _instances(estate: Estate, rng: Random) -> Carries:
    if rng.random() < 0.4:
        return Carries({"maxResults": 1000, "instancesSet": {}, "filterSet": filters(instance_state_name="running")})
    chosen = rng.sample(estate.instances, 2)
    return Carries({"instancesSet": items("instanceId", *chosen), "filterSet": {}})


def _volumes(estate: Estate, rng: Random) -> Carries:
    return Carries({"volumeSet": items("volumeId", *rng.sample(estate.volumes, 2)), "filterSet": {}})


def _groups(estate: Estate, rng: Random) -> Carries:
    return Carries(
        {
            "securityGroupSet": {},
            "securityGroupIdSet": items("groupId", rng.choice(estate.groups)),
            "filterSet": {},
        }
    )


def _subnets(estate: Estate, rng: Random) -> Carries:
    return Carries({"subnetSet": items("subnetId", *rng.sample(estate.subnets, 3)), "filterSet": {}})


def _launch(estate: Estate, rng: Random) -> Carries:
    service, image = rng.choice(SERVICES), rng.choice(estate.images)
    instance, subnet = ids.resource(rng, "i"), rng.choice(estate.subnets)
    group = {"groupId": rng.choice(estate.groups), "groupName": f"{service}-nodes"}
    kind = rng.choice(("m7g.large", "c7g.xlarge", "t4g.medium"))
    labels = tags(Name=f"{service}-node", Service=service)
    return Carries(
        {
            "instancesSet": {"items": [{"imageId": image, "minCount": 1, "maxCount": 1}]},
            "instanceType": kind,
            "blockDeviceMapping": {},
            "monitoring": {"enabled": True},
            "disableApiTermination": False,
            "subnetId": subnet,
            "clientToken": ids.uuid(rng),
            "iamInstanceProfile": {"name": "node"},
            "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": labels}]},
        },
        {
            "requestId": ids.uuid(rng),
            "reservationId": ids.resource(rng, "r"),
            "ownerId": estate.account.number,
            "groupSet": {},
            "instancesSet": {
                "items": [
                    {
                        "instanceId": instance,
                        "imageId": image,
                        "instanceState": {"code": 0, "name": "pending"},
                        "instanceType": kind,
                        "placement": {"availabilityZone": f"{estate.region}a", "tenancy": "default"},
                        "subnetId": subnet,
                        "vpcId": estate.vpc,
                        "privateIpAddress": f"10.20.{rng.randrange(16)}.{rng.randrange(4, 250)}",
                        "groupSet": {"items": [group]},
                        "tagSet": {"items": labels},
                    }
                ]
            },
        },
    )


def _terminate(estate: Estate, rng: Random) -> Carries:
    instance = rng.choice(estate.instances)
    state = {"currentState": {"code": 32, "name": "shutting-down"}, "previousState": {"code": 16, "name": "running"}}
    return Carries(
        {"instancesSet": items("instanceId", instance)},
        {"requestId": ids.uuid(rng), "instancesSet": {"items": [{"instanceId": instance, **state}]}},
    )


def _done(request: dict[str, object], rng: Random) -> Carries:
    return Carries(request, {"requestId": ids.uuid(rng), "_return": True})


def _open_to_office(estate: Estate, rng: Random) -> Carries:
    """Open SSH to the office only: a near miss of the rule on administrators' ports."""
    permission = {
        "ipProtocol": "tcp",
        "fromPort": 22,
        "toPort": 22,
        "groups": {},
        "ipRanges": {"items": [{"cidrIp": "192.0.2.0/24", "description": "office"}]},
        "ipv6Ranges": {},
        "prefixListIds": {},
    }
    return _done({"groupId": rng.choice(estate.groups), "ipPermissions": {"items": [permission]}}, rng)


def _open_web(estate: Estate, rng: Random) -> Carries:
    """Open HTTPS to everyone, as a load balancer needs: another near miss."""
    permission = {
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "groups": {},
        "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": "public website"}]},
        "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]},
        "prefixListIds": {},
    }
    return _done({"groupId": rng.choice(estate.groups), "ipPermissions": {"items": [permission]}}, rng)


def _snapshot(estate: Estate, rng: Random) -> Carries:
    volume = rng.choice(estate.volumes)
    return Carries(
        {
            "volumeId": volume,
            "description": "nightly",
            "tagSpecificationSet": {"items": [{"resourceType": "snapshot"}]},
        },
        {
            "requestId": ids.uuid(rng),
            "snapshotId": ids.resource(rng, "snap"),
            "volumeId": volume,
            "status": "pending",
            "ownerId": estate.account.number,
            "volumeSize": rng.choice(("20", "100", "500")),
            "encrypted": True,
        },
    )


def _unshare(estate: Estate, rng: Random) -> Carries:
    """Take a share of a snapshot back: a near miss of the rule on sharing."""
    return _done(
        {
            "snapshotId": rng.choice(estate.snapshots),
            "createVolumePermission": {"remove": items("userId", "123456789012")},
            "attributeType": "CREATE_VOLUME_PERMISSION",
        },
        rng,
    )


def _label(estate: Estate, rng: Random) -> Carries:
    wanted = tags(Service=rng.choice(SERVICES), Environment=estate.account.name, ManagedBy="terraform")
    resource = items("resourceId", rng.choice(estate.instances))
    return _done({"resourcesSet": resource, "tagSet": {"items": wanted}}, rng)


EC2 = (
    Shape(55, "ec2", "DescribeInstances", (*_WATCHERS, *_MAKERS), _instances, failure=_THROTTLED),
    Shape(18, "ec2", "DescribeInstanceStatus", (MONITORING,), _instances, failure=_THROTTLED),
    Shape(24, "ec2", "DescribeSecurityGroups", (*_WATCHERS, *_MAKERS), _groups),
    Shape(22, "ec2", "DescribeVolumes", (*_WATCHERS, DEPLOY), _volumes, failure=_THROTTLED),
    Shape(16, "ec2", "DescribeSubnets", (CONFIG, *_MAKERS), _subnets),
    Shape(
        24, "ec2", "DescribeNetworkInterfaces", (CONFIG, *_MAKERS),
        lambda e, r: Carries(
            {"networkInterfaceIdSet": items("networkInterfaceId", r.choice(e.interfaces)), "filterSet": {}}
        ),
    ),
    Shape(
        14, "ec2", "DescribeVpcs", (CONFIG, *_MAKERS),
        lambda e, _: Carries({"vpcSet": items("vpcId", e.vpc), "filterSet": {}}),
    ),
    Shape(
        16, "ec2", "DescribeRouteTables", (CONFIG, *_MAKERS),
        lambda e, _: Carries({"routeTableIdSet": {}, "filterSet": filters(vpc_id=e.vpc)}),
    ),
    Shape(
        22, "ec2", "DescribeTags", (MONITORING, AUDIT),
        lambda e, r: Carries({"maxResults": 200, "filterSet": filters(resource_id=r.choice(e.instances))}),
    ),
    Shape(
        8, "ec2", "DescribeSnapshots", (AUDIT, CONFIG),
        lambda e, r: Carries({"maxResults": 100, "snapshotSet": items("snapshotId", *r.sample(e.snapshots, 2))}),
    ),
    Shape(
        8, "ec2", "DescribeImages", _MAKERS,
        lambda _e, _r: Carries(
            {"imagesSet": {}, "ownersSet": items("owner", "amazon"), "filterSet": filters(name="al2023-ami-2023.*")}
        ),
    ),
    Shape(
        3, "ec2", "DescribeInstanceAttribute", (DEPLOY,),
        lambda e, r: Carries({"instanceId": r.choice(e.instances), "attribute": "userData"}),
    ),
    Shape(2.5, "ec2", "RunInstances", (SCALING,), _launch, read_only=False),
    Shape(2.5, "ec2", "TerminateInstances", (SCALING,), _terminate, read_only=False),
    Shape(4, "ec2", "CreateTags", _MAKERS, _label, read_only=False),
    Shape(3, "ec2", "CreateSnapshot", (RUNNER,), _snapshot, read_only=False),
    Shape(0.4, "ec2", "AuthorizeSecurityGroupIngress", (DEPLOY, ENGINEER), _open_to_office, read_only=False),
    Shape(0.4, "ec2", "AuthorizeSecurityGroupIngress", (DEPLOY,), _open_web, read_only=False),
    Shape(0.3, "ec2", "ModifySnapshotAttribute", (RUNNER,), _unshare, read_only=False),
)  # fmt: skip
