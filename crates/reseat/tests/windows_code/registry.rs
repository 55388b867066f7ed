//! What programs of the Wine that runs write into the registry while an installation is at work that fails.

use super::support::paused::{Paused, pausing_at};
use super::support::windows::{KeepsWine, Windows, wine};
use super::*;

/// How the installation ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Fails,
    /// It is killed, and recovered while Wine goes on.
    Killed,
    /// It is killed, and recovered after Wine has ended.
    KilledThenWithoutWine,
}

fn reg(windows: &Windows, arguments: &[&str]) -> bool {
    let arguments = [&["reg.exe"], arguments].concat();
    run(&mut wine(&windows.prefix, &arguments)).status.success()
}

#[test]
fn what_a_program_of_the_wine_that_runs_wrote_stays_and_ours_is_undone() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let (ours, theirs) = (r"HKLM\Software\Reseat Ours", r"HKLM\Software\Reseat Theirs");
    if windows.drive_c("Program Files/Test").exists() {
        windows.reseat(&place, &["uninstall", "-q", "Test"]);
    }
    let product = windows
        .product()
        .with_row("Registry", &["A", "2", r"Software\Reseat Ours\Deep", "new", "ours", "Main"])
        .with_row("Registry", &["B", "2", r"Software\Reseat Theirs", "both", "ours", "Main"])
        .with_action("Fails", 34 + DEFERRED, "INSTALLDIR", "/bin/false", 6500);
    for end in [End::Fails, End::Killed, End::KilledThenWithoutWine] {
        let place = Place::new();
        let package = pausing_at(5100, DEFERRED, &place, product.clone()).save(&place, "test.msi");
        let wine_runs = KeepsWine::start(windows);
        assert!(reg(windows, &["add", theirs, "/v", "both", "/d", "before", "/f"]));
        let mut command = windows.command(&place, &["install", "-q", package.to_str().unwrap()]);
        command.env_remove("TMPDIR");
        let paused = Paused::begin_command(&place, command);
        let written = windows.registry();
        assert!(written.contains("\"new\"=\"ours\"") && written.contains("\"both\"=\"ours\""), "{end:?}");
        assert!(reg(windows, &["add", theirs, "/v", "meanwhile", "/d", "theirs", "/f"]));
        assert!(reg(windows, &["add", ours, "/v", "meanwhile too", "/d", "theirs", "/f"]));
        let mut wine_runs = Some(wine_runs);
        if end == End::Fails {
            let (status, error) = paused.end();
            assert_eq!(status.code(), Some(1), "{error}");
        } else {
            paused.kill();
            if end == End::KilledThenWithoutWine {
                wine_runs = None;
                windows.wait_for_end();
            }
            windows.reseat(&place, &["recover"]).expect_code(0);
        }
        let recovered = windows.reseat(&place, &["recover"]);
        assert_eq!(recovered.expect_code(0).out, "nothing to recover\n");
        drop(wine_runs);
        windows.wait_for_end();
        let registry = windows.registry();
        for value in ["\"meanwhile\"=\"theirs\"", "\"meanwhile too\"=\"theirs\"", "\"both\"=\"before\""] {
            assert!(registry.contains(value), "{value} is lost: {end:?}");
        }
        for ours in ["\"new\"=\"ours\"", "\"both\"=\"ours\"", r"Reseat Ours\\Deep"] {
            assert!(!registry.contains(ours), "{ours} is left: {end:?}");
        }
        for key in [ours, theirs] {
            assert!(reg(windows, &["delete", key, "/f"]));
        }
    }
}
