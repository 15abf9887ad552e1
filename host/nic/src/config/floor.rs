//! Places of the config that are secret whatever a component's schema says of them: it can seal more, and lift none of these.

/// Sections that hold logins, and what of each is none; everything else of it is sealed.
const SECTIONS: [(&str, &[&str]); 5] = [
    // Nebari's stages read these, no provider of NIC does.
    ("certificate", &["type"]),
    ("security", &[]),
    ("keycloak", &[]),
    ("terraform_state", &["type"]),
    // As `providers/initialize` reads it.
    ("external_container_reg", &["enabled"]),
];

/// Whether what stands at this RFC 6901 pointer, or above it, is sealed.
pub(super) fn is_sealed(pointer: &str) -> bool {
    let mut segments = pointer.split('/').skip(1);
    let section = segments.next().and_then(|name| SECTIONS.iter().find(|(section, _)| *section == name));
    match (section, segments.next()) {
        (Some((_, open)), Some(key)) => !open.contains(&key),
        _ => false,
    }
}

/// Whether the pointer is that of such a section itself, which is sealed when it is a value and no map.
pub(super) fn is_sealed_section(pointer: &str) -> bool {
    SECTIONS.iter().any(|(section, _)| pointer.strip_prefix('/') == Some(*section))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_sealed_and_what_says_whether_there_is_one_is_not() {
        for sealed in [
            "/security/keycloak/initial_root_password",
            "/security/authentication/config/client_secret",
            "/certificate/acme_email",
            "/external_container_reg/secret_access_key",
            "/external_container_reg/extcr_account",
        ] {
            assert!(is_sealed(sealed), "{sealed}");
        }
        for open in [
            "",
            "/",
            "/security",
            "/certificate/type",
            "/external_container_reg/enabled",
            "/amazon_web_services/region",
        ] {
            assert!(!is_sealed(open), "{open}");
        }
    }
}
