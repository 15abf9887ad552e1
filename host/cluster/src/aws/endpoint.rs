//! From where a cluster in EKS lets anybody in.

use serde::Deserialize;

use crate::Reach;

/// Networks that are everybody's.
const EVERYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// The keys of the config that decide it, in both dialects, as RFC 6901 pointers.
const ACCESS: &str = "/amazon_web_services/eks_endpoint_access";
const NETWORKS: &str = "/amazon_web_services/eks_public_access_cidrs";

/// What EKS says of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointAccess {
    endpoint_public_access: Option<bool>,
    #[serde(default)]
    endpoint_private_access: bool,
    #[serde(default)]
    public_access_cidrs: Vec<String>,
}

impl EndpointAccess {
    /// None where it is reached from everywhere, or EKS does not say.
    pub(super) fn reach(&self) -> Option<Reach> {
        if !self.endpoint_public_access? {
            return Some(Reach {
                words: "its endpoint is private: it lets in its VPC, and what is connected to that, and nobody else"
                    .to_owned(),
                pointer: ACCESS.to_owned(),
                hint: "run NIC where the VPC is reached (a machine in it, a VPN), or set `eks_endpoint_access: public_and_private`"
                    .to_owned(),
            });
        }
        let networks = &self.public_access_cidrs;
        if networks.is_empty() || networks.iter().any(|network| EVERYWHERE.contains(&network.as_str())) {
            return None;
        }
        let besides = if self.endpoint_private_access { ", and its VPC" } else { "" };
        Some(Reach {
            words: format!("its public endpoint lets in {} alone{besides} (`eks_public_access_cidrs`)", networks.join(", ")),
            pointer: NETWORKS.to_owned(),
            hint: "add the public address that this machine comes from (`curl https://checkip.amazonaws.com`) with `/32` to \
                   `eks_public_access_cidrs`, or run NIC where one of the networks is"
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn reach(said: Value) -> Option<Reach> {
        serde_json::from_value::<EndpointAccess>(said).unwrap().reach()
    }

    #[test]
    fn whatever_is_not_open_to_everybody_is_told_with_its_key() {
        for open in [
            json!({}),
            json!({ "endpointPublicAccess": true }),
            json!({ "endpointPublicAccess": true, "publicAccessCidrs": ["203.0.113.7/32", "0.0.0.0/0"] }),
        ] {
            assert_eq!(reach(open.clone()), None, "{open}");
        }
        let private =
            reach(json!({ "endpointPublicAccess": false, "endpointPrivateAccess": true, "publicAccessCidrs": [] }));
        let private = private.unwrap();
        assert!(private.words.contains("private") && private.hint.contains("eks_endpoint_access"), "{private:?}");
        assert_eq!(private.pointer, ACCESS);
        let listed = json!({ "endpointPublicAccess": true, "publicAccessCidrs": ["8.8.8.8/32", "9.9.9.0/24"] });
        let mut both = listed.clone();
        both["endpointPrivateAccess"] = json!(true);
        let told = |said: Value| reach(said).unwrap();
        assert_eq!(
            told(listed).words,
            "its public endpoint lets in 8.8.8.8/32, 9.9.9.0/24 alone (`eks_public_access_cidrs`)"
        );
        assert!(told(both.clone()).words.contains("9.9.9.0/24 alone, and its VPC"));
        assert_eq!(told(both).pointer, NETWORKS);
    }
}
