"""Names of AWS that patterns ask for by value, and what is nearly one of them.

SOURCES and REGIONS are what botocore's service models and partitions name (endpoint prefixes and signing names), and
the sources that only EventBridge has (Amazon EventBridge Events Reference); of sources those of five letters and more,
because shorter ones are all one letter from another.  CALLS is small on purpose: the calls that rules about security
watch, and those real ones that are a letter away from them (tests compare it with every call that botocore knows).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import takewhile
from typing import Final

_LONGEST: Final = 64
"""Characters of a word that is looked at; names of AWS have fewer."""


class Names:
    """Some names, and what is one of them but for a slip."""

    def __init__(self, text: str) -> None:
        self.known = frozenset(text.split())

    @cached_property
    def _near(self) -> Mapping[str, Sequence[str]]:
        """The names by themselves in lower case, and by what is left of that without one letter."""
        near: dict[str, list[str]] = {}
        for name in sorted(self.known):
            for form in _forms(name.lower()):
                near.setdefault(form, []).append(name)
        return near

    def slip_of(self, word: str) -> str | None:
        """Return the name that a word is but for its case or one slip; None for a known one, and for one like none."""
        if word in self.known or len(word) > _LONGEST:
            return None
        lower = word.lower()
        near = [name for form in _forms(lower) for name in self._near.get(form, ())]
        return next((name for name in near if _is_slip(lower, name.lower())), None)


def _forms(word: str) -> list[str]:
    return [word, *(word[:at] + word[at + 1 :] for at in range(len(word)))]


def _is_slip(word: str, name: str) -> bool:
    """Whether they are equal, but for a letter left out, added or wrong, or two neighbours that changed places."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(word, name, strict=False))
    at = sum(1 for _ in alike)
    ours, theirs = word[at:], name[at:]
    swapped = ours[:2] == theirs[1::-1] and ours[2:] == theirs[2:]
    return swapped or ours[1:] in (theirs, theirs[1:]) or ours == theirs[1:]


SOURCES: Final = Names(
    """
    access-analyzer account account-access acm-pca aco-automation agent-registry agent-registry-control
    agreement-marketplace aidevops aiops airflow airflow-serverless amplify amplifybackend amplifyuibuilder
    apigateway app-integrations appconfig appconfigdata appfabric appflow application-autoscaling
    application-cost-profiler application-signals applicationinsights appmesh apprunner appstream appstream2 appsync
    arc-region-switch arc-zonal-shift artifact athena auditmanager autoscaling autoscaling-plans aws-marketplace
    awsssoportal backup backup-gateway backup-search batch bcm-dashboards bcm-data-exports bcm-pricing-calculator
    bcm-recommended-actions bedrock bedrock-agent bedrock-agent-runtime bedrock-agentcore bedrock-agentcore-control
    bedrock-data-automation bedrock-data-automation-runtime bedrock-runtime billing billingconductor braket budgets
    cases cassandra cassandra-streams chatbot chime cleanrooms cleanrooms-ml cloud9 cloudcontrolapi clouddirectory
    cloudformation cloudfront cloudfront-keyvaluestore cloudhsm cloudhsmv2 cloudsearch cloudsearchdomain cloudshell
    cloudtrail cloudtrail-data cloudwatch cloudwatch-omni codeartifact codebuild codecatalyst codecommit
    codeconnections codedeploy codeguru-profiler codeguru-reviewer codeguru-security codepipeline
    codestar-connections codestar-notifications cognito-identity cognito-idp cognito-sync comprehend
    comprehendmedical compute-optimizer config connect connect-campaigns console contact-lens controlcatalog
    controltower cost-optimization-hub data-signer databrew dataexchange datapipeline datasync datazone deadline
    deployment-marketplace detective devicefarm devops-guru directconnect discovery discovery-marketplace
    docdb-elastic ds-data dynamodb ec2-instance-connect ecr-public eks-auth elasticache elasticbeanstalk
    elasticfilesystem elasticloadbalancing elasticmapreduce elastictranscoder elemental-inference email
    emr-containers emr-serverless end-user-messaging entityresolution events eventsv2 execute-api firehose forecast
    forecastquery frauddetector freetier gamelift gameliftstreams geo-maps geo-places geo-routes glacier
    globalaccelerator grafana greengrass groundstation guardduty health health-agent healthlake iam-toolbox
    identity-chime identitystore imagebuilder importexport inspector inspector-scan inspector2 interconnect
    internetmonitor invoicing iot-jobs-data iotdata iotdeviceadvisor iotfleetwise iotmanagedintegrations iotsitewise
    iotthingsgraph iottwinmaker iotwireless ivschat ivsrealtime kafka kafkaconnect kendra kendra-ranking kinesis
    kinesisanalytics kinesisvideo lakeformation lambda launchwizard license-manager
    license-manager-linux-subscriptions license-manager-user-subscriptions lightsail lookoutequipment
    machinelearning macie macie2 mail-manager managedblockchain managedblockchain-query marketplacecommerceanalytics
    media-pipelines-chime mediaconnect mediaconvert medialive mediapackage mediapackage-vod mediapackagev2
    mediastore mediatailor medical-imaging meetings-chime memory-db memorydb messaging-chime migrationhub-config
    migrationhub-orchestrator migrationhub-strategy mobiletargeting models-v2-lex monitoring mturk-requester
    neptune-db neptune-graph network-firewall network-security-manager networkflowmonitor networkmanager
    networkmonitor notifications notifications-contacts nova-act observabilityadmin omics opsworks organizations
    outposts partnercentral partnercentral-account partnercentral-benefits partnercentral-channel partnercentral-prm
    partnercentral-selling payment-cryptography pca-connector-ad pca-connector-scep personalize personalize-events
    personalize-runtime pinpoint pipes polly pricing pricingplanmanager profile proton qapps qbusiness quicksight
    rds-data redshift redshift-data redshift-serverless refactor-spaces rekognition reporting-marketplace
    repostspace resiliencehub resource-explorer-2 resource-groups rolesanywhere route53 route53-recovery-cluster
    route53-recovery-control-config route53-recovery-readiness route53domains route53globalresolver route53profiles
    route53resolver rtbfabric runtime-v2-lex s3-control s3-outposts s3files s3tables s3vectors sagemaker
    sagemaker-geospatial savingsplans scheduler schemas secretsmanager security-ir securityagent securityhub
    securitylake serverlessrepo servicecatalog servicecatalog-appregistry servicediscovery servicequotas shield
    signer signin sms-voice snow-device-management snowball social-messaging ssm-contacts ssm-guiconnect
    ssm-incidents ssm-quicksetup ssm-sap sso-directory sso-oauth states storagegateway support supportapp
    supportauthz sustainability synthetics tagging textract thinclient timestream timestream-influxdb transcribe
    transfer translate trustedadvisor user-subscriptions verifiedpermissions voice-chime voiceid vpc-lattice
    waf-regional wafv2 wellarchitected wickr wisdom workdocs workmail workmailmessageflow workspaces
    workspaces-instances workspaces-web
    """
)
"""Without "aws."."""

REGIONS: Final = Names(
    """
    af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1
    ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1
    cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2
    eu-west-3 eusc-de-east-1 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2
    us-gov-east-1 us-gov-west-1 us-west-1 us-west-2
    """
)

CALLS: Final = Names(
    """
    AddUserToGroup AssociateIamInstanceProfile AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity
    AttachGroupPolicy AttachInternetGateway AttachRolePolicy AttachUserPolicy AuthorizeSecurityGroupEgress
    AuthorizeSecurityGroupIngress CancelKeyDeletion CheckMfa ConsoleLogin CreateAccessKey CreateAccount CreateBucket
    CreateFunction CreateInternetGateway CreateKeyPair CreateLoginProfile CreateNetworkAclEntry CreatePolicyVersion
    CreateRoute CreateSecurityGroup CreateSnapshot CreateSnapshots CreateVirtualMFADevice DeactivateMFADevice
    DeleteAccountPasswordPolicy DeleteAlarm DeleteAlarms DeleteBucket DeleteBucketEncryption DeleteBucketPolicy
    DeleteBucketPublicAccessBlock DeleteConfigRule DeleteConfigurationRecorder DeleteDBCluster DeleteDBInstance
    DeleteDbCluster DeleteDbInstance DeleteDeliveryChannel DeleteDetector DeleteEventDataStore DeleteFlowLogs
    DeleteLogGroup DeleteLogStream DeleteNetworkAcl DeleteRole DeleteRolePermissionsBoundary DeleteRule DeleteSecret
    DeleteSecurityGroup DeleteTrail DeleteTrial DeleteUserPermissionsBoundary DetachPolicy DetachRolePolicy
    DetachUserPolicy DisableAlarmActions DisableEbsEncryptionByDefault DisableKey DisablePolicyType DisableRule
    DisableSecurityHub GetCallerIdentity GetFederationToken GetPasswordData GetSecretValue GetSessionToken
    ImportKeyPair InviteAccountToOrganization LeaveOrganization ModifyDBInstance ModifyDBSnapshotAttribute
    ModifyDocumentPermission ModifyImageAttribute ModifyInstanceAttribute ModifyInstanceMetadataOptions
    ModifySnapshotAttribute PassRole PasswordRecoveryRequested PutAccountPublicAccessBlock PutBucketAcl
    PutBucketEncryption PutBucketLifecycle PutBucketPolicy PutBucketPublicAccessBlock PutBucketReplication
    PutBucketVersioning PutConfigRule PutEventSelectors PutGroupPolicy PutKeyPolicy PutResourcePolicy
    PutRetentionPolicy PutRolePolicy PutSecretValue PutUserPolicy ReplaceNetworkAclEntry ReplaceRoute
    RevokeSecurityGroupEgress RevokeSecurityGroupIngress RunInstances ScheduleKeyDeletion SendCommand
    SendSSHPublicKey SetDefaultPolicyVersion StartInstance StartInstances StartLogging StartSession
    StopConfigurationRecorder StopInstance StopInstances StopLogging SwitchRole TerminateInstances UpdateAccessKey
    UpdateAssumeRolePolicy UpdateDetector UpdateFunctionCode UpdateLoginProfile UpdateTrail UpdateTrial
    """
)
