//! A product with every kind of operation, and a prefix that is ready for it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::Place;
use super::product::{Product, guid};

const DEFERRED: i32 = 1024;
const ROLLBACK: i32 = DEFERRED + 256;
const COMMIT: i32 = DEFERRED + 512;

const ACTIONS: &[(&str, i32)] = &[
    ("RemoveIniValues", 3100),
    ("MoveFiles", 3800),
    ("UnregisterClassInfo", 2700),
    ("UnregisterProgIdInfo", 2900),
    ("RegisterClassInfo", 4600),
    ("RegisterProgIdInfo", 4800),
    ("WriteIniValues", 5100),
    ("UnregisterFonts", 2500),
    ("RegisterFonts", 5300),
    ("DeleteServices", 2000),
    ("InstallServices", 5800),
    ("RemoveEnvironmentStrings", 3300),
    ("WriteEnvironmentStrings", 5200),
];

/// Writes a line behind a file.
const NOTE: &str = "#!/bin/sh\necho \"$2\" >>\"$1\"\n";
const REMOVE: &str = "#!/bin/sh\nrm -f \"$1\"\n";

/// What the product finds: files that it replaces, moves, changes and removes.
pub fn prepare(place: &Place) {
    let old = place.drive_c("Old");
    std::fs::create_dir_all(&old).unwrap();
    std::fs::create_dir_all(place.drive_c("Program Files/Test/Gone")).unwrap();
    for (name, mode) in [("Old/move.txt", 0o640), ("Old/copy.txt", 0o444), ("Old/stays.txt", 0o600)] {
        write(&place.drive_c(name), name, mode);
    }
    write(&place.drive_c("windows/shared.ini"), "; mine\n[Main]\nKeep = 1\nGone=2\n", 0o644);
    for (name, mode) in [("data.txt", 0o644), ("junk.tmp", 0o600), ("Gone/junk.tmp", 0o755)] {
        write(&place.drive_c("Program Files/Test").join(name), &format!("older than old: {name}"), mode);
    }
}

fn write(path: &Path, content: &str, mode: u32) {
    std::fs::write(path, content).unwrap();
    let long_ago = UNIX_EPOCH + Duration::new(1_000_000_000, 7);
    std::fs::File::open(path).unwrap().set_modified(long_ago).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A version with all of it. `FAIL=1` makes it fail at the end, `FAILCOMMIT=1` in
/// the commit; its commit action notes itself in the file `commits`.
pub fn everything(place: &Place, version: &str) -> Product {
    let made = place.drive_c(&format!("made by version {version}"));
    let (made, commits) = (made.to_str().unwrap(), place.path("commits"));
    let class = guid(6, 1);
    let class_row =
        [&class, "LocalServer32", "Main", "Test.App.1", "A class", "", "", "", "", "", "", "Main", ""];
    let font = "no font at all";
    Product::new()
        .version(version)
        .with_standard_actions(ACTIONS)
        .with_property("OLD", "C:\\Old")
        .with_property("MADE", made)
        .with_property("COMMITS", commits.to_str().unwrap())
        .with_file("Program", "program.exe", format!("MZ program {version}"))
        .with_file("Data", "data.txt", "new data, longer than what was there")
        .with_file("Hidden", "hidden.dat", vec![7; 70_000])
        .with_file("Face", "face.fon", font)
        .with_key_file("Program")
        .with_folder("Empty", "empty")
        .with_row("RemoveFile", &["Junk", "Main", "*.tmp", "INSTALLDIR", "3"])
        .with_row("Directory", &["GONE", "INSTALLDIR", "Gone"])
        .with_row("RemoveFile", &["JunkBelow", "Main", "junk.tmp", "GONE", "3"])
        .with_row("RemoveFile", &["FolderBelow", "Main", "", "GONE", "3"])
        .with_row("MoveFile", &["Move", "Main", "move.txt", "moved.txt", "OLD", "INSTALLDIR", "1"])
        .with_row("MoveFile", &["Copy", "Main", "copy.txt", "", "OLD", "INSTALLDIR", "0"])
        .with_row("DuplicateFile", &["Twice", "Main", "Data", "twice.txt", "INSTALLDIR"])
        .with_row("IniFile", &["Entry", "shared.ini", "", "Main", "New", "1", "0", "Main"])
        .with_row("IniFile", &["Fresh", "fresh.ini", "INSTALLDIR", "Main", "New", "1", "0", "Main"])
        .with_row("RemoveIniFile", &["Gone", "shared.ini", "", "Main", "Gone", "", "2", "Main"])
        .with_row("Registry", &["Value", "2", "Software\\Test\\Deep", "Text", "text", "Main"])
        .with_row("Registry", &["User", "1", "Software\\Test", "Number", "#7", "Main"])
        .with_row("Registry", &["Key", "2", "Software\\Test\\Empty", "+", "", "Main"])
        .with_row("Environment", &["Variable", "=-*TEST_VARIABLE", "value", "Main"])
        .with_row("Directory", &["ProgramMenuFolder", "TARGETDIR", "."])
        .with_icon("main.ico", "icon")
        .with_row(
            "Shortcut",
            &[
                "Link",
                "ProgramMenuFolder",
                "Test",
                "Main",
                "[#Program]",
                "",
                "",
                "",
                "main.ico",
                "0",
                "1",
                "",
            ],
        )
        .with_row("Font", &["Face", "Face 8,10"])
        .with_row("Class", &class_row)
        .with_row("ProgId", &["Test.App.1", "", &class, "Test application", "", ""])
        .with_row(
            "ServiceInstall",
            &["Service", "TestService", "Test", "16", "3", "1", "", "", "", "", "", "Main", ""],
        )
        .with_row("ServiceControl", &["Service", "TestService", "160", "", "", "Main"])
        .with_binary("note", NOTE)
        .with_binary("remove", REMOVE)
        .with_action("UndoMake", 2 + ROLLBACK, "remove", "\"[MADE]\"", 4005)
        .with_action("Make", 2 + DEFERRED, "note", "\"[MADE]\" made", 4010)
        .with_action("Noted", 2 + COMMIT, "note", "\"[COMMITS]\" committed", 4020)
        .with_action("Fails", 2 + DEFERRED, "fail", "", 6500)
        .with_binary("fail", "#!/bin/sh\nexit 7\n")
        .with_condition("Fails", "FAIL")
        .with_action("FailsLate", 2 + COMMIT, "fail", "", 6510)
        .with_condition("FailsLate", "FAILCOMMIT")
}
