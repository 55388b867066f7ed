//! Progress bars: on a terminal long work says how far it is, and elsewhere there is nothing of that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::dialogue::Dialogue;
use support::product::Product;
use support::{Place, package, run};

/// Bytes of the file that is unpacked and packed.
const SIZE: usize = 3 << 20;
/// Rows of a table that are compared and checked.
const ROWS: usize = 5000;

/// A command, what its bar says of the whole, and its exit code.
type Case<'c> = (&'c [&'c str], &'c str, i32);

/// Two packages with a large file and a long table, and the commands that take long for them.
fn with_cases(check: impl Fn(&Place, Case)) {
    let place = Place::new();
    // Not compressible, so that the cabinet is as large.
    let mut number = 1_u32;
    let content: Vec<u8> = std::iter::repeat_with(|| {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (number >> 24) as u8
    })
    .take(SIZE)
    .collect();
    place.write("large.bin", &content);
    for (name, value) in [("one.msi", "1"), ("two.msi", "2")] {
        let mut product = Product::new().with_file("large", "large.bin", content.clone());
        for row in 0..ROWS {
            product.row("Property", &[&format!("P{row:04}"), value]);
        }
        product.save(&place, name);
    }
    let whole = " of 3.00 MiB";
    let cases: [Case; 10] = [
        (&["extract", "one.msi", "extracted"], whole, 0),
        (&["cab", "create", "made.cab", "large.bin"], whole, 0),
        (&["cab", "extract", "made.cab", "from-cabinet"], whole, 0),
        // The package's cabinet, which is a little larger than what is in it.
        (&["export", "one.msi", "exported"], whole, 0),
        (&["import", "exported", "imported.msi"], whole, 0),
        // The rows of both packages, then the streams that both have.
        (&["diff", "one.msi", "two.msi"], " rows ", 1),
        (&["diff", "one.msi", "one.msi"], whole, 0),
        (&["validate", "one.msi"], " values ", 0),
        (&["install", "one.msi"], "%", 0),
        (&["uninstall", "one.msi"], "%", 0),
    ];
    for case in cases {
        check(&place, case);
    }
}

#[test]
fn long_work_says_on_a_terminal_how_far_it_is() {
    with_cases(|place, (arguments, whole, code)| {
        let command = &mut place.reseat_command(arguments);
        let Some(mut dialogue) = Dialogue::begin(command.env("TERM", "xterm")) else { return };
        dialogue.expect(whole).expect("%");
        assert_eq!(dialogue.end(), Some(code), "{arguments:?}");
    });
}

#[test]
fn checking_a_signature_says_how_far_it_is() {
    let Some(package) = package("putty-0.68-installer.msi") else { return };
    let place = Place::new();
    let command = &mut place.reseat_command(&["signature", package.to_str().unwrap()]);
    let Some(mut dialogue) = Dialogue::begin(command.env("TERM", "xterm")) else { return };
    dialogue.expect(" MiB ").expect("%");
    assert_eq!(dialogue.end(), Some(0));
}

#[test]
fn nothing_is_said_of_it_where_no_terminal_is() {
    with_cases(|place, (arguments, _, code)| {
        let ran = run(&mut place.reseat_command(arguments));
        assert_eq!(ran.status.code(), Some(code), "{arguments:?}: {}", ran.err);
        let unwanted = ['%', '\r', '\u{1b}'];
        assert!(!ran.err.contains(unwanted), "{arguments:?}: {}", ran.err);
    });
}

#[test]
fn who_wants_it_quiet_or_for_programs_sees_no_bar_on_a_terminal() {
    for option in ["--quiet", "--json"] {
        with_cases(|place, (arguments, _, code)| {
            let command = &mut place.reseat_command(&[arguments, &[option]].concat());
            let Some(mut dialogue) = Dialogue::begin(command.env("TERM", "xterm")) else { return };
            assert_eq!(dialogue.end(), Some(code), "{arguments:?} {option}");
            let said = dialogue.rest();
            assert!(!said.contains(['%', '\u{1b}']), "{arguments:?} {option}: {said}");
        });
    }
}
