//! Asynchronous actions: they run beside the sequence and the script, and are waited for at their ends.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::code::{Caller, Host, install, product};
use crate::support::Place;

const ASYNC: i32 = 128;
const CONTINUE: i32 = 64;
const DEFERRED: i32 = 1024;

fn is_installed(place: &Place) -> bool {
    place.prefix().join("drive_c/Program Files/Test/readme.txt").exists()
}

/// Waits for the value that a later action gives to a property.
fn after_later(caller: &mut Caller<'_>, code: i32) -> Option<i32> {
    (caller.property("LATER") == "yes").then_some(code)
}

#[test]
fn one_that_waits_for_a_later_action_is_waited_for_at_the_end_of_the_sequence() {
    let place = Place::with_prefix();
    let product = product()
        .with_action("Waits", 1 + ASYNC, "library", "Entry", 1100)
        .with_action("Set", 51, "LATER", "yes", 1200)
        .with_action("Reads", 1, "library", "Entry", 1300);
    let seen = RefCell::new(Vec::new());
    let host = Host::default()
        .with_patient("Waits", |caller| {
            after_later(caller, 0).inspect(|_| {
                caller.set_property("BY", "Waits");
                seen.borrow_mut().push("waited");
            })
        })
        .with("Reads", |caller| {
            assert_eq!(caller.property("BY"), "Waits");
            seen.borrow_mut().push("read");
            0
        });
    install(&place, &product, &host).unwrap();
    assert_eq!(*seen.borrow(), ["waited", "read"]);
}

#[test]
fn its_failure_counts_at_the_end_of_the_sequence_and_undoes_the_installation() {
    for (kind, code, expected) in
        [(1 + ASYNC, 1603, Some(1603)), (1 + ASYNC, 1602, Some(1602)), (1 + ASYNC + CONTINUE, 1603, None)]
    {
        let place = Place::with_prefix();
        let product = product()
            .with_action("Waits", kind, "library", "Entry", 1100)
            .with_action("Set", 51, "LATER", "yes", 6500)
            .with_action("Later", 1 + DEFERRED, "library", "Entry", 4100);
        let ran = Cell::new(false);
        let host =
            Host::default().with_patient("Waits", |caller| after_later(caller, code)).with("Later", |_| {
                ran.set(true);
                0
            });
        let result = install(&place, &product, &host);
        assert_eq!(result.err().map(|error| error.code()), expected);
        assert!(ran.get(), "the sequence did not go on");
        assert!(is_installed(&place), "what is committed stays");
    }
}

#[test]
fn one_in_the_script_is_waited_for_before_the_commit() {
    for (code, expected) in [(0, None), (1603, Some(1603))] {
        let place = Place::with_prefix();
        let product = product()
            .with_action("Waits", 1 + DEFERRED + ASYNC, "library", "Entry", 4100)
            .with_action("Later", 1 + DEFERRED, "library", "Entry", 4200);
        let later = Cell::new(false);
        let host = Host::default()
            .with_patient("Waits", |caller| {
                assert_eq!(caller.property("ProductName"), "");
                later.get().then_some(code)
            })
            .with("Later", |_| {
                later.set(true);
                0
            });
        let result = install(&place, &product, &host);
        assert_eq!(result.err().map(|error| error.code()), expected);
        assert!(later.get());
        assert_eq!(is_installed(&place), expected.is_none());
    }
}

#[test]
fn an_action_may_wait_for_one_that_runs_beside_it() {
    let place = Place::with_prefix();
    let product = product()
        .with_action("Beside", 1 + ASYNC, "library", "Entry", 1100)
        .with_action("Set", 51, "LATER", "yes", 1200)
        .with_action("Waits", 1, "library", "Entry", 1300);
    let host = Host::default().with_patient("Beside", |caller| {
        (caller.property("ASKED") == "yes").then(|| {
            caller.set_property("ANSWERED", "yes");
            0
        })
    });
    let host = host.with("Waits", |caller| {
        caller.set_property("ASKED", "yes");
        let began = Instant::now();
        // As a host does while the code of the action waits.
        while caller.property("ANSWERED").is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody answers");
            caller.functions.serve_others();
        }
        assert!(!caller.functions.serve_others());
        0
    });
    install(&place, &product, &host).unwrap();
}
