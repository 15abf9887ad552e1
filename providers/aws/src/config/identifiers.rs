//! ARNs and ids of things that were there before. They are looked at letter by letter: with a wrong one the deploy fails when half of the
//! platform stands.

use nic_sdk::aws::Partition;
use nic_sdk::findings::Findings;
use nic_sdk::kit::{Reader, placeholder};

/// The key that encrypts Kubernetes Secrets.
pub fn kms_key(section: &Reader<'_>, region: Option<&str>, findings: &mut Findings) -> Option<String> {
    let example = |partition: &str| {
        format!("arn:{partition}:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")
    };
    arn(section, "eks_kms_arn", (region, fault_of_key), example, findings)
}

/// The boundary of every role.
pub fn boundary(section: &Reader<'_>, region: Option<&str>, findings: &mut Findings) -> Option<String> {
    let example = |partition: &str| format!("arn:{partition}:iam::123456789012:policy/boundary");
    arn(section, "permissions_boundary", (region, fault_of_policy), example, findings)
}

/// Tells of an id that is none; `prefix` is what ids of its kind begin with.
pub fn id(text: &str, prefix: &str, what: &str, pointer: &str, findings: &mut Findings) {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let is_id = digits.is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.chars().all(hexadecimal));
    if !is_id {
        let detail = format!("`{text}` is not {what}: `{prefix}-` and 8 or 17 of the digits `0` to `9` and `a` to `f`");
        findings.error("ID_INVALID", "A value is malformed", detail, pointer);
    }
}

/// The parts of an ARN behind its partition.
struct Parts<'a> {
    service: &'a str,
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

/// What is wrong with the parts, for people.
type Fault = fn(&Parts<'_>) -> Option<String>;

fn arn(
    section: &Reader<'_>,
    key: &str,
    (region, fault): (Option<&str>, Fault),
    example: impl FnOnce(&str) -> String,
    findings: &mut Findings,
) -> Option<String> {
    let arn = section.text(key, findings)?;
    let partition = region.and_then(Partition::of_region);
    let elsewhere = || elsewhere(&arn, partition.zip(region)?);
    let Some(why) = fault_of_arn(&arn, fault).or_else(elsewhere) else { return Some(arn) };
    let detail = format!("`{arn}`: {why}");
    let finding = findings.error("ARN_INVALID", "A value is malformed", detail, &section.at(key));
    finding.hints.push(format!("it looks like `{}`", example(partition.map_or("aws", |partition| partition.id))));
    None
}

/// No partition knows what another one has.
fn elsewhere(arn: &str, (partition, region): (&Partition, &str)) -> Option<String> {
    let named = arn.split(':').nth(1).unwrap_or_default();
    (named != partition.id)
        .then(|| format!("it is of the partition `{named}`, and `{region}` is in `{}`", partition.id))
}

fn fault_of_arn(arn: &str, fault: Fault) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", partition, service, region, account, resource] = parts.as_slice() else {
        return Some("it is not an ARN, which has six parts with colons between them".to_owned());
    };
    if Partition::of_id(partition).is_none() {
        return Some(format!("`{partition}` is no partition of AWS"));
    }
    let legal = || placeholder(resource).map(|part| format!("`{part}` is no name of anything"));
    fault(&Parts { service, region, account, resource }).or_else(legal)
}

fn fault_of_key(parts: &Parts<'_>) -> Option<String> {
    let alias = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    let is_key = match parts.resource.split_once('/') {
        Some(("key", id)) => is_key_id(id),
        Some(("alias", name)) => !name.is_empty() && name.chars().all(alias),
        _ => false,
    };
    if parts.service != "kms" {
        Some("it is not of the service `kms`".to_owned())
    } else if Partition::of_region(parts.region).is_none() {
        Some(format!("`{}` is not a region", parts.region))
    } else if !is_account(parts.account) {
        Some(not_an_account(parts.account))
    } else {
        (!is_key).then(|| format!("`{}` is not a key: `key/` and the key's id, of 36 characters", parts.resource))
    }
}

fn fault_of_policy(parts: &Parts<'_>) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let name = parts.resource.strip_prefix("policy/").map(|path| path.rsplit('/').next().unwrap_or(path));
    let is_policy = name.is_some_and(|name| (1..=128).contains(&name.len()) && name.chars().all(legal));
    if parts.service != "iam" || !parts.region.is_empty() {
        Some("it is not of the service `iam`, which has no region".to_owned())
    } else if parts.account != "aws" && !is_account(parts.account) {
        Some(not_an_account(parts.account))
    } else {
        (!is_policy).then(|| format!("`{}` is not a policy: `policy/`, a path or none, and a name", parts.resource))
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn not_an_account(text: &str) -> String {
    format!("`{text}` is not an account, which has 12 digits")
}

/// Such as `1234abcd-12ab-34cd-56ef-1234567890ab`; that of a key of several regions is `mrk-` and 32 digits.
fn is_key_id(id: &str) -> bool {
    let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(digits) = id.strip_prefix("mrk-") {
        return digits.len() == 32 && hexadecimal(digits);
    }
    let groups: Vec<&str> = id.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(|group| hexadecimal(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_looked_at_part_by_part() {
        let key = |arn: &str| fault_of_arn(arn, fault_of_key);
        for good in [
            "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws:kms:us-west-2:123456789012:alias/team/secrets",
        ] {
            assert_eq!(key(good), None, "{good}");
        }
        for (bad, part) in [
            ("key", "six parts"),
            ("arn:aws:kms:us-west-2:123456789012", "six parts"),
            ("arn:amazon:kms:us-west-2:123456789012:key/x", "`amazon`"),
            ("arn:aws:iam:us-west-2:123456789012:key/x", "`kms`"),
            ("arn:aws:kms:<region>:123456789012:key/x", "`<region>` is not a region"),
            ("arn:aws:kms:us-west-2:1234:key/x", "`1234` is not an account"),
            ("arn:aws:kms:us-west-2:123456789012:key/1234abcd", "`key/1234abcd` is not a key"),
            ("arn:aws:kms:us-west-2:123456789012:key/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "is not a key"),
        ] {
            let why = key(bad).unwrap_or_else(|| panic!("{bad} is taken"));
            assert!(why.contains(part), "{bad}: {why}");
        }
    }

    #[test]
    fn a_boundary_is_a_policy_of_the_account_or_of_aws() {
        let policy = |arn: &str| fault_of_arn(arn, fault_of_policy);
        for good in [
            "arn:aws:iam::111122223333:policy/site/DeveloperBoundary",
            "arn:aws:iam::aws:policy/PowerUserAccess",
            "arn:aws-cn:iam::111122223333:policy/b",
        ] {
            assert_eq!(policy(good), None, "{good}");
        }
        for (bad, part) in [
            ("arn:aws:iam::111122223333:role/b", "`role/b` is not a policy"),
            ("arn:aws:iam:us-west-2:111122223333:policy/b", "no region"),
            ("arn:aws:iam::ACCOUNT:policy/b", "`ACCOUNT` is not an account"),
            ("arn:aws:iam::111122223333:policy/CHANGEME", "`CHANGEME` is no name"),
            ("arn:aws:iam::111122223333:policy/<path>/b", "`<path>` is no name"),
            ("arn:aws:iam::111122223333:policy/", "is not a policy"),
        ] {
            let why = policy(bad).unwrap_or_else(|| panic!("{bad} is taken"));
            assert!(why.contains(part), "{bad}: {why}");
        }
    }
}
