//! One rule: one protocol, one range of ports, one peer. EC2 shows several peers together; here they stand apart, so that
//! the order and grouping AWS chooses are no difference.

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use nic_sdk::schema::{Normalise, Schema, boolean, integer, object, string};
use serde::{Deserialize, Serialize};

/// A rule; exactly one of the five peers is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_cidr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_group_id: Option<String>,
    /// The group itself: it cannot be referred to by an id that it does not have yet.
    #[serde(rename = "self", skip_serializing_if = "std::ops::Not::not")]
    own: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_list_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl Rule {
    /// What EC2 gives every new group: all traffic may leave.
    pub fn all_out() -> Self {
        Self { protocol: "-1".to_owned(), cidr: Some("0.0.0.0/0".to_owned()), ..Self::default() }
    }

    /// The description, if it has one.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Whether both let the same traffic through, whatever they are called.
    pub fn allows_the_same(&self, other: &Self) -> bool {
        let unnamed = |rule: &Self| Self { description: None, ..rule.clone() };
        unnamed(self) == unnamed(other)
    }

    /// The rules in a permission as EC2 shows it; `group` is the id of the group that has them.
    pub fn from_ec2(permission: &IpPermission, group: &str) -> Vec<Self> {
        let protocol = permission.ip_protocol().unwrap_or("-1");
        // Ports mean nothing when every protocol is meant; some answers carry -1 or 0 there.
        let port = |port: Option<i32>| port.filter(|_| protocol != "-1");
        let rule = |description: Option<&str>| Self {
            protocol: protocol.to_owned(),
            from_port: port(permission.from_port()),
            to_port: port(permission.to_port()),
            description: description.filter(|text| !text.is_empty()).map(str::to_owned),
            ..Self::default()
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let ranges = permission.ip_ranges().iter();
        let ranges = ranges.map(|range| Self { cidr: owned(range.cidr_ip()), ..rule(range.description()) });
        let ipv6 = permission.ipv6_ranges().iter();
        let ipv6 = ipv6.map(|range| Self { ipv6_cidr: owned(range.cidr_ipv6()), ..rule(range.description()) });
        let groups = permission.user_id_group_pairs().iter();
        let groups = groups.map(|pair| {
            let own = pair.group_id() == Some(group);
            let security_group_id = owned(pair.group_id()).filter(|_| !own);
            Self { security_group_id, own, ..rule(pair.description()) }
        });
        let lists = permission.prefix_list_ids().iter();
        let lists = lists.map(|list| Self { prefix_list_id: owned(list.prefix_list_id()), ..rule(list.description()) });
        ranges.chain(ipv6).chain(groups).chain(lists).collect()
    }

    /// The rule as EC2 takes it, of the group with this id.
    pub fn to_ec2(&self, group: &str) -> IpPermission {
        let permission = IpPermission::builder().ip_protocol(&self.protocol);
        let mut permission = permission.set_from_port(self.from_port).set_to_port(self.to_port);
        let description = self.description.clone();
        if let Some(cidr) = &self.cidr {
            permission = permission.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(description).build());
        } else if let Some(cidr) = &self.ipv6_cidr {
            permission =
                permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).set_description(description).build());
        } else if let Some(id) = self.security_group_id.as_deref().or(self.own.then_some(group)) {
            let pair = UserIdGroupPair::builder().group_id(id).set_description(description);
            permission = permission.user_id_group_pairs(pair.build());
        } else if let Some(id) = &self.prefix_list_id {
            let list = PrefixListId::builder().prefix_list_id(id).set_description(description);
            permission = permission.prefix_list_ids(list.build());
        }
        permission.build()
    }
}

/// The JSON Schema of a rule.
pub fn schema() -> Schema {
    object()
        .required("protocol", string())
        .optional("from_port", integer())
        .optional("to_port", integer())
        .optional("cidr", string().normalise(Normalise::Cidr))
        .optional("ipv6_cidr", string().normalise(Normalise::Cidr))
        .optional("security_group_id", string())
        .optional("self", boolean().description("The group itself."))
        .optional("prefix_list_id", string())
        .optional("description", string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_that_ec2_groups_stand_apart_and_go_back() {
        let permission = IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(443)
            .to_port(443)
            .ip_ranges(IpRange::builder().cidr_ip("10.0.0.0/8").description("inside").build())
            .ip_ranges(IpRange::builder().cidr_ip("192.168.0.0/16").description("").build())
            .user_id_group_pairs(UserIdGroupPair::builder().group_id("sg-1").build())
            .user_id_group_pairs(UserIdGroupPair::builder().group_id("sg-own").build())
            .build();
        let rules = Rule::from_ec2(&permission, "sg-own");
        assert_eq!(rules.len(), 4);
        assert_eq!(rules[2].security_group_id.as_deref(), Some("sg-1"));
        assert!(rules[3].own && rules[3].security_group_id.is_none());
        assert_eq!(rules[0].description(), Some("inside"));
        assert_eq!(rules[1].description(), None);
        for rule in rules {
            assert_eq!(Rule::from_ec2(&rule.to_ec2("sg-own"), "sg-own"), [rule]);
        }
        let all = IpPermission::builder().ip_protocol("-1").from_port(0).to_port(0);
        let all = all.ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build()).build();
        assert_eq!(
            serde_json::to_value(Rule::from_ec2(&all, "sg-own")).unwrap(),
            serde_json::json!([{ "protocol": "-1", "cidr": "0.0.0.0/0" }])
        );
    }
}
