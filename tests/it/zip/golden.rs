//! The bytes of one small archive, checked by hand against APPNOTE 6.3.10.

use zipstream::zip::Method;

use super::archive::{Part, encode, layout};

/// 2026-11-20T13:14:16Z: MS-DOS time 0x69C8, date 0x5D74; Unix seconds 0x6B0047A8.
const TIMES: [&str; 2] = ["C869 745D", "A847006B"];

/// A known, a streamed and an empty directory entry.
fn golden() -> Vec<u8> {
    let [dos, unix] = TIMES;
    let fields = [
        // Local file header: signature, version 1.0, no flags, stored, time, CRC, two sizes, lengths 5 and 9, name.
        "504B0304 0A00 0000 0000",
        dos,
        "AC2A93D8 02000000 02000000 0500 0900 612E747874",
        // Extended timestamp: number, 5 bytes, modification time only; then the data, and nothing after it.
        "5554 0500 01",
        unix,
        "6869",
        // At 46: version 2.0, bits 3 and 11, stored, zeros, lengths 2 and 9, U+00E9.
        "504B0304 1400 0808 0000",
        dos,
        "00000000 00000000 00000000 0200 0900 C3A9",
        "5554 0500 01",
        unix,
        "78",
        // Data descriptor: signature, CRC, compressed and uncompressed size, of 32 bits each.
        "504B0708 8316DC8C 01000000 01000000",
        // At 104: version 2.0 for a directory, which has no data descriptor.
        "504B0304 1400 0000 0000",
        dos,
        "00000000 00000000 00000000 0200 0900 642F",
        "5554 0500 01",
        unix,
        // At 145, the central directory: made by Unix 6.3, version 1.0, no flags, stored, time, CRC, sizes, lengths,
        "504B0102 3F03 0A00 0000 0000",
        dos,
        "AC2A93D8 02000000 02000000 0500 0900",
        // no comment, first disk, no internal attributes, -rw-r--r--, offset 0, name.
        "0000 0000 0000 0000A481 00000000 612E747874",
        "5554 0500 01",
        unix,
        "504B0102 3F03 1400 0808 0000",
        dos,
        "8316DC8C 01000000 01000000 0200 0900",
        // -rw------- at 46.
        "0000 0000 0000 00008081 2E000000 C3A9",
        "5554 0500 01",
        unix,
        "504B0102 3F03 1400 0000 0000",
        dos,
        "00000000 00000000 00000000 0200 0900",
        // drwxr-xr-x and MS-DOS' directory bit, at 104.
        "0000 0000 0000 1000ED41 68000000 642F",
        "5554 0500 01",
        unix,
        // At 319, the end: one disk, three entries twice, 174 bytes at 145, no comment.
        "504B0506 0000 0000 0300 0300 AE000000 91000000 0000",
    ];
    hex::decode(fields.concat().replace(' ', "")).unwrap()
}

#[test]
fn the_bytes_of_a_small_archive() {
    let mut parts =
        [Part::known("a.txt", b"hi"), Part::announced("é", Method::Store, b"x"), Part::directory("d/")];
    parts[1].entry.mode = 0o600;
    let archive = encode(&parts, usize::MAX);
    assert_eq!(hex::encode_upper(&archive), hex::encode_upper(golden()));
    let layout = layout(&parts).unwrap();
    let headers: Vec<u64> = layout.pieces().iter().map(|piece| piece.header).collect();
    assert_eq!((headers, layout.central_directory(), layout.length()), (vec![0, 46, 104], 145, 341));
}

#[test]
fn an_announced_length_leaves_no_trace() {
    // Below the large form the bytes do not tell whether a length was known.
    let announced = encode(&[Part::announced("a", Method::Store, b"data")], 1);
    assert_eq!(announced, encode(&[Part::unknown("a", Method::Store, b"data")], 1));
}
