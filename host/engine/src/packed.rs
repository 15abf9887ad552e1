//! What stands in the file `<name>.stamp`: from what machine code was made and for what, and which packed files came of it.
//!
//! `nic`'s build script, which embeds these files, holds them against it by this very code: so it stands on nothing but SHA-256.

use sha2::{Digest, Sha256};

/// A component and its machine code, compressed.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    /// `<name>.wasm.zst`
    pub wasm: &'a [u8],
    /// `<name>.code.zst`
    pub code: &'a [u8],
}

impl Packed<'_> {
    /// What is written beside them: the stamp of the machine code on a line, then a line for each file.
    pub fn stamped(&self, stamp: &str) -> String {
        format!("{stamp}\n{} wasm.zst\n{} code.zst\n", sha256(self.wasm), sha256(self.code))
    }

    /// The stamp of the machine code in what was written beside these very files; none if it was written beside others.
    pub fn stamp<'a>(&self, written: &'a str) -> Option<&'a str> {
        let stamp = written.lines().next()?;
        (self.stamped(stamp) == written).then_some(stamp)
    }
}

/// The SHA-256 of bytes, in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_stands_for_the_files_that_it_was_written_beside() {
        let packed = Packed { wasm: b"wasm", code: b"code" };
        let written = packed.stamped("component engine");
        assert_eq!(packed.stamp(&written), Some("component engine"));
        for other in [
            Packed { code: b"cod", ..packed },
            Packed { code: b"Code", ..packed },
            Packed { wasm: b"", ..packed },
            Packed { wasm: packed.code, code: packed.wasm },
        ] {
            assert_eq!(other.stamp(&written), None, "{other:?}");
        }
        // Written before files were held against it, half written, or with more behind it.
        let (torn, longer) = (&written[..written.len() - 1], format!("{written}\n"));
        for wrong in ["component engine", "", torn, &longer] {
            assert_eq!(packed.stamp(wrong), None, "{wrong:?}");
        }
    }
}
