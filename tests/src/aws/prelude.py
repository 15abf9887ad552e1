import json, os, time, boto3, botocore
from botocore.config import Config
from botocore.exceptions import ClientError


def client(service, **options):
    config = Config(retries={"total_max_attempts": 1}, **options)
    return boto3.client(service, config=config)


def error(function, *args, **kwargs):
    """The error code of the call, or None where it succeeds."""
    try:
        function(*args, **kwargs)
    except ClientError as failure:
        return failure.response["Error"]["Code"]


def show(value):
    print(json.dumps(value, default=str))


def trust(service):
    return json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    })
