//! Names the target that machine code is made for when nothing else is asked for.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=NIC_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}
