//! The central directory as it stands in the archive, read leniently: what is wrong with it shows when it is encoded
//! again.

use std::io::{self, BufReader, Read};

use time::{Date, Month, Time};

use super::fault::Kind;
use super::section::Bytes;

/// Length of the end of central directory record without a comment, in bytes.
const END: u64 = 22;
/// Length of the zip64 locator, in bytes.
const LOCATOR: u64 = 20;
/// Length of the zip64 end of central directory record, in bytes.
const ZIP64_END: u64 = 56;
/// How far from its end an archive's end may be, in bytes, with the longest comment.
const SEARCHED: u64 = END + 0xFFFF;
/// Length of a header's fixed part, in bytes.
const FIXED: usize = 46;

/// The central directory and where it stands.
pub(super) struct Directory {
    /// Where it begins.
    pub(super) begin: u64,
    /// Where the archive ends.
    pub(super) end: u64,
    /// Its headers.
    pub(super) members: Vec<Member>,
}

/// A header of the central directory.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) compressed_size: u64,
    pub(super) crc32: u32,
    pub(super) flags: u16,
    /// The header's own length, in bytes, less a comment.
    pub(super) length: u64,
    pub(super) method: u16,
    /// Unix permission bits.
    pub(super) mode: u16,
    /// In Unix seconds.
    pub(super) modified: i64,
    pub(super) name: String,
    /// Where the local file header stands.
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// Reads the central directory.
///
/// # Errors
/// When the file cannot be read; within, when there is no directory to go by.
pub(super) fn read(bytes: Bytes<'_>) -> io::Result<Result<Directory, Kind>> {
    let from = bytes.length.saturating_sub(SEARCHED);
    let tail = bytes.read(from, SEARCHED)?;
    let is_end = |window: &[u8]| window.starts_with(b"PK\x05\x06");
    let Some(at) = tail.windows(END as usize).rposition(is_end) else { return Ok(Err(Kind::Cut)) };
    let (record, at) = (&tail[at..], from + at as u64);
    let mut place = (u64::from(u32_at(record, 16)), u64::from(u32_at(record, 12)));
    let mut records = at;
    if place.0 == 0xFFFF_FFFF || place.1 == 0xFFFF_FFFF || u16_at(record, 10) == 0xFFFF {
        records = at.saturating_sub(LOCATOR + ZIP64_END);
        let zip64 = bytes.read(records, LOCATOR + ZIP64_END)?;
        if at < LOCATOR + ZIP64_END || !zip64.starts_with(b"PK\x06\x06") {
            return Ok(Err(Kind::Structure("zip64 end of central directory")));
        }
        place = (u64_at(&zip64, 48), u64_at(&zip64, 40));
    }
    let (begin, length) = place;
    if begin.checked_add(length) != Some(records) {
        return Ok(Err(Kind::Structure("end of central directory")));
    }
    let members = members(bytes, begin, records)?;
    Ok(members.map(|members| Directory { begin, end: at + END, members }))
}

/// Reads the headers.
fn members(bytes: Bytes<'_>, begin: u64, end: u64) -> io::Result<Result<Vec<Member>, Kind>> {
    let mut section = BufReader::new(bytes.section(begin, end));
    let (mut members, mut at) = (Vec::new(), begin);
    while at < end {
        let mut fixed = [0; FIXED];
        let lengths = |fixed: &[u8]| [28, 30, 32].map(|at| usize::from(u16_at(fixed, at)));
        if end - at < FIXED as u64 {
            return Ok(Err(Kind::Structure("central directory")));
        }
        section.read_exact(&mut fixed)?;
        let [name, extra, comment] = lengths(&fixed);
        let variable = name + extra + comment;
        if !fixed.starts_with(b"PK\x01\x02") || end - at < (FIXED + variable) as u64 {
            return Ok(Err(Kind::Structure("central directory")));
        }
        let mut rest = vec![0; variable];
        section.read_exact(&mut rest)?;
        members.push(Member::read(&fixed, &rest[..name], &rest[name..name + extra]));
        at += (FIXED + variable) as u64;
    }
    Ok(Ok(members))
}

impl Member {
    fn read(fixed: &[u8], name: &[u8], extra: &[u8]) -> Member {
        let told = |at| u64::from(u32_at(fixed, at));
        let mut member = Member {
            compressed_size: told(20),
            crc32: u32_at(fixed, 16),
            flags: u16_at(fixed, 8),
            length: (fixed.len() + name.len() + extra.len()) as u64,
            method: u16_at(fixed, 10),
            mode: u16_at(fixed, 40) & 0o7777,
            modified: ms_dos(u16_at(fixed, 14), u16_at(fixed, 12)),
            name: String::from_utf8_lossy(name).into_owned(),
            offset: told(42),
            size: told(24),
        };
        let mut extra = extra;
        while extra.len() >= 4 {
            let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
            let body = &extra[4..extra.len().min(4 + length)];
            match (id, body.len()) {
                (0x0001, 28) => {
                    member.size = u64_at(body, 0);
                    member.compressed_size = u64_at(body, 8);
                    member.offset = u64_at(body, 16);
                }
                (0x5455, 5) => member.modified = exact(u32_at(body, 1).cast_signed(), member.modified),
                _ => {}
            }
            extra = &extra[4 + body.len()..];
        }
        member
    }
}

/// The moment of an extended timestamp: beyond what it holds only MS-DOS time tells more.
fn exact(extended: i32, ms_dos: i64) -> i64 {
    if extended == i32::MAX { ms_dos.max(extended.into()) } else { extended.into() }
}

/// The moment of MS-DOS date and time, in Unix seconds; 0 of one that is none.
fn ms_dos(date: u16, time: u16) -> i64 {
    let part = |value: u16, shift: u32, bits: u32| (value >> shift & ((1 << bits) - 1)) as u8;
    let month = Month::try_from(part(date, 5, 4));
    let day = month
        .and_then(|month| Date::from_calendar_date(1980 + i32::from(date >> 9), month, part(date, 0, 5)));
    let time = Time::from_hms(part(time, 11, 5), part(time, 5, 6), part(time, 0, 5) * 2);
    match (day, time) {
        (Ok(day), Ok(time)) => day.with_time(time).assume_utc().unix_timestamp(),
        (Err(_), _) | (_, Err(_)) => 0,
    }
}

/// A 16-bit field.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// A 32-bit field.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// A 64-bit field.
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
