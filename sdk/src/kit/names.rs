//! Names of things: what clouds take, and what the host makes of them.

use crate::types::Diagnostic;

/// What the host puts after the name of something that is made before the old one goes: `-` and so many digits.
const SUCCESSOR_DIGITS: usize = 6;

/// How much longer the name of a replacement is than the plain one: room to leave where a cloud limits names.
pub const SUCCESSOR_LENGTH: usize = 1 + SUCCESSOR_DIGITS;

/// Letters and digits of the digest in a name that was cut.
const DIGEST_LENGTH: usize = 8;

/// The plain name, when this is the name of a replacement.
pub fn successor_of(name: &str) -> Option<&str> {
    let (plain, digits) = name.rsplit_once('-')?;
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
    (digits.len() == SUCCESSOR_DIGITS && hexadecimal && !plain.is_empty()).then_some(plain)
}

/// The name in no more than `longest` bytes. What is too long keeps its beginning, and gets a digest of the whole behind a `-`: the same name is
/// always cut alike, and no two become one.
///
/// ```
/// use nic_sdk::kit::names::shortened;
///
/// assert_eq!(shortened("my-nebari-dev", 30), "my-nebari-dev");
/// assert_eq!(shortened("my-very-long-project-name-production", 30), "my-very-long-project--n3rw1wah");
/// ```
///
/// # Panics
///
/// When there is no room for the digest.
pub fn shortened(name: &str, longest: usize) -> String {
    if name.len() <= longest {
        return name.to_owned();
    }
    assert!(longest > DIGEST_LENGTH, "a name of {longest} bytes has no room for a digest");
    let mut end = longest - DIGEST_LENGTH - 1;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{}", &name[..end], digest(name))
}

/// FNV-1a, in small letters and digits. It has to be the same for ever, and is nothing that anybody is protected by.
fn digest(text: &str) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let mut digits = [0; DIGEST_LENGTH];
    for digit in &mut digits {
        *digit = DIGITS[usize::try_from(hash % 36).unwrap_or_default()];
        hash /= 36;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// The name in the letters that every cloud takes.
pub fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Characters of a namespace.
const LONGEST_NAMESPACE: usize = 63;

/// What is wrong with the platform's namespace: Kubernetes refuses one with capitals or `_`, or of more than 63 characters, and is asked
/// for it only when the cluster stands.
pub fn namespace(name: &str) -> Option<Diagnostic> {
    let legal = plain(name);
    let excess = name.chars().count().saturating_sub(LONGEST_NAMESPACE);
    let (refused, hint) = if legal != name {
        ("capitals and `_`".to_owned(), format!("write `namespace: {legal}`"))
    } else if excess > 0 {
        (format!("more than {LONGEST_NAMESPACE} characters"), format!("write a `namespace` that is {excess} shorter"))
    } else {
        return None;
    };
    let detail = format!("`{name}` becomes a namespace of Kubernetes, which refuses {refused}");
    Some(Diagnostic::error("NAMESPACE_INVALID", "A name is not allowed", detail).at("/namespace").hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_is_known_by_its_digits() {
        assert_eq!(successor_of("general-01ab9f"), Some("general"));
        for plain in ["general", "general-01ab9", "general-01ab9g", "-01ab9f"] {
            assert_eq!(successor_of(plain), None, "{plain}");
        }
        assert_eq!("-01ab9f".len(), SUCCESSOR_LENGTH);
    }

    #[test]
    fn a_namespace_is_one_of_kubernetes() {
        let hint = |name: &str| namespace(name).map(|told| told.hints.concat());
        assert_eq!((hint("dev"), hint(&"n".repeat(63))), (None, None));
        assert_eq!(hint("My_Dev").as_deref(), Some("write `namespace: my-dev`"));
        assert_eq!(hint(&"n".repeat(65)).as_deref(), Some("write a `namespace` that is 2 shorter"));
    }

    #[test]
    fn names_that_are_cut_stay_apart_and_never_change() {
        let long = |end: &str| format!("{}{end}", "n".repeat(40));
        assert_ne!(shortened(&long("a"), 30), shortened(&long("b"), 30));
        assert_eq!(shortened(&long("a"), 30).len(), 30);
        assert_eq!(shortened(&long("a"), 41), long("a"));
        assert!(shortened(&"é".repeat(40), 30).len() <= 30);
        assert_eq!(digest(""), "54xu4jzh");
    }
}
