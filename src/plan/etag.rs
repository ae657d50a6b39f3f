//! The archive's entity tag: a hash of all that its bytes follow from.

use sha2::{Digest, Sha256};

use crate::descriptor::Source;

use super::{Entry, Form, Head, Manifest, Validator};

/// Changes whenever the encoder writes other bytes for the same plan.
const LAYOUT: &[u8] = b"zipstream layout 1";

/// Hashes entries and what lists them; `None` where the bytes of one cannot be asked for again and be known to be the same.
pub(super) fn of(entries: &[Entry], manifest: Option<&Manifest>) -> Option<String> {
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        // With its length, so that no two lists of fields read the same.
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    put(LAYOUT);
    for entry in entries {
        put(&entry.frame()?);
        match &entry.source {
            Source::Directory => put(b"directory"),
            Source::Data(bytes) => put(bytes),
            Source::Http(source) => {
                let (kind, validator) = proof(entry.form, entry.head.as_ref()?)?;
                put(kind);
                put(source.url.as_str().as_bytes());
                put(validator.as_bytes());
            }
        }
    }
    if let Some(manifest) = manifest {
        put(b"manifest");
        put(&manifest.frame(entries)?);
    }
    let hash = hash.finalize();
    Some(format!("\"{}\"", hex::encode(&hash[..16])))
}

/// What proves that a source's bytes are the same: a strong validator, and ranges where they are not read at once.
fn proof(form: Form, head: &Head) -> Option<(&'static [u8], &str)> {
    if form != Form::Inline && !head.is_resumable() {
        return None;
    }
    Some(match head.validator.as_ref()? {
        Validator::ETag(tag) => (b"etag", tag),
        Validator::LastModified(time) => (b"modified", time),
    })
}
