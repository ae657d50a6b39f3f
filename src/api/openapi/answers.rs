//! Answers that are no JSON, and what all answers carry.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::{
    IntoParams, IntoResponses,
    openapi::{
        Content, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required, Response,
        ResponseBuilder,
        header::Header,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{KnownFormat, SchemaFormat, Type},
    },
};

/// The answer that is an archive.
pub(in crate::api) struct Archive;

impl IntoResponses for Archive {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        answer("200", with_rate_limit(archive()))
    }
}

/// The answer that is a link's archive: whoever made the link has spent for it.
pub(in crate::api) struct LinkedArchive;

impl IntoResponses for LinkedArchive {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut answers = answer("200", in_parts(archive()));
        let range = text("Which octets of how many.", "bytes 1000-1999/5000");
        let part = archive().description("The part of the archive that `Range` asks for.");
        answers.extend(answer("206", in_parts(part).header("Content-Range", range)));
        answers.extend(not_modified());
        answers
    }
}

/// An archive that can be had in parts, if it can.
fn in_parts(archive: ResponseBuilder) -> ResponseBuilder {
    let accepted = text("`bytes`, where parts of the archive can be had by `Range`.", "bytes");
    archive.header("Accept-Ranges", accepted).header("ETag", etag())
}

/// The answer to whoever has the archive.
fn not_modified() -> BTreeMap<String, RefOr<Response>> {
    let known = ResponseBuilder::new().description("The client has this archive, as `If-None-Match` says.");
    answer("304", known.header("ETag", etag()))
}

fn etag() -> Header {
    text(
        "The archive's strong entity tag, where its bytes can be made again: equal ones mean equal bytes.",
        "\"0d6f…\"",
    )
}

fn archive() -> ResponseBuilder {
    let bytes = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    let description = "The archive, as its sources are being read. Announced with its exact length where every size is known \
         and nothing is compressed, chunked otherwise. One that fails breaks off: no last chunk on HTTP/1.1, a reset \
         stream on HTTP/2.";
    of_archive(description).content("application/zip", ContentBuilder::new().schema(Some(bytes)).build())
}

/// The answer that is an archive's headers.
pub(in crate::api) struct Foretold;

impl IntoResponses for Foretold {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut answers = answer("200", in_parts(of_archive("What a download would say of itself.")));
        answers.extend(not_modified());
        answers
    }
}

/// An archive's headers.
fn of_archive(description: &str) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .header("Content-Disposition", text("The name to save it under (RFC 6266).", DISPOSITION))
        .header("Content-Length", number("Octets, where they are known.", 22))
        .header(
            "X-ZipStream-Skipped",
            number("How many files are left out, as far as known; absent for none.", 1),
        )
        .header("X-Accel-Buffering", text("Tells proxies to pass it on as it comes.", "no"))
}

/// The answer that is a link.
pub(in crate::api) struct Minted;

impl IntoResponses for Minted {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let example = json!({
            "downloadUrl": format!("/api/downloads/{TOKEN}"), "token": TOKEN,
            "expiresAt": "2026-11-20T12:01:00.000Z", "expiresIn": 60,
        });
        let made = ResponseBuilder::new()
            .description("The link. It can be used until its end, any number of times.")
            .content("application/json", of_schema("Link", example))
            .header("Location", text("Where the archive is downloaded.", &format!("/api/downloads/{TOKEN}")));
        answer("201", with_rate_limit(made))
    }
}

/// What a token looks like: 48 hexadecimal digits.
const TOKEN: &str = "9a0fd6a7c25e81b3904e7716fb2d385c1e64a98b07f3d25c";

/// The token in a path.
pub(in crate::api) struct OfToken;

impl IntoParams for OfToken {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let token = ParameterBuilder::new()
            .name("token")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(
                "As `POST /api/download-links` answers it. An unknown one looks like one that has expired.",
            ))
            .example(Some(TOKEN.into()))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        vec![token.build()]
    }
}

/// The headers that make a request conditional (RFC 9110 §13).
pub(in crate::api) struct OfCondition;

impl IntoParams for OfCondition {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            optional("If-Match", "Answers 412 unless the archive has one of these tags."),
            optional("If-None-Match", "Answers 304 where the archive has one of these tags."),
        ]
    }
}

/// The headers that ask for a part (RFC 9110 §14).
pub(in crate::api) struct OfPart;

impl IntoParams for OfPart {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            optional("Range", "One range of octets, `bytes=1000-`; several are answered with the whole."),
            optional("If-Range", "Answers the whole unless the archive has this tag."),
        ]
    }
}

fn optional(name: &str, description: &str) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text))
        .build()
}

/// The answer that is a validation.
pub(in crate::api) struct Validated;

impl IntoResponses for Validated {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let example = json!({
            "valid": false, "fileCount": 1, "totalSize": null, "archiveSize": null, "warnings": [],
            "results": [{
                "index": 0, "url": "https://api.example.com/config.json", "zipPath": "app.json", "accessible": false,
                "status": 404, "size": null, "contentType": null, "lastModified": null, "etag": null,
                "acceptsRanges": null, "latencyMs": 12,
                "error": { "code": "source_status", "detail": "the source answered 404 Not Found" },
            }],
            "errors": [{
                "pointer": "/files/0/url", "code": "source_status", "detail": "the source answered 404 Not Found",
            }],
        });
        let told = ResponseBuilder::new()
            .description("What a download would be; also when it would be refused.")
            .content("application/json", of_schema("Validation", example));
        answer("200", with_rate_limit(told))
    }
}

/// The answer of one status.
fn answer(status: &str, answer: ResponseBuilder) -> BTreeMap<String, RefOr<Response>> {
    BTreeMap::from([(status.to_owned(), answer.into())])
}

/// A document of a named schema.
fn of_schema(name: &str, example: Value) -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).example(Some(example)).build()
}

/// Adds how the client stands with its quota: by the IETF's draft (draft-ietf-httpapi-ratelimit-headers-10), and as most
/// clients know it.
pub(super) fn with_rate_limit(answer: ResponseBuilder) -> ResponseBuilder {
    answer
        .header(
            "RateLimit",
            text("What is left, and the seconds until there is one more.", "\"archives\";r=9;t=360"),
        )
        .header(
            "RateLimit-Policy",
            text("What the quota is, and its window in seconds.", "\"archives\";q=10;w=3600"),
        )
        .header("X-RateLimit-Limit", number("The quota.", 10))
        .header("X-RateLimit-Remaining", number("What is left of it.", 9))
        .header("X-RateLimit-Reset", number("Seconds until there is one more.", 360))
}

/// What `Content-Disposition` looks like.
const DISPOSITION: &str = "attachment; filename=\"backup.zip\"; filename*=UTF-8''backup.zip";

/// The header by which a client's report and the log meet.
pub(super) fn request_id() -> Header {
    text(
        "The request's own X-Request-Id where it was sane, else a new one.",
        "0199f3a0-5c1e-7c3b-9d2e-6a1f0c2b4d5e",
    )
}

/// A header that holds a text.
pub(super) fn text(description: &str, example: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    header(description, schema, example.into())
}

/// A header that holds a whole number.
pub(super) fn number(description: &str, example: u64) -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    header(description, schema, example.into())
}

fn header(description: &str, schema: ObjectBuilder, example: Value) -> Header {
    let schema = schema.examples([example]);
    HeaderBuilder::new().description(Some(description)).schema(Some(schema)).build()
}
