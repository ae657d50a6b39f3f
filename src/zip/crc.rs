//! CRC-32 as ZIP means it, thin over `crc32fast`.

use super::Digest;

/// A running CRC-32 (APPNOTE 4.4.7).
#[derive(Clone, Debug, Default)]
pub struct Crc32(crc32fast::Hasher);

impl Crc32 {
    /// Starts with no bytes, whose CRC is 0.
    pub fn new() -> Crc32 {
        Crc32::default()
    }

    /// Goes on after `len` bytes whose CRC is `value`.
    pub fn resume(value: u32, len: u64) -> Crc32 {
        Crc32(crc32fast::Hasher::new_with_initial_len(value, len))
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Takes in the next bytes by their digest alone.
    pub fn append(&mut self, next: Digest) {
        self.0.combine(&crc32fast::Hasher::new_with_initial_len(next.crc32, next.size));
    }

    /// Returns the CRC of all bytes so far.
    pub fn value(&self) -> u32 {
        self.0.clone().finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_polynomial() {
        let mut whole = Crc32::new();
        whole.update(b"123456789");
        assert_eq!(whole.value(), 0xCBF4_3926);
    }

    #[test]
    fn resuming_is_the_same_as_reading_on() {
        let mut rest = Crc32::resume(0x9BE3_E0A3, 4);
        rest.update(b"56789");
        assert_eq!(rest.value(), 0xCBF4_3926);
    }

    #[test]
    fn appending_is_the_same_as_reading_on() {
        let (mut first, mut second) = (Crc32::new(), Crc32::new());
        first.update(b"1234");
        second.update(b"56789");
        first.append(Digest { crc32: second.value(), size: 5 });
        assert_eq!(first.value(), 0xCBF4_3926);
    }
}
