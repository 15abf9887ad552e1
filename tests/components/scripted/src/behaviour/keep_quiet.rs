//! `keep-quiet`: makes the thing without telling its id to the journal, so that a lost answer leaves an orphan to be found.
//! Only in `create`.

use serde::Deserialize;

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepQuiet {}
