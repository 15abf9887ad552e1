//! What machine code was made from and for.

use std::hash::{DefaultHasher, Hash, Hasher};

use wasmtime::Engine;

/// All that decides what an engine makes of a component: version, settings, target and what its processor can do.
pub fn compatibility(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What stands beside code that an engine made of the component with this digest. Code is run only where it would be made with the same
/// stamp: loading alone does not notice every setting.
pub fn stamp(component: &str, engine: &Engine) -> String {
    format!("{component} {}", compatibility(engine))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TARGET, baseline, config};

    #[test]
    fn the_same_settings_have_the_same_stamp_and_no_others() {
        let own = stamp("a", &baseline(TARGET).unwrap());
        assert_eq!(own, stamp("a", &baseline(TARGET).unwrap()));
        assert_ne!(own, stamp("b", &baseline(TARGET).unwrap()));
        let mut others = [config(), config(), config()];
        others[0].cranelift_nan_canonicalization(false);
        others[1].generate_address_map(true);
        others[2].cranelift_opt_level(wasmtime::OptLevel::None);
        for other in &mut others {
            let engine = Engine::new(other.target(TARGET).unwrap()).unwrap();
            assert_ne!(own, stamp("a", &engine));
        }
    }
}
