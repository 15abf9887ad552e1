//! Where a component keeps its manifest. The build of the binary looks there too, for the components that it embeds.

use wasmparser::{Encoding, Parser, Payload};

/// The custom section that holds the manifest.
pub const SECTION: &str = "nic:manifest";

/// All sections of that name; they may stand in a nested module or component, where a compiler's linker put them.
pub fn find(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    if !bytes.starts_with(b"\0asm") {
        return Err("it does not begin as WebAssembly does".to_owned());
    }
    let mut found = Vec::new();
    let mut outermost = true;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| error.message().to_owned())? {
            Payload::Version { encoding, .. } if outermost => {
                if encoding == Encoding::Module {
                    return Err("it is a core module".to_owned());
                }
                outermost = false;
            }
            Payload::CustomSection(section) if section.name() == SECTION => found.push(section.data().to_vec()),
            _ => {}
        }
    }
    Ok(found)
}
