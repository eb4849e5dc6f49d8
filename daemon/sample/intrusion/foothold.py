"""Act two: doors are opened that outlast the stolen key: more keys, passwords, trust, code on machines, open ports."""

from __future__ import annotations

import json
from random import Random

from daemon.sample import ids
from daemon.sample.intrusion.step import LEAKED_KEY, OPERATOR, STOLEN_DEPLOY, Calling, Step, write
from daemon.sample.organisation import OUTSIDER, PRODUCTION, Estate, place
from daemon.sample.record import Call
from daemon.sample.traffic.shape import Json

_HOME = place(PRODUCTION)
_PLANT = place(PRODUCTION, "eu-west-1")


def _document(statement: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def _access_key(_estate: Estate, rng: Random) -> Call:
    key = {"userName": "break-glass", "accessKeyId": ids.unique(rng, "AKIA"), "status": "Active"}
    return Call("iam", "CreateAccessKey", {"userName": "break-glass"}, {"accessKey": key}, read_only=False)


def _mfa(estate: Estate, _rng: Random) -> Call:
    device = estate.account.iam("mfa/break-glass")
    return Call("iam", "DeactivateMFADevice", {"userName": "break-glass", "serialNumber": device}, read_only=False)


def _shell(estate: Estate, rng: Random) -> Call:
    command = {"documentName": "AWS-RunShellScript", "parameters": "HIDDEN_DUE_TO_SECURITY_REASONS"}
    targets = {"instanceIds": rng.sample(estate.instances, 3), "interactive": False}
    answer = {"command": {"commandId": ids.uuid(rng), "status": "Pending", **command}}
    return Call("ssm", "SendCommand", {**command, **targets}, answer, read_only=False)


def _push_key(name: str, port: Json) -> Calling:
    def calling(estate: Estate, rng: Random) -> Call:
        request = {
            "instanceId": rng.choice(estate.instances),
            "sSHPublicKey": f"ssh-ed25519 {ids.token(rng, 51)}",
            **port,
        }
        answer = {"requestId": ids.uuid(rng), "success": True}
        return Call("ec2-instance-connect", name, request, answer, read_only=False)

    return calling


def _user_data(estate: Estate, rng: Random) -> Call:
    request = {"instanceId": rng.choice(estate.instances), "userData": "<sensitiveDataRemoved>"}
    return Call(
        "ec2", "ModifyInstanceAttribute", request, {"requestId": ids.uuid(rng), "_return": True}, read_only=False
    )


def _function_code(estate: Estate, rng: Random) -> Call:
    arn = estate.place.arn("lambda", "function:billing-worker")
    answer = {
        "functionName": "billing-worker",
        "functionArn": f"{arn}:412",
        "runtime": "python3.12",
        "role": estate.account.iam("role/billing-worker"),
        "handler": "handler.main",
        "codeSize": 2113,
        "codeSha256": ids.token(rng, 32),
        "version": "412",
        "revisionId": ids.uuid(rng),
        "packageType": "Zip",
    }
    request = {"functionName": arn, "publish": True, "dryRun": False}
    return Call("lambda", "UpdateFunctionCode20150331v2", request, answer, read_only=False)


def _open(port: int, ranges: Json) -> Calling:
    """Return a call that lets everyone in at a port."""

    def calling(estate: Estate, rng: Random) -> Call:
        span = {"ipProtocol": "tcp", "fromPort": port, "toPort": port}
        permission = {**span, "groups": {}, "ipRanges": {}, "ipv6Ranges": {}, "prefixListIds": {}, **ranges}
        request = {"groupId": rng.choice(estate.groups), "ipPermissions": {"items": [permission]}}
        answer = {"requestId": ids.uuid(rng), "_return": True}
        return Call("ec2", "AuthorizeSecurityGroupIngress", request, answer, read_only=False)

    return calling


def _widen(estate: Estate, rng: Random) -> Call:
    """Widen a rule of a security group that exists already."""
    rule = {"FromPort": 3389, "ToPort": 3389, "IpProtocol": "tcp", "CidrIpv4": "0.0.0.0/0"}
    update = {"tag": 1, "SecurityGroupRuleId": ids.resource(rng, "sgr"), "SecurityGroupRule": rule}
    request = {"ModifySecurityGroupRulesRequest": {"GroupId": rng.choice(estate.groups), "SecurityGroupRule": update}}
    answer = {"ModifySecurityGroupRulesResponse": {"requestId": ids.uuid(rng), "return": True}}
    return Call("ec2", "ModifySecurityGroupRules", request, answer, read_only=False)


_V4 = {"ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}
_V6 = {"ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}}
_TRUST = _document({"Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{OUTSIDER}:root"}})
_EVERYTHING = _document({"Action": "*", "Resource": "*"})
_ADMIN = {"userName": "backup-uploader", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
_INLINE = {"userName": "operator", "policyName": "support", "policyDocument": _EVERYTHING}
_PROFILE = {"loginProfile": {"userName": "backup-uploader", "passwordResetRequired": False}}
_INVOKE = {
    "functionName": "billing-worker",
    "statementId": "support",
    "action": "lambda:InvokeFunction",
    "principal": "*",
}
_SAML = {"name": "support", "sAMLMetadataDocument": '<EntityDescriptor entityID="https://idp.example.net/saml"/>'}

FOOTHOLD = (
    Step("03:05:11", _HOME, OPERATOR, ("access-key-created-for-user",), _access_key),
    Step(
        "03:08:02", _HOME, OPERATOR, ("login-profile-set-for-user",),
        write("iam", "CreateLoginProfile", {"userName": "backup-uploader", "passwordResetRequired": False}, _PROFILE),
    ),
    Step(
        "03:09:47", _HOME, OPERATOR, ("login-profile-set-for-user",),
        write("iam", "UpdateLoginProfile", {"userName": "break-glass"}),
    ),
    Step("03:12:33", _HOME, OPERATOR, ("administrator-policy-attached",), write("iam", "AttachUserPolicy", _ADMIN)),
    Step("03:15:09", _HOME, OPERATOR, ("iam-policy-allows-everything",), write("iam", "PutUserPolicy", _INLINE)),
    Step(
        "03:20:26", _HOME, OPERATOR, ("role-trust-policy-changed",),
        write("iam", "UpdateAssumeRolePolicy", {"roleName": "deploy", "policyDocument": _TRUST}),
    ),
    Step("03:26:58", _HOME, OPERATOR, ("identity-provider-added",), write("iam", "CreateSAMLProvider", _SAML)),
    Step("03:31:14", _HOME, OPERATOR, ("mfa-device-deactivated",), _mfa),
    Step("03:40:05", _PLANT, STOLEN_DEPLOY, ("shell-command-sent-to-instances",), _shell),
    Step(
        "03:46:41", _PLANT, STOLEN_DEPLOY, ("ssh-key-pushed-to-instance",),
        _push_key("SendSSHPublicKey", {"instanceOSUser": "ec2-user"}),
    ),
    Step(
        "03:50:18", _PLANT, STOLEN_DEPLOY, ("ssh-key-pushed-to-instance",),
        _push_key("SendSerialConsoleSSHPublicKey", {"serialPort": 0}),
    ),
    Step("04:05:52", _PLANT, STOLEN_DEPLOY, ("instance-user-data-changed",), _user_data),
    Step("04:20:37", _PLANT, LEAKED_KEY, ("lambda-code-changed-by-iam-user",), _function_code),
    Step(
        "04:24:12", _PLANT, LEAKED_KEY, ("lambda-open-to-everyone",),
        write("lambda", "AddPermission20150331v2", _INVOKE),
    ),
    Step("04:40:09", _PLANT, STOLEN_DEPLOY, ("security-group-admin-port-open",), _open(22, _V4)),
    Step("04:40:31", _PLANT, STOLEN_DEPLOY, ("security-group-admin-port-open",), _open(22, _V6)),
    Step("04:42:55", _PLANT, STOLEN_DEPLOY, ("security-group-admin-port-open",), _widen),
    Step("04:47:03", _PLANT, STOLEN_DEPLOY, ("security-group-database-port-open",), _open(5432, _V4)),
)  # fmt: skip
