//! Faults that tests ask for by `NIC_FAULT`: what cannot be made to happen from the outside.

/// `NIC_FAULT=journal-write:<n>:before|after` ends the process at the n-th write of the state, as kill -9 would;
/// `NIC_FAULT=panic:write:<n>` panics before it.
pub(crate) fn at_write(number: u64, moment: &str) {
    if asked(&format!("journal-write:{number}:{moment}")) {
        std::process::abort();
    }
    if moment == "before" {
        panics_at(&format!("write:{number}"));
    }
}

/// `NIC_FAULT=panic:<place>` panics there, with what nobody is to see in its words.
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
