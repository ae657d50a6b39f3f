//! Whatever contradicts an announcement is an error, and after an error no archive can be finished.

use zipstream::zip::{Content, Digest, Encoder, Entry, Error, Measure, Method};

use super::archive::{Part, deflate, digest};

/// An encoder within an entry.
fn opened(entry: Entry) -> Encoder {
    let mut encoder = Encoder::new();
    encoder.begin(entry).unwrap();
    encoder
}

/// Asserts that nothing comes out of an encoder any more.
fn assert_dead(mut encoder: Encoder) {
    assert_eq!(encoder.stored(b"x"), Err(Error::Failed));
    assert_eq!(encoder.end(None), Err(Error::Failed));
    assert_eq!(encoder.begin(Part::directory("d/").entry), Err(Error::Failed));
    assert_eq!(encoder.finish(), Err(Error::Failed));
}

fn mismatch(measure: Measure, expected: u64, actual: u64) -> Error {
    Error::Mismatch { measure, expected, actual }
}

/// Stored entries of three bytes in every form that announces them.
fn three_bytes() -> [Part; 4] {
    [
        Part::known("a", b"abc"),
        Part::known_blocks("a", b"abc"),
        Part::announced("a", Method::Store, b"abc"),
        Part::announced("a", Method::StoredBlocks, b"abc"),
    ]
}

#[test]
fn more_stored_bytes_than_announced() {
    for part in three_bytes() {
        let mut encoder = opened(part.entry);
        encoder.stored(b"abc").unwrap();
        assert_eq!(encoder.stored(b"d"), Err(mismatch(Measure::Size, 3, 4)));
        assert_dead(encoder);
    }
}

#[test]
fn fewer_stored_bytes_than_announced() {
    for part in three_bytes() {
        let mut encoder = opened(part.entry);
        encoder.stored(b"ab").unwrap();
        assert_eq!(encoder.end(None), Err(mismatch(Measure::Size, 3, 2)));
        assert_dead(encoder);
    }
}

#[test]
fn other_bytes_than_announced() {
    let mut encoder = opened(Part::known("a", b"abc").entry);
    encoder.stored(b"abd").unwrap();
    let (expected, actual) = (digest(b"abc").crc32.into(), digest(b"abd").crc32.into());
    assert_eq!(encoder.end(None), Err(mismatch(Measure::Crc32, expected, actual)));
    assert_dead(encoder);
}

#[test]
fn deflated_data_that_is_not_what_was_announced() {
    let compressed = deflate(b"abc").len() as u64;
    let known = Part::known_deflate("a", b"abc").entry;
    let other = Digest { crc32: 1, ..digest(b"abc") };
    let announced = Part::announced("a", Method::Deflate, b"abc").entry;
    for (entry, compressed, digest, error) in [
        (
            &known,
            compressed - 1,
            digest(b"abc"),
            mismatch(Measure::CompressedSize, compressed, compressed - 1),
        ),
        (&known, compressed, digest(b"ab"), mismatch(Measure::Size, 3, 2)),
        (&known, compressed, other, mismatch(Measure::Crc32, digest(b"abc").crc32.into(), 1)),
        (&announced, compressed, digest(b"abcd"), mismatch(Measure::Size, 3, 4)),
        (&announced, 0, digest(b"abc"), Error::EmptyDeflate),
        (&announced, 1 << 32, digest(b"abc"), Error::Overflow { compressed: 1 << 32 }),
    ] {
        let mut encoder = opened(entry.clone());
        encoder.deflated(compressed);
        assert_eq!(encoder.end(Some(digest)), Err(error));
        assert_dead(encoder);
    }
    let mut encoder = opened(known);
    encoder.deflated(compressed + 1);
    assert_dead(encoder);
}

#[test]
fn the_digest_comes_exactly_with_deflated_data() {
    let mut encoder = opened(Part::known("a", b"abc").entry);
    encoder.stored(b"abc").unwrap();
    assert_eq!(encoder.end(Some(digest(b"abc"))), Err(Error::Digest));
    assert_dead(encoder);
    let mut encoder = opened(Part::unknown("a", Method::Deflate, b"").entry);
    encoder.deflated(2);
    assert_eq!(encoder.end(None), Err(Error::Digest));
    assert_dead(encoder);
}

#[test]
fn data_by_the_other_methods_way() {
    let mut encoder = opened(Part::unknown("a", Method::Deflate, b"").entry);
    assert_eq!(encoder.stored(b"abc"), Err(Error::WrongMethod));
    assert_dead(encoder);
    let mut encoder = opened(Part::unknown("a", Method::Store, b"").entry);
    encoder.deflated(3);
    assert_dead(encoder);
}

#[test]
fn calls_out_of_order() {
    let entry = Part::unknown("a", Method::Store, b"").entry;
    let mut encoder = opened(entry.clone());
    assert_eq!(encoder.begin(entry.clone()), Err(Error::EntryOpen));
    assert_dead(encoder);
    assert_eq!(opened(entry).finish(), Err(Error::EntryOpen));
    let mut encoder = Encoder::new();
    assert_eq!(encoder.end(None), Err(Error::NoEntry));
    assert_dead(encoder);
    let mut encoder = Encoder::new();
    assert_eq!(encoder.stored(b"x"), Err(Error::NoEntry));
    assert_dead(encoder);
    let mut encoder = Encoder::new();
    encoder.deflated(1);
    assert_dead(encoder);
}

#[test]
fn entries_that_contradict_themselves() {
    let directory = Part::directory("d/").entry;
    let known = Part::known("a", b"abc").entry;
    let sizes = Content::Known { digest: digest(b"abc"), compressed_size: 4 };
    let nothing = Content::Known { digest: Digest::default(), compressed_size: 0 };
    for (entry, error) in [
        (
            Entry { content: Content::Streamed { length: Some(0) }, ..directory.clone() },
            Error::DirectoryContent,
        ),
        (Entry { content: known.content, ..directory.clone() }, Error::DirectoryContent),
        (Entry { method: Method::Deflate, ..directory.clone() }, Error::DirectoryContent),
        (Entry { mode: 0o100_644, ..known.clone() }, Error::Mode { mode: 0o100_644 }),
        (Entry { content: sizes, ..known.clone() }, mismatch(Measure::CompressedSize, 3, 4)),
        (
            Entry { content: sizes, method: Method::StoredBlocks, ..known.clone() },
            mismatch(Measure::CompressedSize, 8, 4),
        ),
        (Entry { method: Method::Deflate, content: nothing, ..known.clone() }, Error::EmptyDeflate),
    ] {
        let mut encoder = Encoder::new();
        assert_eq!(encoder.begin(entry), Err(error));
        assert_dead(encoder);
    }
}
