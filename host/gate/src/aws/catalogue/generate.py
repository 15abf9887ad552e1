"""Writes aws.tsv, the host's own catalogue of AWS actions, from botocore's service models.

    pip install botocore==1.43.106
    python host/gate/src/aws/catalogue/generate.py > host/gate/src/aws/catalogue/aws.tsv

An action is a read when its name begins like one, a secret when AWS marks part of its answer as sensitive, and a mutation
otherwise, so that what is new or oddly named is refused where it matters. The lists below are the exceptions, each with
its reason; a reason is written beside the action and shown to the user. A name that no model knows any more stops the
script.
"""

import gzip
import json
import pathlib
import sys

import botocore

SERVICES = [
    "ec2",
    "eks",
    "iam",
    "sts",
    "efs",
    "ecr",
    "resource-groups",
    "autoscaling",
    "kms",
    "service-quotas",
    "ssm",
    "resourcegroupstaggingapi",
    "elbv2",
    "elb",
]

READ_VERBS = (
    "BatchCheck",
    "BatchGet",
    "Check",
    "Describe",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Preview",
    "Query",
    "Search",
    "Simulate",
    "Validate",
)

# Named like a reader, or like nothing in particular, but neither changes anything nor shows a secret.
READS = {
    ("sts", "DecodeAuthorizationMessage"): "decodes a text that the caller has",
}

# Named like a reader, but something is different afterwards.
MUTATIONS = {
    ("ec2", "GetFlowLogsIntegrationTemplate"): "writes a template into a bucket",
    ("ecr", "BatchGetImage"): "makes a pull-through cache import the image",
    ("iam", "GetHumanReadableSummary"): "makes a model write the summary",
}

# What AWS does not mark as sensitive, but is.
SECRETS = {
    ("ec2", "GetConsoleOutput"): "boot logs print passwords and keys",
    ("ec2", "GetConsoleScreenshot"): "shows what is on the screen",
    ("ec2", "DescribeInstanceAttribute"): "shows the user data",
    ("ec2", "GetInstanceTpmEkPub"): "identifies the machine to its attestation service",
    ("autoscaling", "DescribeLaunchConfigurations"): "shows the user data",
    ("ecr", "GetAuthorizationToken"): "is a login to the registry",
    ("ecr", "GetDownloadUrlForLayer"): "is a signed address that anyone can use",
    ("kms", "GenerateMac"): "vouches for a text in the key's name",
    ("kms", "GetParametersForImport"): "is a token to import key material",
    ("kms", "ReEncrypt"): "moves a secret under another key",
    ("kms", "Sign"): "vouches for a text in the key's name",
    ("ssm", "CreateActivation"): "is a code that joins machines",
    ("ssm", "DescribeAutomationExecutions"): "shows what scripts printed",
    ("ssm", "DescribeAutomationStepExecutions"): "shows what scripts printed",
    ("ssm", "GetAutomationExecution"): "shows what scripts printed",
    ("ssm", "GetCommandInvocation"): "shows what scripts printed",
    ("ssm", "GetDeployablePatchSnapshotForInstance"): "is a signed address that anyone can use",
    ("ssm", "ListCommandInvocations"): "shows what scripts printed",
    ("ssm", "ResumeSession"): "is a token to a shell",
    ("ssm", "StartSession"): "is a token to a shell",
    ("eks", "RegisterCluster"): "is a code that joins a cluster",
}


def model(name):
    directory = pathlib.Path(botocore.__file__).parent / "data" / name
    path = sorted(directory.glob("*/service-2.json*"))[-1]
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        return json.load(file)


def is_sensitive(shapes, name, seen=frozenset()):
    """Whether a shape holds anything that AWS marks as sensitive."""
    if name in seen:
        return False
    shape, seen = shapes[name], seen | {name}
    if shape.get("sensitive"):
        return True
    inner = [member["shape"] for member in shape.get("members", {}).values()]
    inner += [shape[part]["shape"] for part in ("member", "value") if part in shape]
    return any(is_sensitive(shapes, part, seen) for part in inner)


def protocol_key(metadata, name, operation):
    """What names the operation in a request: action and version, method and path, or target."""
    if metadata["protocol"] in ("ec2", "query"):
        return f"{metadata['apiVersion']}/{name}"
    if metadata["protocol"] == "json":
        return f"{metadata['targetPrefix']}.{name}"
    http = operation["http"]
    if metadata["protocol"] != "rest-json" or "?" in http["requestUri"] or "+}" in http["requestUri"]:
        sys.exit(f"{metadata['serviceId']}:{name}: nothing here can match {http}")
    return f"{http['method']} {http['requestUri']}"


def classify(service, name, operation, shapes, unused):
    for kind, exceptions in (("read", READS), ("mutate", MUTATIONS), ("secret", SECRETS)):
        if (service, name) in exceptions:
            unused.discard((service, name))
            return kind, exceptions[service, name]
    if "output" in operation and is_sensitive(shapes, operation["output"]["shape"]):
        return "secret", "AWS marks part of the answer as sensitive"
    return ("read" if name.startswith(READ_VERBS) else "mutate"), ""


def main():
    unused = {*READS, *MUTATIONS, *SECRETS}
    print(f"# Generated by generate.py from botocore {botocore.__version__}; do not edit.")
    print("# @ signing name, service id, endpoint prefix, protocol, API version")
    print("# signing name, what names the operation in a request, action, class, why where the name does not tell")
    for service in SERVICES:
        described = model(service)
        metadata = described["metadata"]
        signing_name = metadata.get("signingName", metadata["endpointPrefix"])
        protocol = {"ec2": "query", "rest-json": "rest"}.get(metadata["protocol"], metadata["protocol"])
        row = ["@", signing_name, metadata["serviceId"], metadata["endpointPrefix"], protocol, metadata["apiVersion"]]
        print("\t".join(row))
        for name, operation in sorted(described["operations"].items()):
            kind, why = classify(signing_name, name, operation, described["shapes"], unused)
            key = protocol_key(metadata, name, operation)
            print("\t".join([signing_name, key, name, kind, why]).rstrip("\t"))
    if unused:
        sys.exit(f"exceptions for actions that no model knows: {sorted(unused)}")


if __name__ == "__main__":
    main()
