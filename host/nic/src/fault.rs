//! Faults that tests ask for by `NIC_FAULT`: what cannot be made to happen from the outside.

/// `NIC_FAULT=journal-write:<which>:before|after` ends the process at a write of the state, as kill -9 would: at the n-th, or at the
/// first `with:<text>` in it, or `without:<text>`. `NIC_FAULT=panic:write:<n>` panics before the n-th.
pub(crate) fn at_write(number: u64, bytes: &[u8], moment: &str) {
    if std::env::var("NIC_FAULT").is_ok_and(|fault| strikes(&fault, number, bytes, moment)) {
        std::process::abort();
    }
    if moment == "before" {
        panics_at(&format!("write:{number}"));
    }
}

fn strikes(fault: &str, number: u64, bytes: &[u8], moment: &str) -> bool {
    let which = fault.strip_prefix("journal-write:").and_then(|rest| rest.strip_suffix(moment)?.strip_suffix(':'));
    let has = |text: &str| bytes.windows(text.len().max(1)).any(|part| part == text.as_bytes());
    which.is_some_and(|which| match which.split_once(':') {
        Some(("with", text)) => has(text),
        Some(("without", text)) => !has(text),
        _ => which == number.to_string(),
    })
}

/// `NIC_FAULT=panic:<place>` panics there, with what nobody is to see in its words.
///
/// # Panics
/// When it is asked for.
pub fn panics_at(place: &str) {
    if asked(&format!("panic:{place}")) {
        let arguments: Vec<_> = std::env::args_os().collect();
        panic!("a test asked for it in {place}: {arguments:?}");
    }
}

/// The same where nobody but the runtime would see it: `task` and `blocking`.
pub async fn panics_elsewhere() {
    if asked("panic:task") {
        let _ = tokio::spawn(async { panics_at("task") }).await;
    }
    if asked("panic:blocking") {
        let _ = tokio::task::spawn_blocking(|| panics_at("blocking")).await;
    }
}

fn asked(fault: &str) -> bool {
    std::env::var_os("NIC_FAULT").is_some_and(|asked| asked == fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_at_the_write_and_the_moment_that_it_names() {
        let strikes = |which: &str, moment| strikes(&format!("journal-write:{which}"), 7, br#"{"a": 1}"#, moment);
        for which in ["7:before", r#"with:"a": 1:before"#, "without:b:before"] {
            assert!(strikes(which, "before") && !strikes(which, "after"), "{which}");
        }
        for which in ["8:before", "with:b:before", "without:a:before", "7", ""] {
            assert!(!strikes(which, "before"), "{which}");
        }
    }
}
