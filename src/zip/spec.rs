//! The numbers of APPNOTE 6.3.10 that the structures share.
//!
//! All integers of the format are little-endian; a signature reads `PK` and two digits.

/// Opens a local file header (APPNOTE 4.3.7).
pub(super) const LOCAL_FILE_HEADER: u32 = 0x0403_4B50;
/// Opens a data descriptor (APPNOTE 4.3.9.3): optional by the letter, expected by every forward-only reader.
pub(super) const DATA_DESCRIPTOR: u32 = 0x0807_4B50;
/// Opens a central directory header (APPNOTE 4.3.12).
pub(super) const CENTRAL_HEADER: u32 = 0x0201_4B50;
/// Opens the zip64 end of central directory record (APPNOTE 4.3.14).
pub(super) const ZIP64_END: u32 = 0x0606_4B50;
/// Opens the zip64 end of central directory locator (APPNOTE 4.3.15).
pub(super) const ZIP64_END_LOCATOR: u32 = 0x0706_4B50;
/// Opens the end of central directory record (APPNOTE 4.3.16).
pub(super) const END: u32 = 0x0605_4B50;

/// Version needed of a stored file whose sizes stand in its header (APPNOTE 4.4.3.2).
pub(super) const VERSION_STORED: u16 = 10;
/// Version needed of directories, DEFLATE and data descriptors.
pub(super) const VERSION_DEFLATED: u16 = 20;
/// Version needed of whatever uses ZIP64.
pub(super) const VERSION_ZIP64: u16 = 45;
/// Version made by: Unix (3) in the upper byte, for the mode bits; 6.3 of the specification in the lower (APPNOTE 4.4.2).
pub(super) const MADE_BY: u16 = 0x033F;

/// Bit 3 of the general purpose flags: CRC and sizes follow the data (APPNOTE 4.4.4).
pub(super) const FLAG_DATA_DESCRIPTOR: u16 = 1 << 3;
/// Bit 11 of the general purpose flags: the name is UTF-8.
pub(super) const FLAG_UTF8: u16 = 1 << 11;

/// Stands in a 16-bit field whose value is in a ZIP64 structure; a value equal to it needs ZIP64 too.
pub(super) const MARKER_16: u16 = 0xFFFF;
/// Stands in a 32-bit field whose value is in a ZIP64 structure; a value equal to it needs ZIP64 too.
pub(super) const MARKER_32: u32 = 0xFFFF_FFFF;

/// Says whether a value cannot stand in a 32-bit field of a header.
pub(super) const fn overflows(value: u64) -> bool {
    value >= MARKER_32 as u64
}

/// Returns what stands in a 32-bit field: the value, or the marker when it does not fit.
pub(super) const fn field_32(value: u64) -> u32 {
    if overflows(value) { MARKER_32 } else { value as u32 }
}

/// Returns what stands in a 16-bit field: the value, or the marker when it does not fit.
pub(super) const fn field_16(value: u64) -> u16 {
    if value >= MARKER_16 as u64 { MARKER_16 } else { value as u16 }
}
