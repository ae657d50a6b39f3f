//! The interface's own description (OpenAPI 3.1), and its reader.
//!
//! Paths come from the lines that make the routes, and answers from the types that make the answers. What the code
//! cannot say by its types is said here: the descriptor, which is parsed by hand to tell every mistake at once, and
//! which problems a route may answer with.

mod answers;
mod descriptor;
mod reader;
mod refusals;

use axum::{
    Extension,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, header::CONTENT_TYPE};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        RefOr,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

pub(super) use self::{
    answers::{Archive, Foretold, LinkedArchive, Minted, OfCondition, OfPart, OfToken, Validated},
    descriptor::{Descriptor, Draft, hello},
    reader::reader,
    refusals::{
        OfArchive, OfDescription, OfHealth, OfLink, OfLinkHead, OfLinkState, OfMetrics, OfMinting,
        OfReadiness, OfValidation, codes_of_archives,
    },
};

/// What the document says before any route is added.
#[derive(OpenApi)]
#[openapi(
    info(title = "ZipStream", description = INTRODUCTION),
    tags(
        (name = "archives", description = "A list of URLs in, one ZIP archive out, while its sources are being read."),
        (name = "links", description = "Short-lived links, to hand an archive to a browser."),
        (name = "operation", description = "What those who run the service ask."),
    ),
    components(schemas(super::problem::Document, super::routes::Link, super::validation::Validation)),
    modifiers(&Keys),
)]
struct Base;

/// Adds the API keys: whoever has none is known by its address.
struct Keys;

/// The name of the keys within the document.
const KEY: &str = "apiKey";

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let description = "A key of `zipstream key new`. It has a tier and counts of its own; without one a client has those \
             of its address.";
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(KEY, SecurityScheme::Http(key));
    }
}

/// The document's opening words.
const INTRODUCTION: &str = "Turns a list of URLs into one ZIP archive while it is being downloaded. Nothing is stored.\n\n\
    An archive with something missing is never well-formed: what can be known before the first byte is answered with a \
    status and a problem document (RFC 9457); a failure after it breaks the connection.";

/// The document, to which the routes add themselves.
pub(super) fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// The whole document, written down once.
#[derive(Clone)]
pub(super) struct Written(Bytes);

impl Written {
    /// Writes the document down.
    pub(super) fn new(mut document: utoipa::openapi::OpenApi) -> Written {
        name_requests(&mut document);
        // Strings, numbers and maps by strings: nothing in it can fail to be written.
        Written(serde_json::to_vec(&document).unwrap_or_default().into())
    }
}

/// Says of every answer that it names its request: `identify` lies around all routes, also around those whose answers are
/// described by their types alone.
fn name_requests(document: &mut utoipa::openapi::OpenApi) {
    let operations = document.paths.paths.values_mut().flat_map(|path| {
        [&mut path.delete, &mut path.get, &mut path.head, &mut path.post].into_iter().flatten()
    });
    for answer in operations.flat_map(|operation| operation.responses.responses.values_mut()) {
        if let RefOr::T(answer) = answer {
            answer.headers.entry("X-Request-Id".to_owned()).or_insert_with(|| answers::request_id().into());
        }
    }
}

/// Shows this description.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "operation",
    responses(OfDescription, (status = OK, description = "This document.", content_type = "application/json")),
)]
pub(super) async fn show_description(Extension(Written(document)): Extension<Written>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document).into_response()
}
