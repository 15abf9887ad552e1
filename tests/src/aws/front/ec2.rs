//! EC2, repaired: what is refused, what is not found, and what is not seen yet.
//!
//! Both emulators: dry runs and tokens (see the steps of the front), things in use, a second internet gateway, filters
//! that do not exist or that the emulator ignores, tags reserved for AWS, NAT gateways that take their time. ministack besides: references to things that do
//! not exist, CIDR blocks, routes, associations and rules that clash, descriptions by id of what is not there.

mod cidr;
mod describe;
mod group;
mod kind;
pub(crate) mod nat;
mod network;
mod offer;

use super::Shared;
use super::answer::{Answer, Outcome};
use super::call::Call;
use crate::aws::locked;
use kind::Kind;

/// Answers a call to EC2.
pub(crate) async fn handle(shared: &Shared, call: &Call, inspector: bool) -> Outcome<Answer> {
    if !call.mutating {
        return match Kind::described_by(&call.action) {
            Some(kind) => describe::handle(shared, call, kind, inspector).await,
            None if call.action == "DescribeInstanceTypeOfferings" => offer::describe(shared, call).await,
            None => shared.upstream.forward(call).await,
        };
    }
    network::check_references(shared, call, inspector).await?;
    network::check_tags(call)?;
    group::check(shared, call).await?;
    nat::check(shared, call).await?;
    if let Some(answer) = network::check(shared, call).await? {
        return Ok(answer);
    }
    if let Some(answer) = group::describe(shared, call).await? {
        return Ok(answer);
    }
    if let Some(answer) = nat::delete(shared, call).await? {
        return Ok(answer);
    }
    let answer = shared.upstream.forward(call).await?;
    if answer.succeeded() {
        if let Some(id) = Kind::created_by(call, &answer) {
            locked(&shared.hidden).created(&id);
            nat::created(shared, call, &id).await?;
        }
        network::after(shared, call).await?;
    }
    Ok(answer)
}
