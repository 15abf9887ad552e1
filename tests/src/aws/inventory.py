ec2, iam, eks = client("ec2"), client("iam"), client("eks")


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


clusters = [eks.describe_cluster(name=name)["cluster"] for name in paged(eks, "list_clusters", "clusters")]
show({
    "vpcs": sorted(map(attributes, ours(vpcs)), key=by("VpcId")),
    "subnets": sorted(ours(paged(ec2, "describe_subnets", "Subnets")), key=by("CidrBlock")),
    "internet_gateways": sorted(map(tags, filter(gateway_is_ours, paged(ec2, "describe_internet_gateways", "InternetGateways"))), key=by("InternetGatewayId")),
    "route_tables": sorted((table for table in ours(paged(ec2, "describe_route_tables", "RouteTables"))
                            if not any(association.get("Main") for association in table["Associations"])), key=by("RouteTableId")),
    "security_groups": sorted((group for group in ours(paged(ec2, "describe_security_groups", "SecurityGroups"))
                               if group["GroupName"] != "default"), key=by("GroupName")),
    "roles": sorted((role(item) for item in paged(iam, "list_roles", "Roles") if not item["Path"].startswith("/aws-service-role/")), key=by("RoleName")),
    "policies": sorted((tags(policy) for policy in paged(iam, "list_policies", "Policies", Scope="Local")), key=by("PolicyName")),
    "clusters": sorted(clusters, key=by("name")),
    "nodegroups": [eks.describe_nodegroup(clusterName=cluster["name"], nodegroupName=name)["nodegroup"]
                   for cluster in clusters for name in paged(eks, "list_nodegroups", "nodegroups", clusterName=cluster["name"])],
})
