//! What is said of a defect in Reseat itself.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic;

/// From now on a panic is reported by its place and not in its words, which may quote what a package keeps secret.
/// `RUST_BACKTRACE` adds the calls that led to it.
pub fn name_places_only() {
    panic::set_hook(Box::new(|crash| {
        let place = crash.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        eprintln!("reseat: a defect of Reseat itself, at {place}; please report it");
        eprintln!("reseat: if an installation was going on, `reseat recover` undoes or finishes it");
        let calls = Backtrace::capture();
        if calls.status() == BacktraceStatus::Captured {
            eprintln!("{calls}");
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::Command;

    const CRASHING: &str = "RESEAT_TEST_CRASH";

    #[test]
    fn a_crash_names_its_place_and_tells_no_secret() {
        if let Some(secret) = env::var_os(CRASHING) {
            super::name_places_only();
            panic!("the property is {}", secret.display());
        }
        let this = "crash::tests::a_crash_names_its_place_and_tells_no_secret";
        let mut child = Command::new(env::current_exe().unwrap());
        let crash =
            child.args(["--exact", this, "--nocapture"]).env(CRASHING, "Xylograph-77").output().unwrap();
        let said = String::from_utf8_lossy(&crash.stderr);
        assert!(!crash.status.success());
        assert!(said.contains("a defect of Reseat itself, at crates/reseat/src/crash.rs:"), "{said}");
        assert!(!said.contains("Xylograph"), "{said}");
    }
}
