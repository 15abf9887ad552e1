ec2, iam, eks = client("ec2"), client("iam"), client("eks")
efs, ecr, groups, scaling = client("efs"), client("ecr"), client("resource-groups"), client("autoscaling")


def paged(service, action, member, **arguments):
    return [item for page in service.get_paginator(action).paginate(**arguments) for item in page.get(member, [])]


def by(key):
    return lambda item: item[key]


def tags(item):
    item = dict(item)
    item["Tags"] = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
    return item


vpcs = paged(ec2, "describe_vpcs", "Vpcs")
default = {vpc["VpcId"] for vpc in vpcs if vpc.get("IsDefault")}


def ours(items):
    return [tags(item) for item in items if item.get("VpcId") not in default]


def attributes(vpc):
    def attribute(name):
        answer = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=name)
        return answer[name[0].upper() + name[1:]]["Value"]
    return {**vpc, "EnableDnsSupport": attribute("enableDnsSupport"), "EnableDnsHostnames": attribute("enableDnsHostnames")}


def role(item):
    name = item["RoleName"]
    full = tags(iam.get_role(RoleName=name)["Role"])
    full["AttachedPolicies"] = sorted(policy["PolicyArn"] for policy in paged(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name))
    full["InlinePolicies"] = sorted(paged(iam, "list_role_policies", "PolicyNames", RoleName=name))
    return full


# The gateway of the default VPC is the account's own.
def gateway_is_ours(gateway):
    return not any(attachment.get("VpcId") in default for attachment in gateway.get("Attachments", []))


def policy(item):
    # Lists of policies show no tags.
    arn = item["Arn"]
    full = tags(iam.get_policy(PolicyArn=arn)["Policy"])
    full["Document"] = iam.get_policy_version(PolicyArn=arn, VersionId=full["DefaultVersionId"])["PolicyVersion"]["Document"]
    return full


def provider(item):
    full = tags(iam.get_open_id_connect_provider(OpenIDConnectProviderArn=item["Arn"]))
    # The answer is the provider itself, with what the client says of the request.
    del full["ResponseMetadata"]
    return {**full, "Arn": item["Arn"]}


def file_system(item):
    return {**tags(item), "MountTargets": sorted((
        {**target, "SecurityGroups": efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])["SecurityGroups"]}
        for target in paged(efs, "describe_mount_targets", "MountTargets", FileSystemId=item["FileSystemId"])), key=by("SubnetId"))}


def repository(item):
    return tags({**item, "Tags": ecr.list_tags_for_resource(resourceArn=item["repositoryArn"])["tags"]})


def resource_group(item):
    name, arn = item["GroupName"], item["GroupArn"]
    query = groups.get_group_query(Group=name)["GroupQuery"]["ResourceQuery"]
    return {**groups.get_group(Group=name)["Group"], "Query": json.loads(query["Query"]), "Tags": groups.get_tags(Arn=arn)["Tags"]}


# A tag of an Auto Scaling group also says whether new instances get it.
def scaling_group(item):
    return {**tags(item), "Propagated": sorted(tag["Key"] for tag in item.get("Tags", []) if tag["PropagateAtLaunch"])}


clusters = [eks.describe_cluster(name=name)["cluster"] for name in paged(eks, "list_clusters", "clusters")]
show({
    "vpcs": sorted(map(attributes, ours(vpcs)), key=by("VpcId")),
    "subnets": sorted(ours(paged(ec2, "describe_subnets", "Subnets")), key=by("CidrBlock")),
    "internet_gateways": sorted(map(tags, filter(gateway_is_ours, paged(ec2, "describe_internet_gateways", "InternetGateways"))), key=by("InternetGatewayId")),
    "elastic_ips": sorted(map(tags, ec2.describe_addresses()["Addresses"]), key=by("AllocationId")),
    # A deleted one is shown for an hour.
    "nat_gateways": sorted((tags(gateway) for gateway in paged(ec2, "describe_nat_gateways", "NatGateways")
                            if gateway["State"] != "deleted"), key=by("NatGatewayId")),
    "volumes": sorted(map(tags, paged(ec2, "describe_volumes", "Volumes")), key=by("VolumeId")),
    "route_tables": sorted((table for table in ours(paged(ec2, "describe_route_tables", "RouteTables"))
                            if not any(association.get("Main") for association in table["Associations"])), key=by("RouteTableId")),
    "security_groups": sorted((group for group in ours(paged(ec2, "describe_security_groups", "SecurityGroups"))
                               if group["GroupName"] != "default"), key=by("GroupName")),
    "roles": sorted((role(item) for item in paged(iam, "list_roles", "Roles") if not item["Path"].startswith("/aws-service-role/")), key=by("RoleName")),
    "policies": sorted(map(policy, paged(iam, "list_policies", "Policies", Scope="Local")), key=by("PolicyName")),
    "oidc_providers": sorted(map(provider, iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]), key=by("Arn")),
    "clusters": sorted(clusters, key=by("name")),
    "nodegroups": [eks.describe_nodegroup(clusterName=cluster["name"], nodegroupName=name)["nodegroup"]
                   for cluster in clusters for name in paged(eks, "list_nodegroups", "nodegroups", clusterName=cluster["name"])],
    "addons": [eks.describe_addon(clusterName=cluster["name"], addonName=name)["addon"]
               for cluster in clusters for name in paged(eks, "list_addons", "addons", clusterName=cluster["name"])],
    "file_systems": sorted(map(file_system, paged(efs, "describe_file_systems", "FileSystems")), key=by("CreationToken")),
    "repositories": sorted(map(repository, paged(ecr, "describe_repositories", "repositories")), key=by("repositoryName")),
    "resource_groups": sorted(map(resource_group, paged(groups, "list_groups", "GroupIdentifiers")), key=by("Name")),
    "scaling_groups": sorted(map(scaling_group, paged(scaling, "describe_auto_scaling_groups", "AutoScalingGroups")), key=by("AutoScalingGroupName")),
})
