//! Values that were left to be filled in, and ids that nothing can have.

use crate::calls::context;
use nic_provider_aws::Aws;
use nic_sdk::provider::Provider;
use nic_sdk::types::{Diagnostic, Severity};
use serde_json::{Value, json};

const ACCOUNT: &str = "123456789012";

fn errors(members: &Value) -> Vec<Diagnostic> {
    let mut section = json!({ "region": "us-west-2", "kubernetes_version": "1.34" });
    section.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let found = Aws::validate(&context(), &json!({ "amazon_web_services": section })).unwrap();
    found.into_iter().filter(|one| one.severity == Severity::Error).collect()
}

/// The one error about the value of a key: its code, and all its hints.
fn one(key: &str, value: &str) -> (String, String) {
    let found = errors(&json!({ key: value }));
    let [one] = found.as_slice() else { panic!("`{value}`: {found:?}") };
    assert_eq!(one.pointer.as_deref(), Some(format!("/amazon_web_services/{key}").as_str()));
    assert!(one.detail.contains(&format!("`{value}`")), "{}", one.detail);
    (one.code.clone(), one.hints.join("; "))
}

#[test]
fn what_was_left_to_be_filled_in_is_named() {
    for (key, code, value, part) in [
        ("region", "REGION_INVALID", "CHANGEME", "CHANGEME"),
        ("region", "REGION_INVALID", "<region>", "<region>"),
        ("eks_kms_arn", "ARN_INVALID", "${KMS_KEY_ARN}", "${KMS_KEY_ARN}"),
        ("eks_kms_arn", "ARN_INVALID", "arn:aws:kms:us-west-2:<account>:key/<key>", "<account>"),
        (
            "eks_kms_arn",
            "ARN_INVALID",
            "arn:aws:kms:us-west-2:123456789012:key/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
            "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        ),
        ("permissions_boundary", "ARN_INVALID", "arn:aws:iam::ACCOUNT_ID:policy/CHANGE_ME", "CHANGE_ME"),
        ("permissions_boundary", "ARN_INVALID", "arn:aws:iam::123456789012:policy/CHANGEME", "CHANGEME"),
        ("vpc_cidr_block", "CIDR_INVALID", "<cidr>", "<cidr>"),
    ] {
        let (found, hints) = one(key, value);
        assert_eq!(found, code, "{value}");
        let words = format!("`{part}` was left to be filled in: write the value itself");
        assert!(hints.contains(&words), "{value}: {hints}");
    }
}

#[test]
fn an_account_has_twelve_digits() {
    for account in ["", "12345678901", "1234567890123", "12345678901a", "aws"] {
        let (code, hints) = one("eks_kms_arn", &format!("arn:aws:kms:us-west-2:{account}:key/{}", "0".repeat(36)));
        assert_eq!(code, "ARN_INVALID", "{account}");
        assert!(hints.starts_with("it looks like `arn:aws:kms:"), "{hints}");
    }
    assert_eq!(one("permissions_boundary", "arn:aws:iam::1111:policy/b").0, "ARN_INVALID");
    for good in ["aws", ACCOUNT] {
        assert_eq!(errors(&json!({ "permissions_boundary": format!("arn:aws:iam::{good}:policy/b") })), []);
    }
}

#[test]
fn ids_have_eight_or_seventeen_digits() {
    let existing = |subnet: &str, group: &str| {
        let found =
            errors(&json!({ "existing_subnet_ids": ["subnet-0a1b2c3d", subnet], "existing_security_group_id": group }));
        let found = found.into_iter().map(|one| {
            (one.code, one.pointer.unwrap_or_default().replace("/amazon_web_services/", ""), one.hints.concat())
        });
        found.collect::<Vec<_>>()
    };
    let long = "0123456789abcdef0";
    assert_eq!(existing(&format!("subnet-{long}"), &format!("sg-{long}")), []);
    let id = |place: &str, hint: &str| ("ID_INVALID".to_owned(), place.to_owned(), hint.to_owned());
    for subnet in ["subnet-", "subnet-12345", "subnet-0123456789abcdef", "subnet-0A1B2C3D", "sg-0a1b2c3d"] {
        assert_eq!(existing(subnet, "sg-0a1b2c3d"), [id("existing_subnet_ids/1", "")], "{subnet}");
    }
    let hint = "`sg-xxxxxxxx` was left to be filled in: write the value itself";
    assert_eq!(existing("subnet-0a1b2c3e", "sg-xxxxxxxx"), [id("existing_security_group_id", hint)]);
}
