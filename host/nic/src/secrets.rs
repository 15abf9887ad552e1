//! The config's secrets: values for the edge alone, keyed fingerprints for the engine and the state.

mod key;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use nic_cluster::kubernetes::SecretResolver;
use nic_core::secret::Fingerprints;
use nic_gate::SecretString;

use self::key::Key;
use crate::backend::Access;
use crate::backend::Stage;
use crate::config::typed::Secret;

/// Every secret of a config, by name.
#[derive(Clone, Default)]
pub struct Secrets(Arc<BTreeMap<String, SecretString>>);

impl Secrets {
    /// Those that were taken out of the config's sections.
    pub fn new(secrets: Vec<Secret>) -> Self {
        Self(Arc::new(secrets.into_iter().map(|(name, value)| (name, SecretString::new(value))).collect()))
    }

    /// For the edge, where values are put in.
    pub fn resolver(&self) -> SecretResolver {
        let secrets = self.0.clone();
        SecretResolver::new(move |name| secrets.get(name).cloned())
    }

    /// Fingerprints with the key that is kept in the state's private directory. Who writes the state makes a key where none can be read; who
    /// only reads takes a passing one, with which nothing that is recorded can be compared.
    ///
    /// # Errors
    /// The key that was made cannot be kept.
    pub fn kept_fingerprints(&self, stage: &Stage, access: Access) -> io::Result<Fingerprints> {
        if self.0.is_empty() {
            return Ok(Fingerprints::new());
        }
        let private = stage.private();
        let key = match (private.as_deref().and_then(Key::read_in), access) {
            (Some(key), _) => key,
            (None, Access::Read) => Key::random()?,
            (None, Access::Write) => Key::make_in(&private.ok_or(io::ErrorKind::NotFound)?)?,
        };
        Ok(self.fingerprints(&key))
    }

    fn fingerprints(&self, key: &Key) -> Fingerprints {
        let of = |(name, value): (&String, &SecretString)| Some((name.clone(), key.fingerprint(name, value)?));
        self.0.iter().filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use nic_core::document::hex;
    use nic_core::resource::Record;
    use nic_core::secret::accepted;
    use nic_core::state::{State, format_v1};
    use proptest::prelude::*;
    use serde_json::json;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::backend::StateLocation;

    fn secrets(values: &[(&str, &str)]) -> Secrets {
        Secrets::new(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn the_key_is_made_by_who_writes_and_kept_from_everyone_else() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateLocation::from(&directory.path().join("deep/nic-state.json")).stage();
        let one = secrets(&[("a", "x")]);
        // A plan leaves nothing behind, and cannot be compared with the next.
        let passing = one.kept_fingerprints(&state, Access::Read).unwrap();
        assert!(!directory.path().join("deep").exists());
        assert_ne!(passing, one.kept_fingerprints(&state, Access::Read).unwrap());

        let kept = one.kept_fingerprints(&state, Access::Write).unwrap();
        assert_eq!(one.kept_fingerprints(&state, Access::Read).unwrap(), kept);
        assert_eq!(one.kept_fingerprints(&state, Access::Write).unwrap(), kept);
        let private = directory.path().join("deep/nic-state.json.private");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&private), mode(&private.join("fingerprint-key"))), (0o700, 0o600));
        assert_eq!(std::fs::read_to_string(private.join(".gitignore")).unwrap(), "*\n");

        // Damaged is lost: a new one is made, with which nothing that is recorded can be compared.
        std::fs::write(private.join("fingerprint-key"), "short").unwrap();
        let again = one.kept_fingerprints(&state, Access::Write).unwrap();
        let changes =
            nic_core::secret::changes(&json!({"$secret": "a"}), &accepted(&json!({"$secret": "a"}), &kept), &again);
        assert_eq!(changes["a"], nic_core::secret::SecretChange::Unclear);
        assert_eq!(one.kept_fingerprints(&state, Access::Read).unwrap(), again);

        // What somebody else could read or put there is no key, and a link is not written through.
        std::fs::set_permissions(private.join("fingerprint-key"), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_ne!(one.kept_fingerprints(&state, Access::Read).unwrap(), again);
        let other = directory.path().join("other");
        std::fs::write(&other, "untouched").unwrap();
        for name in [".gitignore", "fingerprint-key"] {
            std::fs::remove_file(private.join(name)).unwrap();
            std::os::unix::fs::symlink(&other, private.join(name)).unwrap();
        }
        let kept = one.kept_fingerprints(&state, Access::Write).unwrap();
        assert_eq!(one.kept_fingerprints(&state, Access::Read).unwrap(), kept);
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "untouched");
        std::fs::rename(&private, directory.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), &private).unwrap();
        assert!(one.kept_fingerprints(&state, Access::Write).is_err());
    }

    #[test]
    fn a_config_without_secrets_leaves_no_key() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateLocation::from(&directory.path().join("nic-state.json")).stage();
        assert_eq!(secrets(&[]).kept_fingerprints(&state, Access::Write).unwrap(), Fingerprints::new());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    proptest! {
        #[test]
        fn the_state_holds_neither_a_value_nor_what_can_be_made_of_it_without_the_key(
            value in "[ -~]{4,16}",
            lineage in "[0-9a-f]{32}",
        ) {
            let key = Key::random().unwrap();
            let document = json!({"password": {"$secret": "section/password"}});
            let one = secrets(&[("section/password", &value), ("section/other", &value)]);
            let fingerprints = one.fingerprints(&key);
            prop_assert_ne!(&fingerprints["section/password"], &fingerprints["section/other"]);
            prop_assert_eq!(&fingerprints, &one.fingerprints(&key));
            let record = Record {
                address: "a.b.c".parse().unwrap(),
                kind: "a.b".to_owned(),
                remote_id: None,
                attributes: json!({}),
                baseline: document.clone(),
                dependencies: std::collections::BTreeSet::new(),
                secrets: accepted(&document, &fingerprints),
                pending: None,
                imported: false,
                external: false,
                schema_version: 1,
                component_digest: String::new(),
                state_path: "cloud.things[]".to_owned(),
                name_suffix: None,
                deposed: None,
                shared: false,
                unknown: serde_json::Map::new(),
            };
            let mut state = State::empty("a", "p", "dev", "classic", &lineage, "2026-01-01T00:00:00Z");
            state.records.insert(record.address.clone(), record);
            let text = String::from_utf8(format_v1::encode(&state).unwrap()).unwrap();
            prop_assert_eq!(format_v1::decode(text.as_bytes()).unwrap(), state);
            let quoted = serde_json::to_string(&value).unwrap();
            prop_assert!(!text.contains(&quoted));
            let named = format!("section/password{value}");
            for guess in [&value, &named] {
                prop_assert!(!text.contains(&hex(&Sha256::digest(guess.as_bytes()))));
                for known in ["", &lineage] {
                    let guessed = Key::from_bytes(known.as_bytes()).fingerprint("section/password", &SecretString::new(guess));
                    let hash = guessed.unwrap().to_string();
                    prop_assert!(!text.contains(hash.split_once(':').unwrap().1));
                }
            }
        }
    }
}
