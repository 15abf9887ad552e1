//! What a request asks a cloud for, and what that does.

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Shows something.
    Read,
    /// Changes something.
    Mutate,
    /// Answers a secret: for the host alone.
    Secret,
}

/// One action of a cloud's catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The service, as grants call it.
    pub service: &'static str,
    pub name: &'static str,
    /// What it does.
    pub class: Class,
    /// Why, where the name does not tell.
    pub why: &'static str,
}

impl Action {
    /// Service and name, as grants write them.
    pub fn qualified(&self) -> String {
        format!("{}:{}", self.service, self.name)
    }
}
