//! Which instance types are offered where: missing on ministack, and on moto beyond the standard partition.

use std::fmt::Write as _;

use crate::aws::front::Shared;
use crate::aws::front::answer::{Answer, Outcome, escape, request_id};
use crate::aws::front::call::Call;
use crate::aws::front::partition::Partition;

/// Families that every zone here has.
const FAMILIES: [&str; 17] =
    ["t3", "t3a", "m5", "m5a", "m6i", "m7i", "c5", "c6i", "r5", "r6i", "g4dn", "g5", "p3", "i3", "m7g", "g5g", "inf2"];

/// The emulator's answer, or one of our own where it has none.
pub(super) async fn describe(shared: &Shared, call: &Call) -> Outcome<Answer> {
    let answer = shared.upstream.forward(call).await?;
    if answer.succeeded() && Partition::of(shared.upstream.region()).id == "aws" {
        return Ok(answer);
    }
    let zones = shared.upstream.ec2_items("DescribeAvailabilityZones", "availabilityZoneInfo", &[]).await?;
    let zones: Vec<&str> = zones.iter().filter_map(|zone| zone["zoneName"].as_str()).collect();
    let types = (1..).map_while(|index| {
        let name = call.form.get(&format!("Filter.{index}.Name"))?;
        Some((name.as_str(), call.list(&format!("Filter.{index}.Value"))))
    });
    let types: Vec<&str> = types.filter(|(name, _)| *name == "instance-type").flat_map(|(_, values)| values).collect();
    let offered =
        types.into_iter().filter(|of| of.split_once('.').is_some_and(|(family, _)| FAMILIES.contains(&family)));
    let items = offered.fold(String::new(), |mut items, of| {
        for zone in &zones {
            let _ = write!(
                items,
                "<item><instanceType>{}</instanceType><locationType>availability-zone</locationType><location>{zone}</location></item>",
                escape(of)
            );
        }
        items
    });
    let id = request_id();
    Ok(Answer::xml(
        200,
        format!(
            "<DescribeInstanceTypeOfferingsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{id}</requestId>\
             <instanceTypeOfferingSet>{items}</instanceTypeOfferingSet></DescribeInstanceTypeOfferingsResponse>"
        ),
    ))
}
