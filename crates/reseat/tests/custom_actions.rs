//! Custom actions from end to end: types 19, 35, 51 and programs of types 2, 18, 34 and 50, with their options.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::Place;
use support::product::Product;
use support::snapshot;

const CONTINUE: i32 = 64;
const ASYNC: i32 = 128;
const DEFERRED: i32 = 1024;
const ROLLBACK: i32 = DEFERRED + 256;
const COMMIT: i32 = DEFERRED + 512;

/// A program that writes its arguments, one in a line, behind the file that its first argument names.
const WRITE: &str = "#!/bin/sh\nfile=$1; shift; printf '%s\\n' \"$@\" >>\"$file\"\n";
/// A program that fails.
const FAIL: &str = "#!/bin/sh\necho \"something went wrong\"; exit 7\n";

/// A product with the programs, and with OUT the file that they write.
fn product(place: &Place) -> Product {
    Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_binary("write", WRITE)
        .with_binary("fail", FAIL)
        .with_property("OUT", place.path("out").to_str().unwrap())
}

fn out(place: &Place) -> String {
    std::fs::read_to_string(place.path("out")).unwrap_or_default()
}

/// Installs into a new prefix; it fails with these texts, and the prefix is as before.
#[track_caller]
fn refused(place: &Place, product: &Product, arguments: &[&str], texts: &[&str]) {
    let before = snapshot::tree(&place.prefix());
    place.install(&product.save(place, "test.msi"), arguments).expect_failure(texts);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
    assert_eq!(place.sessions(), [""; 0], "sessions left open");
}

#[test]
fn an_error_action_ends_the_installation_with_its_text() {
    let place = Place::with_prefix();
    let text = product(&place).with_action("Stop", 19, "", "[ProductName] does not want to", 1100);
    refused(&place, &text, &[], &["1603", "Test does not want to"]);
    let number = product(&place)
        .with_action("Stop", 19, "", "25001", 1100)
        .with_row("Error", &["25001", "[ProductName] has its reasons"]);
    refused(&place, &number, &[], &["1603", "Test has its reasons"]);
}

#[test]
fn set_directory_moves_files_and_set_property_is_formatted() {
    let place = Place::with_prefix();
    let product = product(&place)
        .with_action("Move", 35, "INSTALLDIR", "[WindowsVolume]Elsewhere", 1050)
        .with_action("Set", 51, "GREETING", "[ProductName] [ProductVersion][Nothing]", 1060)
        .with_action("Write", 2, "write", "\"[OUT]\" [INSTALLDIR] \"[GREETING]\"", 1100);
    place.install(&product.save(&place, "test.msi"), &[]).expect_code(0);
    assert!(place.drive_c("Elsewhere/readme.txt").is_file());
    assert_eq!(out(&place), "C:\\Elsewhere\\\nTest 1.0.0\n");
}

#[test]
fn programs_come_from_the_binary_table_files_command_lines_and_properties() {
    let place = Place::with_prefix();
    let product = product(&place)
        .with_file("Program", "program.sh", WRITE)
        .with_property("SHELL", "/bin/sh")
        .with_action("FromBinary", 2, "write", "\"[OUT]\" \"binary [ProductVersion]\" 'a \"b\"'", 1100)
        .with_action(
            "FromLine",
            34,
            "INSTALLDIR",
            "/bin/sh -c 'echo \"line $0\" >>\"[OUT]\"' [ProductName]",
            1110,
        )
        .with_action("FromProperty", 50, "SHELL", "-c 'echo property $WINEPREFIX >>\"$0\"' \"[OUT]\"", 1120)
        .with_action("FromFile", 18, "Program", "\"[OUT]\" file", 6700);
    place.install(&product.save(&place, "test.msi"), &[]).expect_code(0);
    let prefix = place.prefix();
    let expected = format!("binary 1.0.0\na \"b\"\nline Test\nproperty {}\nfile\n", prefix.display());
    assert_eq!(out(&place), expected);
}

#[test]
fn a_deferred_action_gets_its_custom_action_data_and_runs_in_its_place() {
    let place = Place::with_prefix();
    let script = "#!/bin/sh\nf=$(\"$RESEAT\" path \"$2\")\n\
                  if [ -f \"$f\" ]; then is=there; else is=absent; fi\n\
                  printf '%s\\n' \"$CustomActionData|$is\" >>\"$1\"\n";
    let command_line = "\"[OUT]\" \"[INSTALLDIR]readme.txt\"";
    let product = product(&place)
        .with_binary("look", script)
        .with_action("SetData", 51, "AfterFiles", "data of [ProductName]", 1450)
        .with_action("BeforeFiles", 2 + DEFERRED, "look", command_line, 3900)
        .with_action("AfterFiles", 2 + DEFERRED, "look", command_line, 4100);
    place.install(&product.save(&place, "test.msi"), &[]).expect_code(0);
    assert_eq!(out(&place), "|absent\ndata of Test|there\n");
}

#[test]
fn a_failing_action_rolls_back_and_rollback_actions_run_in_reverse() {
    let place = Place::with_prefix();
    let product = product(&place)
        .with_action("Undo1", 2 + ROLLBACK, "write", "\"[OUT]\" undo1", 3900)
        .with_action("Do1", 2 + DEFERRED, "write", "\"[OUT]\" do1", 3910)
        .with_action("Undo2", 2 + ROLLBACK, "write", "\"[OUT]\" undo2", 4100)
        .with_action("Late", 2 + COMMIT, "write", "\"[OUT]\" commit", 4110)
        .with_action("Fails", 2 + DEFERRED, "fail", "", 6500)
        .with_action("Never", 2 + ROLLBACK, "write", "\"[OUT]\" never", 6510);
    refused(&place, &product, &[], &["1603", "Fails", "7"]);
    assert_eq!(out(&place), "do1\nundo2\nundo1\n");
    assert_eq!(place.products(), [serde_json::Value::Null; 0]);
}

#[test]
fn an_action_that_knows_terminal_servers_runs_as_any_other_and_as_the_user() {
    const TERMINAL_SERVER_AWARE: i32 = 0x4000;
    const NO_IMPERSONATE: i32 = 0x800;
    let place = Place::with_prefix();
    let who = "#!/bin/sh\nprintf '%s %s\\n' \"$2\" \"$(id -u)\" >>\"$1\"\n";
    let mut package = product(&place).with_binary("who", who);
    let mut number = 4100;
    for (name, option) in
        [("plain", 0), ("aware", TERMINAL_SERVER_AWARE), ("both", TERMINAL_SERVER_AWARE + NO_IMPERSONATE)]
    {
        for (when, kind) in [("deferred", DEFERRED), ("rollback", ROLLBACK), ("commit", COMMIT)] {
            let name = format!("{when}-{name}");
            package =
                package.with_action(&name, 2 + kind + option, "who", &format!("\"[OUT]\" {name}"), number);
            number += 1;
        }
    }
    let user = rustix::process::geteuid().as_raw();
    let expect = |place: &Place, names: &[&str]| {
        let lines: String = names.iter().map(|name| format!("{name} {user}\n")).collect();
        assert_eq!(out(place), lines);
    };
    let deferred = ["deferred-plain", "deferred-aware", "deferred-both"];
    place.install(&package.save(&place, "test.msi"), &[]).expect_code(0);
    expect(&place, &[&deferred[..], &["commit-plain", "commit-aware", "commit-both"]].concat());
    // No package is told that this is a terminal server.
    let place = Place::with_prefix();
    let fails = product(&place)
        .with_binary("who", who)
        .with_action("Told", 19, "", "told", 1100)
        .with_action("Undo", 2 + ROLLBACK + TERMINAL_SERVER_AWARE, "who", "\"[OUT]\" undo", 4100)
        .with_action("Fails", 2 + DEFERRED + TERMINAL_SERVER_AWARE, "fail", "", 6500);
    let fails = fails
        .without_row("InstallExecuteSequence", "Told")
        .with_row("InstallExecuteSequence", &["Told", "TerminalServer OR RemoteAdminTS", "1100"]);
    refused(&place, &fails, &[], &["1603", "Fails", "7"]);
    expect(&place, &["undo"]);
}

#[test]
fn a_failing_immediate_action_after_the_transaction_began_rolls_back() {
    let place = Place::with_prefix();
    let product = product(&place)
        .with_row("InstallExecuteSequence", &["InstallExecute", "", "6450"])
        .with_action("Fails", 2, "fail", "", 6460);
    refused(&place, &product, &[], &["1603", "1722", "Fails", "exit code 7"]);
}

#[test]
fn a_failing_action_before_the_transaction_is_named_with_its_exit_code() {
    let place = Place::with_prefix();
    let fails = product(&place).with_action("Fails", 2, "fail", "", 1100);
    refused(&place, &fails, &[], &["1603", "1722", "Fails", "exit code 7"]);
    let dies = product(&place).with_action("Dies", 34, "INSTALLDIR", "/bin/sh -c 'kill -9 $$'", 1100);
    refused(&place, &dies, &[], &["1603", "Dies", "signal 9"]);
    let absent = product(&place).with_action("Absent", 34, "INSTALLDIR", "/nowhere/program", 1100);
    refused(&place, &absent, &[], &["1603", "Absent", "/nowhere/program"]);
    let open = product(&place).with_action("Quote", 34, "INSTALLDIR", "/bin/sh 'open", 1100);
    refused(&place, &open, &[], &["1603", "Quote", "not closed"]);
}

#[test]
fn a_commit_action_runs_once_at_the_end() {
    let place = Place::with_prefix();
    let product = product(&place)
        .with_action("Undo", 2 + ROLLBACK, "write", "\"[OUT]\" undo", 3900)
        .with_action("Commit", 2 + COMMIT, "write", "\"[OUT]\" commit", 3910)
        .with_action("Deferred", 2 + DEFERRED, "write", "\"[OUT]\" deferred", 6500)
        .with_action("After", 2, "write", "\"[OUT]\" after", 6700);
    place.install(&product.save(&place, "test.msi"), &[]).expect_code(0);
    assert_eq!(out(&place), "deferred\ncommit\nafter\n");
}

#[test]
fn a_failure_that_is_to_be_ignored_is_and_the_log_has_the_output() {
    let place = Place::with_prefix();
    let product = product(&place).with_action("Immediate", 2 + CONTINUE, "fail", "", 1100).with_action(
        "Deferred",
        2 + CONTINUE + DEFERRED,
        "fail",
        "",
        4100,
    );
    let log = place.path("log");
    place.install(&product.save(&place, "test.msi"), &["--log", log.to_str().unwrap()]).expect_code(0);
    let log = place.read("log");
    for line in ["Immediate: something went wrong", "Deferred: something went wrong"] {
        assert!(log.lines().any(|found| found == line), "no '{line}' in\n{log}");
    }
}

#[test]
fn an_asynchronous_action_is_not_waited_for() {
    let place = Place::with_prefix();
    let fifo = place.fifo("fifo");
    let script = "#!/bin/sh\nread -r line <\"$1\"; echo \"$line\" >>\"$2\"\n";
    let product = product(&place).with_binary("wait", script).with_action(
        "Async",
        2 + CONTINUE + ASYNC,
        "wait",
        &format!("\"{}\" \"[OUT]\"", fifo.display()),
        6700,
    );
    // The program waits for a line that is written when the installation has ended.
    place.install(&product.save(&place, "test.msi"), &[]).expect_code(0);
    assert_eq!(out(&place), "");
    std::fs::write(&fifo, "awake\n").unwrap();
    while out(&place).is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(out(&place), "awake\n");
}

#[test]
fn an_asynchronous_action_with_a_checked_result_is_waited_for_at_the_end() {
    let place = Place::with_prefix();
    let product = product(&place).with_action("Async", 2 + ASYNC, "write", "\"[OUT]\" done", 1100);
    place.install(&product.save(&place, "test.msi"), &[]).expect_code(0);
    assert_eq!(out(&place), "done\n");
}

#[test]
fn an_asynchronous_action_runs_beside_later_ones_and_its_result_counts_at_the_end() {
    for (code, expected) in [("0", 0), ("3", 1)] {
        let place = Place::with_prefix();
        let fifo = place.fifo("fifo");
        let wait = "#!/bin/sh\nread -r line <\"$1\"; echo \"$line\" >>\"$2\"; exit $3\n";
        let product = product(&place)
            .with_binary("wait", wait)
            .with_binary("wake", "#!/bin/sh\necho awake >\"$1\"\n")
            .with_action(
                "Waits",
                2 + ASYNC,
                "wait",
                &format!("\"{}\" \"[OUT]\" {code}", fifo.display()),
                1100,
            )
            .with_action("Wakes", 2, "wake", &format!("\"{}\"", fifo.display()), 1200);
        place.install(&product.save(&place, "test.msi"), &[]).expect_code(expected);
        assert_eq!(out(&place), "awake\n");
        // The same in the script.
        let place = Place::with_prefix();
        let fifo = place.fifo("fifo");
        let arguments = format!("\"{}\" \"[OUT]\" {code}", fifo.display());
        let product = self::product(&place)
            .with_binary("wait", wait)
            .with_binary("wake", "#!/bin/sh\necho awake >\"$1\"\n")
            .with_action("Waits", 2 + ASYNC + DEFERRED, "wait", &arguments, 4100)
            .with_action("Wakes", 2 + DEFERRED, "wake", &format!("\"{}\"", fifo.display()), 4200);
        place.install(&product.save(&place, "test.msi"), &[]).expect_code(expected);
        assert_eq!(out(&place), "awake\n");
    }
}

#[test]
fn a_windows_program_is_refused_by_name_before_anything_happens() {
    let place = Place::with_prefix();
    let early = product(&place)
        .with_binary("setup.exe", b"MZ\x90\0rest".to_vec())
        .with_action("First", 2, "write", "\"[OUT]\" ran", 1100)
        .with_action("Windows", 2, "setup.exe", "/S", 1200)
        .with_action("Later", 2 + DEFERRED, "setup.exe", "/S", 4200);
    refused(&place, &early, &[], &["1603", "Windows", "Later", "setup.exe"]);
    let library = product(&place).with_binary("custom.dll", b"MZ\x90\0rest".to_vec()).with_action(
        "Library",
        1,
        "custom.dll",
        "EntryPoint",
        1200,
    );
    refused(&place, &library, &[], &["1603", "Library", "custom.dll", "EntryPoint"]);
    let script = product(&place).with_binary("script.js", "function f() {}").with_action(
        "Script",
        5,
        "script.js",
        "f",
        1200,
    );
    refused(&place, &script, &[], &["1603", "Script"]);
    assert_eq!(out(&place), "", "an action ran");
}

#[test]
fn a_windows_program_among_the_files_is_refused_by_name_and_rolled_back() {
    let place = Place::with_prefix();
    let product = product(&place).with_file("Setup", "setup.exe", b"MZ\x90\0rest".to_vec()).with_action(
        "Windows",
        18 + DEFERRED,
        "Setup",
        "/S",
        4200,
    );
    refused(&place, &product, &[], &["1603", "Windows", "setup.exe"]);
}

#[test]
fn actions_are_skipped_when_the_user_wants_that() {
    let place = Place::with_prefix();
    let product = product(&place)
        .with_action("Fails", 2, "fail", "", 1100)
        .with_action("Runs", 2, "write", "\"[OUT]\" \"ran [SET]\"", 1200)
        .with_action("Set", 51, "SET", "set", 1050);
    let package = product.save(&place, "test.msi");
    place.install(&package, &["--skip-custom-action", "Fails"]).expect_code(0).expect_error(&["Fails"]);
    assert_eq!(out(&place), "ran set\n");
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    let ran = place.install(&package, &["--no-custom-actions"]);
    ran.expect_code(0).expect_error(&["Fails", "Runs"]);
    assert!(!ran.err.contains("Set "), "an action that is no program was skipped: {}", ran.err);
    assert_eq!(out(&place), "ran set\n");
}
