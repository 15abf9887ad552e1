//! What is there now.

use nic_sdk::Error;
use nic_sdk::types::{Context, Observation, Status, Target};

use super::answers::{grow, grown, lies, with_findings};
use crate::behaviour::Place;
use crate::behaviour::overgrow::What;
use crate::script::{Script, When};
use crate::thing;

/// The answer for one target, which the script may make none or many.
pub(super) async fn read(context: &Context, target: Target) -> Result<Vec<Observation>, Error> {
    let script = Script::of(&target.document)?;
    let steps = script.on("read")?;
    let place = Place { server: &script.server, config: &script.loot };
    let findings = steps.act(When::Before, &place).await?;
    let seen = match honestly(context, &target, &script).await {
        Ok(seen) => with_findings(seen, &findings),
        Err(error) => Observation::unreadable(&target.address, error),
    };
    let seen = grow(&steps, seen);
    if let Some(growth) = grown(&steps, What::Observations) {
        return Ok(vec![seen; growth.count()]);
    }
    Ok(match lies(&steps).next() {
        Some(lie) => lie.falsify_read(seen),
        None => vec![seen],
    })
}

/// By remote id; without one by name where that is unique, else by owner.
async fn honestly(context: &Context, target: &Target, script: &Script) -> Result<Observation, Error> {
    let (address, ours) = (&target.address, &target.document["script"]);
    if let Some(id) = &target.remote_id {
        let thing = script.server.get(id).await?;
        return Ok(thing.map_or_else(|| Observation::absent(address), |thing| thing::observed(address, &thing, ours)));
    }
    let owner = thing::owner(context, address);
    if thing::Kind::of(&target.kind) != thing::Kind::Named {
        return Ok(thing::found(address, &script.server.find("owner", &owner).await?, ours));
    }
    let name = target.document["name"].as_str().unwrap_or_default();
    let things = script.server.find("name", name).await?;
    match things.first().filter(|thing| thing["owner"] != owner.as_str()) {
        Some(_) => Ok(Observation::absent(address).status(Status::Foreign(format!("`{name}` is not ours")))),
        None => Ok(thing::found(address, &things, ours)),
    }
}
