//! What must be asked before the graph is known.

use serde_json::Value;

use crate::error::Error;
use crate::types::Query;

/// Something that the graph is made from.
#[derive(Debug, PartialEq)]
pub enum Sought<T> {
    /// It is this.
    Known(T),
    /// It has to be asked for.
    Ask(Query),
}

impl<T> Sought<T> {
    /// The value; else its query joins the others.
    pub fn known_or_ask(self, queries: &mut Vec<Query>) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Ask(query) => {
                queries.push(query);
                None
            }
        }
    }
}

/// An argument of a query that is a text; empty when it is not there.
pub fn text_argument<'a>(query: &'a Query, name: &str) -> &'a str {
    query.arguments.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The answer to a query that the provider does not have.
pub fn unknown_query(name: &str) -> Error {
    Error::other("QUERY_UNKNOWN", format!("this provider has no query `{name}`"))
}
