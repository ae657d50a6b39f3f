//! When an entry was modified, in the two forms the format writes.
//!
//! MS-DOS time has no zone and counts in two seconds; UTC is written, because the bytes of an archive must not depend
//! on where it is made. The extended timestamp beside it is exact. Both are clamped to what all readers take their fields for.

/// A moment in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// 1980-01-01T00:00:00Z, the first moment of MS-DOS time.
const MS_DOS_FIRST: i64 = 315_532_800;
/// 2107-12-31T23:59:58Z, the last one.
const MS_DOS_LAST: i64 = 4_354_819_198;
/// Seconds of a day.
const DAY: i64 = 86_400;

impl Timestamp {
    /// Takes Unix seconds; any value is lawful.
    pub const fn from_unix(seconds: i64) -> Timestamp {
        Timestamp(seconds)
    }

    /// Returns the Unix seconds, not clamped.
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// Says whether headers tell the same of both moments.
    pub fn is_written_as(self, other: Timestamp) -> bool {
        (self.ms_dos(), self.extended()) == (other.ms_dos(), other.extended())
    }

    /// Returns MS-DOS time and date (APPNOTE 4.4.6), in UTC.
    pub(super) fn ms_dos(self) -> MsDos {
        let seconds = self.0.clamp(MS_DOS_FIRST, MS_DOS_LAST);
        let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        MsDos {
            time: ((second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2)) as u16,
            date: ((year - 1980) << 9 | month << 5 | day) as u16,
        }
    }

    /// Returns the seconds of the extended timestamp, which are signed and of 32 bits. Some readers take them for unsigned
    /// (7-Zip, libarchive): to them a moment before 1970 would be one after 2038.
    pub(super) fn extended(self) -> i32 {
        self.0.clamp(0, i32::MAX.into()) as i32
    }
}

/// MS-DOS time and date as they stand in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MsDos {
    /// Hours, minutes and half seconds in 5, 6 and 5 bits.
    pub(super) time: u16,
    /// Years since 1980, month and day in 7, 4 and 5 bits.
    pub(super) date: u16,
}

/// Turns days since 1970-01-01 into year, month and day of the Gregorian calendar.
///
/// Counts from 0000-03-01, so that the leap day ends a year and a month's first day is a linear function of its number.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn moments_outside_the_fields_are_clamped() {
        let first = MsDos { time: 0, date: 1 << 5 | 1 };
        let last = MsDos { time: 23 << 11 | 59 << 5 | 29, date: 127 << 9 | 12 << 5 | 31 };
        for (seconds, ms_dos, extended) in [
            (i64::MIN, first, 0),
            (-1, first, 0),
            (0, first, 0),
            (MS_DOS_FIRST - 1, first, 315_532_799),
            (MS_DOS_LAST + 1, last, i32::MAX),
            (i64::MAX, last, i32::MAX),
        ] {
            let timestamp = Timestamp::from_unix(seconds);
            assert_eq!((timestamp.ms_dos(), timestamp.extended()), (ms_dos, extended), "{seconds}");
        }
    }

    proptest! {
        #[test]
        fn ms_dos_time_is_the_calendar(seconds in MS_DOS_FIRST..=MS_DOS_LAST) {
            let MsDos { time, date } = Timestamp::from_unix(seconds).ms_dos();
            let utc = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let expected = (utc.year(), u8::from(utc.month()), utc.day(), utc.hour(), utc.minute(), utc.second() / 2);
            let (month, day) = ((date >> 5 & 15) as u8, (date & 31) as u8);
            let (hour, minute, half) = ((time >> 11) as u8, (time >> 5 & 63) as u8, (time & 31) as u8);
            prop_assert_eq!((i32::from(date >> 9) + 1980, month, day, hour, minute, half), expected);
        }
    }
}
