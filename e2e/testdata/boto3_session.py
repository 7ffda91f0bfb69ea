"""One session with every service that the simulator speaks, through boto3."""

import io
import json
import urllib.request
import zipfile

import boto3
import botocore.config
import botocore.model
import os

CONFIG = botocore.config.Config(retries={"total_max_attempts": 1})


def client(service, region="us-east-1"):
    return boto3.client(service, region_name=region, config=CONFIG)


def refused(code, status, call, **kwargs):
    """The call must fail with this AWS error code and HTTP status."""
    try:
        call(**kwargs)
    except botocore.exceptions.ClientError as e:
        got = (e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"])
        assert got == (code, status), got
        assert e.response["ResponseMetadata"]["RequestId"], e.response
        return e.response["Error"].get("Message", "")
    raise AssertionError(f"{call} succeeded, want {code}")


def secrets():
    east, west = client("secretsmanager"), client("secretsmanager", "us-west-2")
    key = client("kms").create_key(Description="k")["KeyMetadata"]
    client("kms").create_alias(AliasName="alias/k", TargetKeyId=key["KeyId"])
    for i in range(120):
        east.create_secret(Name=f"bulk/{i:03}", SecretString="v", Tags=[{"Key": "n", "Value": str(i)}])
    pages = list(east.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": ["bulk/"]}]))
    names = [s["Name"] for p in pages for s in p["SecretList"]]
    assert len(pages) >= 2 and sorted(set(names)) == sorted(names) and len(names) == 120, (len(pages), len(names))

    made = east.create_secret(
        Name="prod/db", KmsKeyId="alias/k", SecretBinary=b"\x00\xff",
        AddReplicaRegions=[{"Region": "us-west-2"}])
    assert made["ReplicationStatus"][0]["Status"] == "InProgress", made
    seen = east.describe_secret(SecretId="prod/db")
    assert seen["ReplicationStatus"][0]["Status"] == "InSync", seen
    assert seen["KmsKeyId"] == "alias/k" or seen["KmsKeyId"] == key["Arn"], seen
    assert seen["CreatedDate"].year > 2000
    assert west.get_secret_value(SecretId="prod/db")["SecretBinary"] == b"\x00\xff"
    assert west.describe_secret(SecretId="prod/db")["ARN"] == made["ARN"].replace("us-east-1", "us-west-2")

    text = refused("InvalidParameterException", 400, west.put_secret_value, SecretId="prod/db", SecretString="x")
    assert "Operation not permitted on a replica secret" in text, text
    refused("InvalidParameterException", 400, east.delete_secret, SecretId="prod/db")
    refused("ResourceNotFoundException", 400, east.describe_secret, SecretId="nothing")
    refused("ResourceExistsException", 400, east.create_secret, Name="prod/db", SecretString="x")
    try:
        east.get_secret_value(SecretId="nothing")
    except east.exceptions.ResourceNotFoundException:
        pass

    promoted = west.stop_replication_to_replica(SecretId="prod/db")
    assert promoted["ARN"].endswith(made["ARN"][-6:]), promoted
    west.put_secret_value(SecretId="prod/db", SecretString="after")
    assert east.get_secret_value(SecretId="prod/db")["SecretBinary"] == b"\x00\xff"
    got = west.batch_get_secret_value(SecretIdList=["prod/db"])
    assert got["SecretValues"][0]["SecretString"] == "after", got


def functions():
    fn = client("lambda")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as z:
        z.writestr("f.py", "def handler(event, context): pass\n")
    arn = fn.create_function(
        FunctionName="rotate", Runtime="python3.12", Handler="f.handler",
        Role="arn:aws:iam::123456789012:role/r", Code={"ZipFile": code.getvalue()})["FunctionArn"]
    fn.get_waiter("function_active_v2").wait(FunctionName="rotate")
    sm = client("secretsmanager")
    sm.create_secret(Name="rotating", SecretString=json.dumps({"username": "u", "password": "p"}))
    refused("AccessDeniedException", 400, sm.rotate_secret, SecretId="rotating", RotationLambdaARN=arn,
            RotationRules={"AutomaticallyAfterDays": 30})
    refused("ResourceNotFoundException", 404, fn.get_policy, FunctionName="rotate")
    fn.add_permission(FunctionName="rotate", StatementId="sm", Action="lambda:InvokeFunction",
                      Principal="secretsmanager.amazonaws.com")
    refused("ResourceConflictException", 409, fn.add_permission, FunctionName="rotate", StatementId="sm",
            Action="lambda:InvokeFunction", Principal="secretsmanager.amazonaws.com")
    sm.rotate_secret(SecretId="rotating", RotationLambdaARN=arn, RotationRules={"AutomaticallyAfterDays": 30})
    assert sm.describe_secret(SecretId="rotating")["RotationEnabled"]


def cloudwatch(protocol, topic):
    """CloudWatch in one of its wire protocols; boto3 itself would choose JSON. Answers the content type it sent."""
    chosen, sent = botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS, set()
    botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS = (protocol,)
    try:
        cw = client("cloudwatch")
    finally:
        botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS = chosen

    def note(request, **_):
        kind = request.headers["Content-Type"]
        sent.add(kind.decode() if isinstance(kind, bytes) else kind)

    cw.meta.events.register("before-send.cloudwatch", note)
    put = dict(AlarmName="a", Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
               Threshold=1.5, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic])
    cw.put_metric_alarm(**put)
    cw.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(a)")
    cw.disable_alarm_actions(AlarmNames=["a", "c"])
    (a,) = cw.describe_alarms(AlarmNames=["a"])["MetricAlarms"]
    assert a["Threshold"] == 1.5 and a["ActionsEnabled"] is False and a["StateValue"] == "INSUFFICIENT_DATA", a
    assert a["AlarmConfigurationUpdatedTimestamp"].year > 2000, a
    both = cw.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert len(both["CompositeAlarms"]) == 1, both
    text = refused("ValidationError", 400, cw.put_metric_alarm,
                   **{**put, "AlarmActions": [topic.replace("us-east-1", "us-west-2")]})
    assert "Invalid region us-west-2 specified. Only us-east-1 is supported." in text, text
    refused("ResourceNotFound", 404, cw.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="x")
    cw.delete_alarms(AlarmNames=["c"])
    cw.delete_alarms(AlarmNames=["a"])
    assert not cw.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])["MetricAlarms"]
    (kind,) = sent
    return kind


def alarms():
    topic = client("sns").create_topic(Name="alerts")["TopicArn"]
    spoken = {protocol: cloudwatch(protocol, topic) for protocol in ("smithy-rpc-v2-cbor", "json", "query")}
    assert spoken == {"smithy-rpc-v2-cbor": "application/cbor", "json": "application/x-amz-json-1.0",
                      "query": "application/x-www-form-urlencoded; charset=utf-8"}, spoken
    logs = client("logs")
    logs.create_log_group(logGroupName="g")
    logs.put_metric_filter(logGroupName="g", filterName="f", filterPattern="x", metricTransformations=[
        {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}])
    assert logs.describe_metric_filters(logGroupName="g")["metricFilters"][0]["filterName"] == "f"


def identity():
    sts = client("sts")
    assert sts.get_caller_identity()["Account"] == "123456789012"
    creds = sts.assume_role(RoleArn="arn:aws:iam::210987654321:role/dr", RoleSessionName="dr-session")["Credentials"]
    other = boto3.client("sts", region_name="eu-west-1", aws_access_key_id=creds["AccessKeyId"],
                         aws_secret_access_key=creds["SecretAccessKey"], aws_session_token=creds["SessionToken"])
    assert other.get_caller_identity()["Account"] == "210987654321"


def outage():
    url = os.environ["AWS_ENDPOINT_URL"] + "/_sim/regions/us-east-1"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT", data=b'{"state": "unavailable"}'))
    refused("ServiceUnavailable", 503, client("secretsmanager").describe_secret, SecretId="prod/db")
    refused("ServiceUnavailable", 503, client("cloudwatch").describe_alarms)
    refused("ServiceUnavailable", 503, client("lambda").get_function, FunctionName="rotate")
    client("secretsmanager", "us-west-2").describe_secret(SecretId="prod/db")
    urllib.request.urlopen(urllib.request.Request(url, method="PUT", data=b'{"state": "refuse"}'))
    try:
        client("secretsmanager").describe_secret(SecretId="prod/db")
    except (botocore.exceptions.ConnectionClosedError, botocore.exceptions.EndpointConnectionError):
        pass


for part in (secrets, functions, alarms, identity, outage):
    part()
    print(part.__name__, "ok")
