//! Bytes that are kept compressed.

use std::io;

/// Compresses; with the same level, the same bytes always come to the same.
///
/// # Errors
/// Memory, or a level that there is not.
pub fn pack(bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, level)
}

/// What was packed.
///
/// # Errors
/// The bytes are not what [`pack`] gave.
pub fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::decompress(packed, unpacked_len(packed)?)
}

/// How many bytes were packed, which stands before them.
///
/// # Errors
/// The bytes are not what [`pack`] gave.
pub fn unpacked_len(packed: &[u8]) -> io::Result<usize> {
    let length = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_and_nothing_else_does() {
        let bytes: Vec<u8> = (0..200_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let packed = pack(&bytes, 3).unwrap();
        assert!(packed.len() < bytes.len() && packed == pack(&bytes, 3).unwrap());
        assert_eq!((unpacked_len(&packed).unwrap(), unpack(&packed).unwrap()), (bytes.len(), bytes));
        for wrong in [&packed[..packed.len() - 1], &packed[1..], b""] {
            assert!(unpack(wrong).is_err());
        }
    }
}
