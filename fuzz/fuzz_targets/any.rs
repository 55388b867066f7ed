//! The target that the variable `TARGET` names.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use reseat_fuzz::{TARGETS, Target};

fn chosen() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("TARGET").unwrap_or_default();
        let names = || TARGETS.iter().map(|target| target.0).collect::<Vec<_>>().join(", ");
        let found = TARGETS.iter().find(|target| target.0 == name);
        *found.unwrap_or_else(|| panic!("TARGET is one of {}", names()))
    })
}

fuzz_target!(|bytes: &[u8]| chosen().1(bytes));
