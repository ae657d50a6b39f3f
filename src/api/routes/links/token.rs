//! The token in a request's path.

use std::sync::Arc;

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, Path},
};
use http::request::Parts;

use crate::{
    api::{Problem, State},
    links,
};

/// The token in the path; whatever is none is a link that does not exist.
pub(in crate::api::routes) struct Token(pub(super) links::Token);

impl FromRequestParts<Arc<State>> for Token {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<State>) -> Result<Token, Problem> {
        let text = parts.extract::<Path<String>>().await.ok();
        text.and_then(|Path(text)| links::Token::parse(&text)).map(Token).ok_or_else(Problem::link_not_found)
    }
}
