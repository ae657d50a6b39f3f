//! Data that is compressed by its own format, known by its type or its name.

use crate::descriptor::{Entry, Source};

/// Types, without parameters, of compressed data.
const TYPES: &[&str] = &[
    "application/epub+zip",
    "application/gzip",
    "application/java-archive",
    "application/vnd.rar",
    "application/x-7z-compressed",
    "application/x-bzip2",
    "application/x-gzip",
    "application/x-rar-compressed",
    "application/x-xz",
    "application/zip",
    "application/zstd",
    "audio/aac",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/webm",
    "font/woff",
    "font/woff2",
    "image/avif",
    "image/gif",
    "image/heic",
    "image/jpeg",
    "image/png",
    "image/webp",
];

/// Beginnings of types of which all that is common is compressed: video, and office documents, which are ZIP files.
const TYPE_PREFIXES: &[&str] =
    &["application/vnd.oasis.opendocument.", "application/vnd.openxmlformats-officedocument.", "video/"];

/// Extensions of names of compressed data.
const EXTENSIONS: &[&str] = &[
    "7z", "aac", "apk", "avif", "br", "bz2", "docx", "epub", "flac", "gif", "gz", "heic", "jar", "jpeg",
    "jpg", "lz4", "m4a", "m4v", "mkv", "mov", "mp3", "mp4", "odp", "ods", "odt", "ogg", "opus", "png",
    "pptx", "rar", "tgz", "txz", "webm", "webp", "woff", "woff2", "xlsx", "xz", "zip", "zst",
];

/// Says by what an entry is known to be compressed already, if it is: by the `Content-Type` that its source told, by
/// its name, or by the path of its URL.
pub fn compressed_by(entry: &Entry, content_type: Option<&str>) -> Option<String> {
    let told = content_type.and_then(compressed_type);
    let path = match &entry.source {
        Source::Http(source) => source.url.path(),
        Source::Data(_) | Source::Directory => "",
    };
    let extension = || [entry.name.as_str(), path].into_iter().find_map(compressed_extension);
    told.map(|name| format!("data of type {name}"))
        .or_else(|| extension().map(|extension| format!("a .{extension} file")))
}

fn compressed_type(content_type: &str) -> Option<String> {
    let essence = content_type.split(';').next()?.trim().to_ascii_lowercase();
    let is_known =
        TYPES.contains(&essence.as_str()) || TYPE_PREFIXES.iter().any(|prefix| essence.starts_with(prefix));
    is_known.then_some(essence)
}

fn compressed_extension(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    EXTENSIONS.iter().find(|known| known.eq_ignore_ascii_case(extension)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_compressed_data_by_type_and_name() {
        for text in ["image/JPEG", "video/x-matroska", "application/gzip; charset=binary"] {
            assert!(compressed_type(text).is_some(), "{text}");
        }
        for text in ["text/plain", "image/svg+xml", "application/json", "audio/wav", "", ";"] {
            assert!(compressed_type(text).is_none(), "{text}");
        }
        for path in ["a.gz", "b/c.tar.GZ", "x.JPEG"] {
            assert!(compressed_extension(path).is_some(), "{path}");
        }
        for path in ["a.txt", "a.zip/b", "gz", "a.", "", "a.gz.txt"] {
            assert!(compressed_extension(path).is_none(), "{path}");
        }
    }
}
