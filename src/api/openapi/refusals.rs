//! Which problems each route may answer with.
//!
//! The statuses are those of `api::problem`; a test holds the two together. Every status tells its codes, so that a client
//! generated from the document knows them, and a tester that reads it finds those it does not name.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::{
    IntoResponses,
    openapi::{
        AllOfBuilder, ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, schema::Type,
    },
};

use super::answers::{number, text, with_rate_limit};

/// A status and its codes.
type Group = &'static [(u16, &'static [&'static str])];

/// Whatever is asked.
const ANYTHING: Group = &[(500, &["internal_error"]), (503, &["overloaded"])];

/// What a service that ends refuses.
const WORK: Group = &[(503, &["draining"])];

/// A request that this service sent itself.
const LOOP: Group = &[(400, &["forbidden_url"])];

/// A JSON document that is posted.
const BODY: Group = &[
    (400, &["invalid_json"]),
    (408, &["body_timeout"]),
    (413, &["body_too_large"]),
    (415, &["unsupported_media_type"]),
];

/// A descriptor.
const DESCRIPTOR: Group = &[(
    400,
    &[
        "duplicate_key",
        "duplicate_zip_path",
        "forbidden_url",
        "invalid_descriptor",
        "invalid_filename",
        "invalid_header",
        "invalid_url",
        "invalid_zip_path",
        "missing_field",
        "no_files",
        "too_many_files",
        "unknown_field",
        "unsupported_compression",
    ],
)];

/// Sources that fail before the first byte.
const SOURCES: Group = &[
    (400, &["forbidden_url"]),
    (413, &["archive_too_large"]),
    (
        502,
        &[
            "forbidden_url",
            "source_changed",
            "source_mismatch",
            "source_protocol",
            "source_status",
            "source_tls",
            "source_truncated",
            "source_unreachable",
            "too_many_redirects",
        ],
    ),
    (504, &["source_timeout"]),
];

/// A client that is known by its key or its address, and sends no more than it may.
const CLIENT: Group = &[(401, &["invalid_api_key"]), (429, &["rate_limited"])];

/// What a client has so many of in an hour; of some only with a key.
const QUOTA: Group = &[(401, &["api_key_required"]), (429, &["rate_limited"])];

/// What a client has so many of at the same time.
const PLACES: Group = &[(429, &["too_many_archives"])];

/// More requests from one address than it may send.
const FLOOD: Group = &[(429, &["rate_limited"])];

/// A token, which may lead nowhere, and what keeps links, which may be out of reach.
const LINK: Group = &[(404, &["link_not_found"]), (503, &["state_unavailable"])];

/// A condition that does not hold.
const CONDITION: Group = &[(412, &["precondition_failed"])];

/// A part that is not there.
const PART: Group = &[(416, &["range_not_satisfiable"])];

/// A link that is to be kept.
const KEPT: Group = &[(503, &["state_unavailable"])];

/// A path at which there may be nothing.
const NOTHING: Group = &[(404, &["not_found"])];

/// The codes with which an archive can end otherwise than whole, those of the service itself first.
pub(in crate::api) fn codes_of_archives() -> impl Iterator<Item = &'static str> {
    [ANYTHING, SOURCES].into_iter().flatten().flat_map(|(_, codes)| codes.iter().copied())
}

/// Names the problems of routes.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $($group:ident),+;)+) => { $(
        $(#[$doc])*
        pub(in crate::api) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                described(&[$($group),+])
            }
        }
    )+ };
}

refusals! {
    /// The problems of the document itself.
    OfDescription: ANYTHING;
    /// The problems of liveness.
    OfHealth: ANYTHING;
    /// The problems of a link that is used.
    OfLink: ANYTHING, WORK, LOOP, FLOOD, PLACES, LINK, DESCRIPTOR, SOURCES, CONDITION, PART;
    /// The problems of a link that is looked after.
    OfLinkState: ANYTHING, LOOP, FLOOD, LINK;
    /// The problems of a link that is to be made.
    OfMinting: ANYTHING, WORK, LOOP, CLIENT, QUOTA, BODY, DESCRIPTOR, KEPT;
    /// The problems of a scrape.
    OfMetrics: ANYTHING, NOTHING;
    /// The problems of a validation: all that is wrong with a descriptor is its answer, once it is one.
    OfValidation: ANYTHING, WORK, LOOP, CLIENT, QUOTA, BODY, DESCRIPTOR;
    /// The problems of readiness.
    OfReadiness: ANYTHING, WORK;
}

/// The problems of an archive that is asked for by its descriptor. Those of its sources tell what is left after it.
pub(in crate::api) struct OfArchive;

impl IntoResponses for OfArchive {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut answers =
            described(&[ANYTHING, WORK, LOOP, CLIENT, QUOTA, PLACES, BODY, DESCRIPTOR, SOURCES]);
        for (status, _) in SOURCES {
            if let Some(RefOr::T(answer)) = answers.get_mut(&status.to_string()) {
                answer.headers.extend(with_rate_limit(ResponseBuilder::new()).build().headers);
            }
        }
        answers
    }
}

/// The problems of a link whose headers alone are asked for: without their documents.
pub(in crate::api) struct OfLinkHead;

impl IntoResponses for OfLinkHead {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut answers =
            described(&[ANYTHING, WORK, LOOP, FLOOD, PLACES, LINK, DESCRIPTOR, SOURCES, CONDITION]);
        for answer in answers.values_mut() {
            if let RefOr::T(answer) = answer {
                answer.content.clear();
            }
        }
        answers
    }
}

/// The answers of these groups, by status.
fn described(groups: &[Group]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<&str>>::new();
    for (status, codes) in groups.iter().copied().flatten() {
        by_status.entry(*status).or_default().extend(*codes);
    }
    let answer = |(status, mut codes): (u16, Vec<&'static str>)| {
        codes.sort_unstable();
        codes.dedup();
        (status.to_string(), refusal(status, &codes).into())
    };
    by_status.into_iter().map(answer).collect()
}

/// The answer of a status: the problem document with one of its codes.
fn refusal(status: u16, codes: &[&'static str]) -> Response {
    let narrowed = ObjectBuilder::new()
        .property(
            "code",
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes.iter().copied())),
        )
        .property(
            "status",
            ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([u64::from(status)])),
        );
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(narrowed);
    let title = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let example = json!({
        "type": "about:blank", "title": title, "status": status, "code": codes.first(),
        "detail": "What is wrong, where, and what to do.", "requestId": "0199f3a0-5c1e-7c3b-9d2e-6a1f0c2b4d5e",
    });
    let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
    let answer = ResponseBuilder::new()
        .description(codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", "))
        .content("application/problem+json", content);
    let retry = || number("Seconds after which to ask again.", 5);
    let answer = match status {
        416 => answer.header("Content-Range", text("How many octets there are.", "bytes */5000")),
        401 => answer.header("WWW-Authenticate", text("How to say who asks.", "Bearer")),
        429 => with_rate_limit(answer).header("Retry-After", retry()),
        503 => answer.header("Retry-After", retry()),
        _ => answer,
    };
    answer.build()
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;
    use crate::{
        api::Problem,
        archive::{Failure, Reason},
        egress, fetch, plan,
    };

    /// Problems of every status but those that a descriptor alone can have.
    fn problems() -> Vec<Problem> {
        let source = |error| Problem::from(Failure { reason: Reason::Source(error), entry: None });
        let forbidden =
            |redirected| fetch::Error::Forbidden { refusal: egress::Reason::Address.into(), redirected };
        vec![
            Problem::body_timeout(),
            Problem::body_too_large(1),
            Problem::broken_body(),
            Problem::draining(),
            Problem::internal(),
            Problem::looped(),
            Problem::overloaded(),
            Problem::unsupported_media_type(""),
            Failure { reason: plan::TooLarge { limit: 1 }.into(), entry: None }.into(),
            source(fetch::Error::Changed("")),
            source(fetch::Error::Exhausted),
            source(fetch::Error::Unproven("")),
            source(forbidden(true)),
            source(forbidden(false)),
            source(fetch::Error::NoSuchName),
            source(fetch::Error::Protocol("")),
            source(fetch::Error::Timeout("")),
            source(fetch::Error::Tls("")),
            source(fetch::Error::TooManyRedirects(1)),
            source(fetch::Error::Truncated),
            source(fetch::Error::Unreachable("")),
        ]
    }

    #[test]
    fn every_problem_of_an_archive_is_described_under_its_status_and_says_what_is_left() {
        let answers = serde_json::to_value(OfArchive::responses()).unwrap();
        for problem in problems() {
            let code = problem.code();
            let status = problem.into_response().status();
            let described = answers[status.as_str()]["description"].as_str().unwrap_or_default();
            assert!(described.contains(&format!("`{code}`")), "{status} {code}: {described}");
        }
        for status in ["413", "429", "502", "504"] {
            assert!(answers[status]["headers"]["RateLimit"].is_object(), "{status}");
        }
    }
}
