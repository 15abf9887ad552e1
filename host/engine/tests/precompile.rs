//! `nic-precompile` as it runs before a build of the binary.

use std::fs;
use std::path::Path;
use std::process::Command;

use nic_engine::{Packed, TARGET, unpack};

const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
const FILES: [&str; 3] = ["one.wasm.zst", "one.code.zst", "one.stamp"];

/// What it says of the one component in the directory.
fn told(directory: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_nic-precompile")).arg(directory).arg("1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_whole_is_left_alone_and_what_is_not_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("one.wasm"), EMPTY).unwrap();
    let made = FILES.map(|file| directory.path().join(TARGET).join(file));
    let read = || made.clone().map(|path| fs::read(path).unwrap());
    assert!(told(directory.path()).contains("machine code"));
    let whole = read();
    assert_eq!(unpack(&whole[0]).unwrap(), EMPTY);
    let packed = Packed { wasm: &whole[0], code: &whole[1] };
    assert!(packed.stamp(std::str::from_utf8(&whole[2]).unwrap()).is_some());
    assert!(told(directory.path()).contains("is there"));
    for (file, before) in made.iter().zip(&whole) {
        let (half, other) = (&before[..before.len() / 2], [before, &b"x"[..]].concat());
        for changed in [Some(half), Some(&other[..]), None] {
            match changed {
                Some(bytes) => fs::write(file, bytes).unwrap(),
                None => fs::remove_file(file).unwrap(),
            }
            assert!(!told(directory.path()).contains("is there"), "{} {changed:?}", file.display());
            assert!(read() == whole, "{}", file.display());
        }
    }
}
