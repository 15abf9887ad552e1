//! Components that are part of the binary, each with machine code that its build made (docs/adr/0024).

/// A component that is part of the binary, and what a start wants to know of it without unpacking anything.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// Its bytes, packed.
    pub wasm: &'static [u8],
    /// Their SHA-256 in hexadecimal.
    pub digest: &'static str,
    /// The section with its manifest.
    pub manifest: &'static [u8],
    /// Machine code, packed.
    pub machine_code: &'static [u8],
    /// What the machine code was made from and for.
    pub stamp: &'static str,
}

const WHOLE: &str = "the component in this binary is whole";

impl Bundled {
    /// The bytes, unpacked. The build packed them: what does not come back is a broken binary.
    pub(super) fn wasm(&self) -> Vec<u8> {
        nic_engine::unpack(self.wasm).expect(WHOLE)
    }

    /// How many they are.
    pub(super) fn size(&self) -> usize {
        nic_engine::unpacked_len(self.wasm).expect(WHOLE)
    }

    /// The machine code, unpacked, or why it is not what an engine of this program, on any processor of this kind, would make.
    pub(super) fn machine_code(&self) -> Result<Vec<u8>, String> {
        let baseline = nic_engine::baseline(nic_engine::TARGET).map_err(|error| format!("{error:#}"))?;
        let expected = nic_engine::stamp(self.digest, &baseline);
        if self.stamp != expected {
            return Err(format!("it was made from and for `{}`, and not `{expected}`", self.stamp));
        }
        nic_engine::unpack(self.machine_code).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use nic_engine::{Packed, TARGET, baseline, pack, stamp};
    use wasmtime::Engine;

    use super::super::code;
    use super::super::code::{Code, CompiledCode};
    use super::super::compile::{CompileError, Compiler};
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    /// What the build of a binary makes of a component, with this engine.
    pub fn made_by(engine: &Engine, wasm: &[u8]) -> Bundled {
        let packed = |bytes: &[u8]| -> &'static [u8] { Vec::leak(pack(bytes, 1).unwrap()) };
        let digest: &str = String::leak(code::digest(wasm));
        Bundled {
            wasm: packed(wasm),
            digest,
            manifest: b"{}",
            machine_code: packed(&engine.precompile_component(wasm).unwrap()),
            stamp: String::leak(stamp(digest, engine)),
        }
    }

    /// The same with bytes that nobody can compile: if it can be run, its machine code was taken.
    fn without_component(bundled: Bundled) -> Bundled {
        Bundled { wasm: Vec::leak(pack(b"nothing", 1).unwrap()), ..bundled }
    }

    fn taken(engine: &Engine, bundled: Bundled, cache: Option<&Path>) -> Result<(), CompileError> {
        let code = Code::bundled(Box::leak(Box::new(bundled)));
        let compiled = CompiledCode::new(cache.map(Path::to_owned), Compiler::InProcess);
        compiled.component(engine, &code).map(drop)
    }

    /// What an engine is on a processor of this kind that can do nothing more.
    fn on_a_plain_processor() -> Engine {
        let mut config = nic_engine::config();
        config.target(TARGET).unwrap();
        #[expect(unsafe_code, reason = "it says less than what the processor can do, which is always safe")]
        // SAFETY: no instruction is run that the processor does not have.
        unsafe {
            config.detect_host_feature(|_| Some(false));
        }
        Engine::new(&config).unwrap()
    }

    #[test]
    fn its_machine_code_is_put_into_the_cache_once_or_into_memory() {
        let native = nic_engine::native().unwrap();
        let bundled = || without_component(made_by(&baseline(TARGET).unwrap(), EMPTY));
        taken(&native, bundled(), None).unwrap();
        let cache = tempfile::tempdir().unwrap();
        taken(&native, bundled(), Some(cache.path())).unwrap();
        let kept: Vec<_> = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(kept.len(), 1);
        assert_eq!(fs::read(&kept[0]).unwrap(), bundled().machine_code().unwrap());
        // From there it is mapped, whatever the binary holds.
        taken(&native, Bundled { machine_code: b"", ..bundled() }, Some(cache.path())).unwrap();
        // Where nothing can be kept, a start costs its memory.
        fs::remove_file(&kept[0]).unwrap();
        fs::create_dir(&kept[0]).unwrap();
        taken(&native, bundled(), Some(cache.path())).unwrap();
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "what could not be put there is left beside it");
    }

    #[test]
    fn what_a_killed_start_left_behind_is_in_nobodys_way() {
        let (native, cache) = (nic_engine::native().unwrap(), tempfile::tempdir().unwrap());
        let bundled = || without_component(made_by(&baseline(TARGET).unwrap(), EMPTY));
        taken(&native, bundled(), Some(cache.path())).unwrap();
        let place = fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
        let whole = fs::read(&place).unwrap();
        fs::rename(&place, nic_system::files::suffixed(&place, ".0123456789abcdef.new")).unwrap();
        fs::write(nic_system::files::suffixed(&place, ".0123456789abcdef.new"), &whole[..whole.len() / 2]).unwrap();
        taken(&native, bundled(), Some(cache.path())).unwrap();
        assert_eq!(fs::read(&place).unwrap(), whole);
    }

    #[test]
    fn machine_code_of_another_component_or_engine_is_not_run() {
        let (native, own) = (nic_engine::native().unwrap(), baseline(TARGET).unwrap());
        let bundled = || without_component(made_by(&own, EMPTY));
        taken(&native, bundled(), None).unwrap();
        // Loading alone would not notice that NaNs have other bits.
        let mut others = nic_engine::config();
        let others = Engine::new(others.target(TARGET).unwrap().cranelift_nan_canonicalization(false)).unwrap();
        let of_others = others.precompile_component(EMPTY).unwrap();
        #[expect(unsafe_code, reason = "it shows why there are stamps; nothing of it is run")]
        // SAFETY: wasmtime made it.
        unsafe { wasmtime::component::Component::deserialize(&native, &of_others) }.unwrap();
        let of_another = code::digest(b"another");
        for wrong in [stamp(bundled().digest, &others), stamp(&of_another, &own), String::new()] {
            let wrong: &str = String::leak(wrong);
            // So it is compiled, which cannot be here.
            let refused = taken(&native, Bundled { stamp: wrong, ..bundled() }, None);
            assert!(matches!(refused, Err(CompileError::Invalid(_))), "{wrong}: {refused:?}");
            taken(&native, Bundled { stamp: wrong, ..made_by(&own, EMPTY) }, None).unwrap();
        }
    }

    #[test]
    fn a_processor_that_can_do_less_runs_it_and_refuses_what_needs_more() {
        let plain = on_a_plain_processor();
        let own = made_by(&baseline(TARGET).unwrap(), EMPTY);
        taken(&plain, without_component(own), None).unwrap();
        // Made for the processor at hand, and stamped as if it were not.
        let native = made_by(&nic_engine::native().unwrap(), EMPTY);
        let stamp = made_by(&baseline(TARGET).unwrap(), EMPTY).stamp;
        let cache = tempfile::tempdir().unwrap();
        for cache in [None, Some(cache.path())] {
            let native = Bundled { stamp, ..native };
            let refused = taken(&plain, without_component(native), cache);
            assert!(matches!(refused, Err(CompileError::Invalid(_))), "{refused:?}");
        }
    }

    #[test]
    #[ignore = "needs built components (NIC_TEST_COMPONENTS)"]
    fn what_the_build_made_of_the_bundled_components_runs_on_a_plain_processor() {
        let directory =
            PathBuf::from(std::env::var_os("NIC_TEST_COMPONENTS").expect("NIC_TEST_COMPONENTS names a directory"));
        for name in ["aws", "existing"] {
            let read = |file: String| -> &'static [u8] {
                Vec::leak(fs::read(directory.join("bundled").join(file)).expect("`cargo xtask components` made it"))
            };
            let wasm = read(format!("{name}.wasm"));
            let made = |extension: &str| read(format!("{TARGET}/{name}.{extension}"));
            let packed = Packed { wasm: made("wasm.zst"), code: made("code.zst") };
            let bundled = Bundled {
                wasm,
                digest: String::leak(code::digest(wasm)),
                manifest: b"{}",
                machine_code: packed.code,
                stamp: packed.stamp(std::str::from_utf8(made("stamp")).unwrap()).expect("it is of these files"),
            };
            let packed = Bundled { wasm: packed.wasm, ..bundled };
            assert!(packed.wasm() == wasm && packed.size() == wasm.len());
            taken(&on_a_plain_processor(), without_component(bundled), None).unwrap();
        }
    }
}
