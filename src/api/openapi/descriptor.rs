//! The descriptor as clients write it. `crate::descriptor` reads it by hand, to tell every mistake at once; these
//! types only describe it, and a test holds their fields against those that are read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A list of files to be put into one archive. Unknown fields and duplicate keys are errors.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(examples(hello))]
#[expect(dead_code, reason = "describes what is parsed elsewhere")]
pub(in crate::api) struct Descriptor {
    /// The name to save the archive under: of a path the last segment; `.zip` is added, and what systems reserve is replaced.
    /// No control characters.
    #[schema(default = "archive.zip")]
    suggested_filename: Option<String>,
    /// How files are stored that do not say otherwise.
    compression: Option<Compression>,
    /// How much they are compressed where they are: from 1, the fastest, to 9, the smallest.
    #[schema(minimum = 1, maximum = 9, default = 6)]
    compression_level: Option<u8>,
    /// Refuses names that Windows cannot hold, too.
    #[schema(default = false)]
    portable_names: Option<bool>,
    /// Writes every entry so that readers which cannot seek find its end: stored data of which the CRC is not known
    /// beforehand stands in uncompressed blocks of DEFLATE then. The archive's length is told all the same.
    #[schema(default = false)]
    streamable: Option<bool>,
    /// Asks for a last entry that lists all others, with their checksums.
    manifest: Option<Manifest>,
    /// What becomes of an archive whose source fails before its first byte.
    on_source_error: Option<OnSourceError>,
    /// The files, in the order of the archive; at most as many as the client's tier allows (50).
    #[schema(min_items = 1)]
    files: Vec<File>,
}

/// A `Descriptor`, also one that is wrong: what is wrong with it is the answer.
#[derive(ToSchema)]
#[schema(examples(hello))]
#[expect(dead_code, reason = "describes what is parsed elsewhere")]
pub(in crate::api) struct Draft {
    /// The files, each to be a `File`.
    files: Vec<Value>,
}

/// A member of the archive.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "describes what is parsed elsewhere")]
struct File {
    /// Where its bytes come from: `http:`, `https:` or `data:`, at most 8,192 octets. Left out exactly when `zipPath` ends
    /// in `/`, which makes an empty directory.
    #[schema(max_length = 8192, format = "uri", example = "data:,Hello%20world")]
    url: Option<String>,
    /// Its name in the archive: relative, separated by `/`, at most 1,024 octets, 255 a segment.
    #[schema(min_length = 1, max_length = 1024, example = "docs/hello.txt")]
    zip_path: String,
    /// Overrides the archive's.
    compression: Option<Compression>,
    /// Overrides the archive's.
    #[schema(minimum = 1, maximum = 9)]
    compression_level: Option<u8>,
    /// Sent to the URL's own origin only, and never logged. Values are texts.
    headers: Option<BTreeMap<String, String>>,
    /// What the source must measure, in bytes; anything else fails the archive.
    #[schema(minimum = 0)]
    size: Option<u64>,
    /// What the CRC-32 of its bytes must be: 8 hexadecimal digits.
    #[schema(pattern = "^[0-9a-fA-F]{8}$", example = "1c291ca3")]
    crc32: Option<String>,
    /// What the SHA-256 of its bytes must be: 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    sha256: Option<String>,
    /// When it was modified (RFC 3339). Default: the source's `Last-Modified`, else now.
    #[schema(format = "date-time", example = "2026-11-19T23:00:00Z")]
    last_modified: Option<String>,
    /// Its permission bits, in octal. Default: 0644, of a directory 0755.
    #[schema(pattern = "^0?[0-7]{3}$", example = "0644")]
    mode: Option<String>,
}

/// The method by which bytes are stored, in any case.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Compression {
    /// As they are: the default.
    Store,
    /// By DEFLATE; the archive's length is not known then.
    Deflate,
    /// By DEFLATE, unless type, name or a look at the data say that it is compressed already.
    Auto,
}

/// A last entry that lists all others: JSON with their sizes, CRC-32, SHA-256, and where they came from.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "describes what is parsed elsewhere")]
struct Manifest {
    /// Its name in the archive, by the rules for those of files, and none of theirs.
    #[schema(min_length = 1, max_length = 1024, default = "MANIFEST.json")]
    zip_path: Option<String>,
}

/// What becomes of an archive whose source fails before its first byte, in any case.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OnSourceError {
    /// It fails: the default.
    Abort,
    /// It goes on without that file, which its manifest lists as skipped. Its length is not known then, and it cannot be
    /// had in parts. When no source is left it fails all the same.
    Skip,
}

/// A descriptor that works anywhere, without any network.
pub(in crate::api) fn hello() -> Value {
    json!({
        "suggestedFilename": "hello.zip",
        "files": [
            { "url": "data:,Hello%20world", "zipPath": "hello.txt" },
            { "url": "data:application/json;base64,eyJhIjoxfQ==", "zipPath": "data/a.json", "compression": "DEFLATE" },
            { "zipPath": "empty-directory/" },
        ],
    })
}
