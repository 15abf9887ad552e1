//! The tables of what configs say. What clouds would be asked about is what `fixtures/nebari_says.py` lists.

use super::configs::{
    COUNTS, FLAGS, Key, NO_COUNTS, NO_FLAGS, NO_TAINTS, NO_TEXT_MAPS, NO_TEXTS, Provider, TAINTS, TEXT_MAPS,
};

const fn key(at: &'static str, chance: u32, says: &'static [&'static str]) -> Key {
    Key { at, says, chance }
}

const NAMES: &[&str] = &["demo-site", "\"demo-site\"", "'ab-c_9'", "A1b", "x12345678901234z"];
const NAMESPACES: &[&str] = &["dev", "prod", "'a-b'", "Dev", "a_b", "\"dev\""];
const VERSIONS: &[&str] = &["2025.10.1", "\"2025.10.1\"", "2025.10.1.dev3"];
const INSTANCES: &[&str] = &["m5.2xlarge", "'m5.xlarge'", "c6i.metal", "u-12tb1.112xlarge", "m7i-flex.large"];
const DOMAINS: &[&str] = &["demo.example.com", "'demo.example.com'"];
const REFUSED_FLAGS: &[&str] = &["false", "no", "off", "'f'", "0"];
const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const BOUNDARIES: &[&str] =
    &["null", "arn:aws:iam::111122223333:policy/boundary", "'arn:aws:iam::111122223333:policy/b'"];

pub static AWS: Provider = Provider {
    name: "aws",
    section: "amazon_web_services",
    keys: &[
        key("project_name", 100, NAMES),
        key("namespace", 50, NAMESPACES),
        key("provider", 80, &["aws", "\"aws\"", "'aws'"]),
        key("nebari_version", 30, VERSIONS),
        key("prevent_deploy", 20, FLAGS),
        key("domain", 20, DOMAINS),
        key("storage/type", 25, &["efs", "nfs", "cephfs", "'efs'"]),
        key("storage/shared_filesystem", 15, &["200Gi", "'100Gi'"]),
        key("terraform_state/type", 15, &["remote", "local"]),
        key("external_container_reg/enabled", 15, REFUSED_FLAGS),
        key("amazon_web_services/region", 100, &["us-west-2", "\"us-west-2\"", "'us-west-2'"]),
        key("amazon_web_services/kubernetes_version", 100, &["'1.32'", "\"1.31\"", "'1.30'", "null", "~", ""]),
        key(
            "amazon_web_services/availability_zones",
            60,
            &[
                "[us-west-2a, us-west-2b]",
                "[us-west-2b, 'us-west-2c']",
                "[us-west-2a]",
                "[]",
                "[us-west-2a, us-west-2b, us-west-2c, us-west-2d]",
            ],
        ),
        key("amazon_web_services/node_groups/general/instance", 98, INSTANCES),
        key("amazon_web_services/node_groups/general/min_nodes", 80, COUNTS),
        key("amazon_web_services/node_groups/general/max_nodes", 80, COUNTS),
        key("amazon_web_services/node_groups/general/taints", 30, TAINTS),
        key("amazon_web_services/node_groups/general/single_subnet", 20, FLAGS),
        key("amazon_web_services/node_groups/general/spot", 15, FLAGS),
        key("amazon_web_services/node_groups/general/permissions_boundary", 10, BOUNDARIES),
        key("amazon_web_services/node_groups/gpu-small/instance", 30, &["g4dn.xlarge"]),
        key("amazon_web_services/eks_endpoint_access", 25, &["public", "'private'", "public_and_private", "null"]),
        key("amazon_web_services/eks_public_access_cidrs", 25, &["['0.0.0.0/0']", "[8.8.8.0/24]", "null", "[]"]),
        key("amazon_web_services/eks_kms_arn", 15, &[KEY, "null"]),
        key(
            "amazon_web_services/existing_subnet_ids",
            15,
            &["null", "[subnet-0a1b2c3d4e5f60718, subnet-0a1b2c3d4e5f60719]"],
        ),
        key("amazon_web_services/existing_security_group_id", 15, &["null", "sg-0a1b2c3d4e5f60718"]),
        key("amazon_web_services/vpc_cidr_block", 25, &["10.10.0.0/16", "'10.20.0.0/16'", "10.0.0.0/24"]),
        key("amazon_web_services/permissions_boundary", 15, BOUNDARIES),
        key("amazon_web_services/tags", 40, TEXT_MAPS),
    ],
    odd: &[
        (
            "project_name",
            &["1ab", "ab", "ab-", "'demo site'", "x123456789012345z", "1.10", "true", "null", "[a]", "d\u{435}mo"],
        ),
        ("namespace", &["dev1", "-dev", "a", "''", "null", "true", "[dev]", "{a: b}"]),
        ("namespaces", &["dev"]),
        ("provider", &["AWS", "asw", "amazon_web_services", "hetzner", "null", "[aws]", "1", "local"]),
        ("nebari_version", &["2024.9.1", "2025.10", "''"]),
        ("prevent_deploy", NO_FLAGS),
        ("storage/type", &["zfs", "null", "1", "EFS", "[efs]"]),
        ("storage", &["null", "efs", "{}", "{size: 1}"]),
        ("terraform_state", &["null", "{type: gitlab}", "{type: local, config: {a: b}}"]),
        ("external_container_reg", &["null", "{enabled: yes}", "{enabled: maybe}", "{}"]),
        ("jupyterhub", &["{overrides: {a: 1}}", "{overides: {}}"]),
        ("their_plugin", &["{a: b}"]),
        ("existing", &["{}", "null", "{kube_context: a}", "{context: a}"]),
        ("local", &["{}", "null"]),
        ("amazon_web_services", &["null", "{}", "[]", "us-west-2", "{region: us-west-2}"]),
        (
            "amazon_web_services/region",
            &["us-west-9", "us_west_2", "null", "1", "[us-west-2]", "''", "us-west-2\u{200b}"],
        ),
        ("amazon_web_services/regoin", &["us-west-2"]),
        (
            "amazon_web_services/kubernetes_version",
            &["1.30", "1.32", "1.3", "'1.99'", "'1.32.1'", "latest", "true", "!!str 1.30", "[1.32]"],
        ),
        (
            "amazon_web_services/availability_zones",
            &[
                "null",
                "us-west-2a",
                "[us-east-1a, us-east-1b]",
                "[us-west-2a, us-west-2a]",
                "[1, 2]",
                "[us-west-2z, us-west-2a]",
                "{}",
            ],
        ),
        (
            "amazon_web_services/node_groups",
            &[
                "null",
                "{}",
                "[]",
                "{general: null}",
                "{general: {}}",
                "{1: {instance: m5.xlarge}}",
                "{a.b: {instance: m5.xlarge}}",
                "{true: {instance: m5.xlarge}}",
            ],
        ),
        (
            "amazon_web_services/node_groups/general/instance",
            &["m5.huge", "null", "''", "1", "[m5.xlarge]", "m5 xlarge"],
        ),
        ("amazon_web_services/node_groups/general/min_nodes", NO_COUNTS),
        ("amazon_web_services/node_groups/general/max_nodes", NO_COUNTS),
        ("amazon_web_services/node_groups/general/max_nodes", &["0", "'0'", "false", "0.0"]),
        ("amazon_web_services/node_groups/general/gpu", NO_FLAGS),
        ("amazon_web_services/node_groups/general/gpu", FLAGS),
        ("amazon_web_services/node_groups/general/taints", NO_TAINTS),
        ("amazon_web_services/node_groups/general/launch_template", &["{}", "{ami_id: ami-1}"]),
        ("amazon_web_services/node_groups/general/disk_size", &["50"]),
        ("amazon_web_services/node_groups/general/labels", &["{a: b}"]),
        ("amazon_web_services/node_groups/general/instanse", &["m5.xlarge"]),
        ("amazon_web_services/eks_endpoint_access", &["open", "PUBLIC", "true", "''", "[public]"]),
        (
            "amazon_web_services/eks_public_access_cidrs",
            &["10.0.0.0/8", "[10.0.0.0/8]", "[10.0.0.0]", "[1]", "['10.0.0.0/33']"],
        ),
        ("amazon_web_services/eks_kms_arn", &["''", "key", "arn:aws:kms:us-west-2:111122223333:key/other", "1"]),
        (
            "amazon_web_services/existing_subnet_ids",
            &["[]", "[subnet-0a1b2c3d]", "[vpc-1, vpc-2]", "subnet-0a1b2c3d", "[1, 2]"],
        ),
        ("amazon_web_services/existing_security_group_id", &["[sg-1]", "default", "1", "''"]),
        ("amazon_web_services/existing_security_group_ids", &["[sg-0a1b2c3d]"]),
        ("amazon_web_services/terraform_overrides", &["{vpc_cidr_block: 10.0.0.0/16}"]),
        ("amazon_web_services/vpc_cidr_block", &["10.0.0.0/8", "10.0.0.0", "null", "1.10", "''", "[10.0.0.0/16]"]),
        ("amazon_web_services/permissions_boundary", NO_TEXTS),
        ("amazon_web_services/tags", NO_TEXT_MAPS),
        ("amazon_web_services/tags", &["{'aws:a': b}", "{a: 'x!y'}", "{Owner: me}"]),
        ("amazon_web_services/colour", &["red"]),
    ],
    variables: &[
        ("namespace", &["prod", "", "dev1"]),
        ("project_name", &["other", "1x"]),
        ("prevent_deploy", &["yes", "false", "1", "maybe"]),
        ("amazon_web_services/region", &["us-west-2", "us-east-1", "us_west_2", ""]),
        ("amazon_web_services/kubernetes_version", &["1.31", "1.3", "null"]),
        ("amazon_web_services/node_groups/general/max_nodes", &["9", "007", "2.0", "nine", "-1", ""]),
        ("amazon_web_services/node_groups/general/spot", &["yes", "true", "2"]),
        ("amazon_web_services/availability_zones/1", &["us-west-2d", "us-east-1a"]),
        ("amazon_web_services/availability_zones/7", &["us-west-2d"]),
        ("amazon_web_services/tags/CostCentre", &["0042317", "1.10", "yes"]),
        ("amazon_web_services/eks_kms_arn", &[KEY, ""]),
        ("amazon_web_services/region/deeper", &["x"]),
        ("storage/type", &["nfs", "zfs"]),
        ("", &["x"]),
        ("colour", &["red"]),
    ],
};

const SELECTORS: &[&str] = &[
    "{}",
    "{general: {key: a, value: b}}",
    "{general: {key: kubernetes.io/os, value: linux}, user: {key: a, value: 'yes'}, worker: {key: a, value: yes}}",
    "{general: {key: '1.10', value: '007'}}",
];

const NO_SELECTORS: &[&str] = &[
    "null",
    "[]",
    "{general: null}",
    "{general: {key: a}}",
    "{general: {a: b}}",
    "{general: {key: a, value: 1}}",
    "{general: {key: a, value: true}}",
    "{general: {key: a, value: null}}",
    "{general: {key: a, value: b, effect: c}}",
    "{gpu: {key: a, value: b}}",
    "{general: {key: a, value: 1.10}}",
    "{general: {key: a, value: 2026-11-30}}",
];

pub static EXISTING: Provider = Provider {
    name: "existing",
    section: "existing",
    keys: &[
        key("project_name", 100, NAMES),
        key("namespace", 50, NAMESPACES),
        key("provider", 80, &["existing", "'existing'"]),
        key("nebari_version", 30, VERSIONS),
        key("prevent_deploy", 20, FLAGS),
        key("domain", 20, DOMAINS),
        key("storage/type", 25, &["nfs", "cephfs"]),
        key("external_container_reg/enabled", 15, REFUSED_FLAGS),
        key("existing/kube_context", 60, &["minikube", "'minikube'", "null", "~", "'1.10'", "yes"]),
        key("existing/node_selectors", 50, SELECTORS),
    ],
    odd: &[
        ("provider", &["exsiting", "null", "aws", "local"]),
        ("prevent_deploy", NO_FLAGS),
        ("storage/type", &["efs", "zfs", "null", "NFS"]),
        ("existing", &["null", "{}", "[]", "minikube"]),
        ("existing/kube_context", NO_TEXTS),
        ("existing/node_selectors", NO_SELECTORS),
        ("existing/context", &["minikube"]),
        ("local", &["{}", "{kube_context: a}"]),
        ("their_plugin", &["{a: b}"]),
    ],
    variables: &[
        ("namespace", &["prod", ""]),
        ("existing/kube_context", &["other", "1.10", ""]),
        ("existing/node_selectors/general/value", &["yes", "1.10"]),
        ("storage/type", &["efs", "nfs"]),
    ],
};

pub static LOCAL: Provider = Provider {
    name: "local",
    section: "local",
    keys: &[
        key("project_name", 100, NAMES),
        key("namespace", 50, NAMESPACES),
        key("provider", 50, &["local", "'local'"]),
        key("nebari_version", 30, VERSIONS),
        key("prevent_deploy", 20, FLAGS),
        key("storage/type", 25, &["nfs", "'nfs'"]),
        key("local/kube_context", 50, &["minikube", "null", "'1.10'", "yes"]),
        key("local/node_selectors", 50, SELECTORS),
    ],
    odd: &[
        ("provider", &["lokal", "null", "existing"]),
        ("prevent_deploy", NO_FLAGS),
        ("storage/type", &["efs", "cephfs", "null"]),
        ("local", &["null", "{}", "{kind: {}}"]),
        ("local/kube_context", NO_TEXTS),
        ("local/node_selectors", NO_SELECTORS),
        ("digital_ocean", &["{region: nyc3}"]),
    ],
    variables: &[
        ("namespace", &["prod", ""]),
        ("local/kube_context", &["other", ""]),
        ("prevent_deploy", &["on", "2"]),
    ],
};
