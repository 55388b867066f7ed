//! Hostile packages: paths and links that lead out, sizes that never end, secrets, and packages with bytes changed by the
//! hundred. More of them are in `bad_input.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::CWD;

use support::disk::Dice;
use support::paused::{Paused, pausing};
use support::product::Product;
use support::{Place, everything, has_tool, run, snapshot};

const DEFERRED: i32 = 1024;

fn product() -> Product {
    Product::new().with_file("Readme", "readme.txt", "text")
}

/// Everything outside of the prefix that a package could wish to reach.
fn outside(place: &Place) -> snapshot::Tree {
    snapshot::tree(&place.path("outside"))
}

fn with_outside() -> Place {
    let place = Place::in_memory();
    drop(reseat_machine::Machine::create(&place.prefix(), reseat_machine::Bitness::X64).unwrap());
    std::fs::create_dir(place.path("outside")).unwrap();
    for name in ["data.txt", "junk.tmp", "readme.txt", "shared.ini"] {
        std::fs::write(place.path("outside").join(name), "[Main]\noutside=1\n").unwrap();
    }
    place
}

#[test]
fn links_in_the_place_of_files_are_replaced_and_never_written_through() {
    let place = with_outside();
    everything::prepare(&place);
    let before = outside(&place);
    let folder = place.drive_c("Program Files/Test");
    for (name, target) in [("data.txt", "data.txt"), ("junk.tmp", "junk.tmp"), ("twice.txt", "readme.txt")] {
        drop(std::fs::remove_file(folder.join(name)));
        symlink(place.path("outside").join(target), folder.join(name)).unwrap();
    }
    let package = everything::everything(&place, "1.0.0").save(&place, "test.msi");
    let ran = place.install(&package, &[]);
    snapshot::assert_same(&before, &outside(&place));
    if ran.status.success() {
        for name in ["data.txt", "twice.txt"] {
            assert!(std::fs::symlink_metadata(folder.join(name)).unwrap().is_file(), "{name}");
        }
    } else {
        assert!(ran.err.contains("link"), "{}", ran.err);
    }
}

#[test]
fn folders_that_are_links_are_neither_emptied_nor_filled() {
    let place = with_outside();
    everything::prepare(&place);
    let before = outside(&place);
    std::fs::remove_dir_all(place.drive_c("Program Files/Test/Gone")).unwrap();
    symlink(place.path("outside"), place.drive_c("Program Files/Test/Gone")).unwrap();
    std::fs::remove_dir_all(place.drive_c("Old")).unwrap();
    symlink(place.path("outside"), place.drive_c("Old")).unwrap();
    let package = everything::everything(&place, "1.0.0").save(&place, "test.msi");
    place.install(&package, &[]).expect_failure(&["link"]);
    snapshot::assert_same(&before, &outside(&place));
}

#[test]
fn links_that_appear_during_the_installation_are_not_followed() {
    let place = with_outside();
    everything::prepare(&place);
    let before = outside(&place);
    // A program of the package puts a link in the place of a folder that files are about to go to, or backups are in.
    for (folder, sequence) in [
        ("Program Files/Test", 3990),
        ("Program Files/Test", 6560),
        ("Program Files", 3990),
        ("Config.Msi", 3990),
        ("Config.Msi", 6560),
        ("windows", 4990),
        ("Old", 3790),
    ] {
        let path = place.drive_c(folder);
        let swap = "#!/bin/sh\nmv \"$1\" \"$1.moved\"; ln -s \"$2\" \"$1\"\n";
        let line = format!("\"{}\" \"{}\"", path.display(), place.path("outside").display());
        let product = everything::everything(&place, "1.0.0").with_binary("swap", swap);
        let package =
            product.with_action("Swap", 2 + DEFERRED, "swap", &line, sequence).save(&place, "test.msi");
        let ran = place.bounded(&["install", "-q", package.to_str().unwrap()]);
        snapshot::assert_same(&before, &outside(&place));
        place.bounded(&["recover"]);
        snapshot::assert_same(&before, &outside(&place));
        // What it did is put right by hand, and the rest can be undone.
        if path.is_symlink() {
            std::fs::remove_file(&path).unwrap();
            std::fs::rename(path.with_extension("moved"), &path)
                .or_else(|_| std::fs::rename(format!("{}.moved", path.display()), &path))
                .unwrap();
        }
        let recovered = place.bounded(&["recover"]);
        recovered.expect_code(0);
        snapshot::assert_same(&before, &outside(&place));
        if ran.status.success() {
            place.bounded(&["uninstall", "-q", package.to_str().unwrap()]);
            snapshot::assert_same(&before, &outside(&place));
        }
        drop(std::fs::remove_dir_all(place.prefix()));
        drop(reseat_machine::Machine::create(&place.prefix(), reseat_machine::Bitness::X64).unwrap());
        everything::prepare(&place);
    }
}

#[test]
fn a_folder_that_becomes_a_link_and_back_all_the_time_leads_nowhere() {
    let place = with_outside();
    everything::prepare(&place);
    let before = outside(&place);
    let (folder, link) = (place.drive_c("Program Files/Test"), place.drive_c("Program Files/Link"));
    symlink(place.path("outside"), &link).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    let swapping = std::thread::spawn(move || {
        let mut swaps = 0_u64;
        while !told.load(Ordering::Relaxed) {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            swaps += u64::from(rustix::fs::renameat_with(CWD, &folder, CWD, &link, flags).is_ok());
            std::thread::sleep(Duration::from_micros(50));
        }
        swaps
    });
    let package = everything::everything(&place, "1.0.0").save(&place, "test.msi");
    let mut ended = [0; 2];
    for round in 0..10 {
        let ran =
            place.bounded(&["install", "-q", package.to_str().unwrap(), ["FAIL=1", "FAIL="][round % 2]]);
        place.bounded(&["recover"]);
        place.bounded(&["uninstall", "-q", package.to_str().unwrap()]);
        ended[usize::from(ran.status.success())] += 1;
        snapshot::assert_same(&before, &outside(&place));
    }
    over.store(true, Ordering::Relaxed);
    let swaps = swapping.join().unwrap();
    println!("{swaps} swaps: {} failed, {} succeeded, none went outside", ended[0], ended[1]);
    assert!(swaps > 100, "{swaps}");
}

#[test]
fn files_with_a_second_name_outside_keep_their_content_there() {
    let place = with_outside();
    everything::prepare(&place);
    for (inside, name) in [("Program Files/Test/data.txt", "data.txt"), ("windows/shared.ini", "shared.ini")]
    {
        std::fs::remove_file(place.drive_c(inside)).unwrap();
        std::fs::hard_link(place.path("outside").join(name), place.drive_c(inside)).unwrap();
    }
    // What others planted where Reseat keeps things of its own.
    for name in [".reseat.lock", "system.reg.reseat-new", "user.reg.reseat-new"] {
        drop(std::fs::remove_file(place.prefix().join(name)));
        std::fs::hard_link(place.path("outside/readme.txt"), place.prefix().join(name)).unwrap();
    }
    let before = outside(&place);
    let package = everything::everything(&place, "1.0.0").save(&place, "test.msi");
    place.install(&package, &[]).expect_failure(&["lock", "other name"]);
    snapshot::assert_same(&before, &outside(&place));
    std::fs::remove_file(place.prefix().join(".reseat.lock")).unwrap();
    place.install(&package, &[]).expect_code(0);
    snapshot::assert_same(&before, &outside(&place));
    place.reseat(&["uninstall", "-q", package.to_str().unwrap()]).expect_code(0);
    snapshot::assert_same(&before, &outside(&place));
}

#[test]
fn what_would_go_to_a_drive_outside_is_refused_and_leaves_nothing_to_be_recovered() {
    let place = with_outside();
    everything::prepare(&place);
    symlink(place.path("outside"), place.prefix().join("dosdevices/d:")).unwrap();
    let (before, beyond) = (snapshot::tree(&place.prefix()), outside(&place));
    for (table, row) in [
        ("MoveFile", ["Out", "Main", "stays.txt", "", "OLD", "ACROSS", "1"].as_slice()),
        ("DuplicateFile", &["Out", "Main", "Data", "out.txt", "ACROSS"]),
        ("RemoveFile", &["Out", "Main", "data.txt", "ACROSS", "3"]),
        ("CreateFolder", &["ACROSS", "Main"]),
    ] {
        let product = everything::everything(&place, "1.0.0").with_property("ACROSS", "D:\\");
        let package = product.with_row(table, row).save(&place, "test.msi");
        let ran = place.install(&package, &[]);
        snapshot::assert_same(&beyond, &outside(&place));
        if !ran.status.success() {
            ran.expect_failure(&["D:"]);
            snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
        }
        assert_eq!(place.reseat(&["recover"]).expect_code(0).out, "nothing to recover\n", "{table}");
        if ran.status.success() {
            place.reseat(&["uninstall", "-q", package.to_str().unwrap()]).expect_code(0);
        }
    }
}

#[test]
fn registry_files_that_are_links_stay_what_they_lead_to() {
    let place = with_outside();
    let elsewhere = place.path("outside/elsewhere.reg");
    std::fs::rename(place.prefix().join("user.reg"), &elsewhere).unwrap();
    symlink(&elsewhere, place.prefix().join("user.reg")).unwrap();
    let before = outside(&place);
    let package = product().with_row("Registry", &["R", "1", "Software\\Test", "a", "1", "Main"]);
    let _ = place.install(&package.save(&place, "test.msi"), &[]);
    snapshot::assert_same(&before, &outside(&place));
}

#[test]
fn names_that_differ_only_in_letter_case_are_one_file() {
    let place = Place::with_prefix();
    let two = product().with_file("Second", "README.TXT", "other text");
    let package = two.save(&place, "test.msi");
    let before = snapshot::tree(&place.drive_c("Program Files"));
    if place.install(&package, &[]).status.success() {
        assert_eq!(std::fs::read_dir(place.drive_c("Program Files/Test")).unwrap().count(), 1);
        place.reseat(&["uninstall", "-q", package.to_str().unwrap()]).expect_code(0);
    }
    snapshot::assert_same(&before, &snapshot::tree(&place.drive_c("Program Files")));
}

#[test]
fn names_that_are_too_long_are_refused_without_a_trace() {
    let place = Place::with_prefix();
    let before = snapshot::tree(&place.prefix());
    for name in [format!("a|{}.txt", "x".repeat(252)), format!("a|{}", "\u{e9}".repeat(200))] {
        let package = Product::new().with_file("Long", &name, "text").save(&place, "test.msi");
        place.install(&package, &[]).expect_code(1);
        snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
    }
}

#[test]
fn what_never_ends_is_refused_soon() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let begin = Instant::now();
    let packages = [
        ("condition", product().with_condition("InstallFiles", &deep("(", ")"))),
        ("negations", product().with_condition("InstallFiles", &deep("NOT ", ""))),
        (
            "Formatted text",
            product().with_row("Registry", &["R", "2", "Software\\T", "a", &deep("[", "]"), "Main"]),
        ),
        ("braces", product().with_row("Registry", &["R", "2", "Software\\T", "a", &deep("{", "}"), "Main"])),
        (
            "a property",
            product().with_property("DEEP", &deep("[", "]")).with_action("Deep", 51, "X", "[DEEP]", 700),
        ),
    ];
    for (what, product) in packages {
        let place = Place::with_prefix();
        let package = product.save(&place, "test.msi");
        let before = snapshot::tree(&place.prefix());
        let ran = place.bounded(&["install", "-q", package.to_str().unwrap()]);
        if !ran.status.success() {
            snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}");
    }
    let place = Place::with_prefix();
    let package = product().save(&place, "test.msi");
    let query = format!("SELECT `Property` FROM `Property` WHERE {}", deep("(", ")"));
    let file = place.write("query.sql", query);
    let mut command = place.command("timeout");
    command
        .args(["-s", "KILL", "60", env!("CARGO_BIN_EXE_reseat"), "sql"])
        .arg(&package)
        .stdin(std::fs::File::open(file).unwrap());
    let ran = run(&mut command);
    assert!(ran.status.code().is_some_and(|code| code == 1 || code == 2), "{}{}", ran.out, ran.err);
}

#[test]
fn folders_that_are_too_deep_are_refused() {
    let place = Place::with_prefix();
    let before = snapshot::tree(&place.prefix());
    for (depth, refused) in [(200, false), (5_000, true)] {
        let mut chain = product();
        for number in 0..depth {
            let parent = if number == 0 { "INSTALLDIR".to_owned() } else { format!("D{}", number - 1) };
            chain.row("Directory", &[&format!("D{number}"), &parent, "x"]);
        }
        chain.row("CreateFolder", &[&format!("D{}", depth - 1), "Main"]);
        let package = chain.save(&place, "test.msi");
        let ran = place.bounded(&["install", "-q", package.to_str().unwrap()]);
        if refused {
            ran.expect_failure(&["Directory", "deeper than 256 levels"]);
        } else {
            ran.expect_code(0);
            place.bounded(&["uninstall", "-q", package.to_str().unwrap()]).expect_code(0);
        }
        let left = snapshot::differences(&before, &snapshot::tree(&place.prefix()));
        assert!(left.iter().all(|line| line == "~ system.reg"), "{left:?}");
    }
}

#[test]
fn hidden_properties_appear_nowhere() {
    let place = Place::with_prefix();
    let write = "#!/bin/sh\necho \"got $CustomActionData\" >>\"$1\"\necho 'said nothing'\n";
    let out = place.path("out");
    let with_secret = product()
        .with_property("MsiHiddenProperties", "SECRET;Note")
        .with_property("SECRET", "open sesame")
        .with_property("OUT", out.to_str().unwrap())
        .with_row("Registry", &["R", "2", "Software\\Test", "a", "[SECRET]", "Main"])
        .with_binary("note", write)
        .with_action("SetNote", 51, "Note", "[SECRET]", 3900)
        .with_action("Note", 2 + DEFERRED, "note", "\"[OUT]\" \"[SECRET]\"", 4100);
    // A secret goes into everything that a message can show.
    let secret_path = place.path("[SECRET]/tool");
    let secret_path = format!("\"{}\" x", secret_path.display());
    let everywhere = with_secret
        .clone()
        .with_standard_actions(&[
            ("WriteIniValues", 5100),
            ("WriteEnvironmentStrings", 5200),
            ("LaunchConditions", 100),
        ])
        .with_action("SetCopy", 51, "COPY", "x[SECRET]x", 50)
        .with_row("Registry", &["S", "2", "Software\\[SECRET]", "[SECRET]", "a [SECRET] b", "Main"])
        .with_row("IniFile", &["I", "test.ini", "INSTALLDIR", "[SECRET]", "[COPY]", "[SECRET]", "0", "Main"])
        .with_row("Environment", &["E", "=-*TEST_SECRET", "[SECRET]", "Main"]);
    let path = everywhere.clone().with_action("Path", 34, "INSTALLDIR", &secret_path, 1100);
    let unquoted = with_secret.clone().with_action("Path", 34, "INSTALLDIR", "/opt/[SECRET]/tool", 1100);
    let later = everywhere.clone().with_action("Path", 34 + DEFERRED, "INSTALLDIR", &secret_path, 4110);
    let undoing = everywhere
        .clone()
        .with_action("Path", 34 + DEFERRED + 256, "INSTALLDIR", &secret_path, 3950)
        .with_action("Fails", 34 + DEFERRED, "INSTALLDIR", "/bin/false", 6500);
    let by_property = everywhere
        .clone()
        .with_action("SetTool", 51, "TOOL", "/opt/[SECRET]/tool", 60)
        .with_action("Path", 50, "TOOL", "[SECRET]", 1100);
    let message =
        everywhere.clone().with_action("Says", 19, "", "the password is [SECRET], \"[COPY]\"", 6550);
    let launch = everywhere.clone().with_row("LaunchCondition", &["0", "not with [SECRET]"]);
    let broken = with_secret.clone().with_action("Broken", 34, "INSTALLDIR", "/bin/sh 'open [SECRET]", 1100);
    let ends = with_secret.clone().with_action("Ends", 19, "", "over", 6550);
    let mut shown = String::new();
    let products = [
        path,
        unquoted,
        later,
        undoing.clone(),
        by_property,
        message,
        launch,
        broken,
        ends,
        everywhere,
        with_secret,
    ];
    for product in products {
        let package = product.save(&place, "test.msi");
        let log = place.path("log");
        let arguments = ["--json", "--log", log.to_str().unwrap()];
        for plan in [&["plan", package.to_str().unwrap(), "--json"][..], &["plan", package.to_str().unwrap()]]
        {
            let ran = place.reseat(&[plan, &arguments[1..]].concat());
            shown += &format!("{}{}{}", ran.out, ran.err, place.read("log"));
        }
        let ran = place.install(&package, &arguments);
        shown += &format!("{}{}{}", ran.out, ran.err, place.read("log"));
        let ran = place.reseat(&["install", "--progress", "plain", package.to_str().unwrap()]);
        shown += &format!("{}{}", ran.out, ran.err);
    }
    // Another process that undoes a killed installation knows no properties; the rollback script says what is hidden.
    let killed = Place::with_prefix();
    let package = pausing(&killed, undoing).save(&killed, "test.msi");
    Paused::begin(&killed, &package, &[]).kill();
    let ran = killed.reseat(&["recover", "--json"]);
    ran.expect_code(0).expect_error(&["rollback custom action Path failed", "********** cannot be started"]);
    shown += &format!("{}{}", ran.out, ran.err);
    assert!(place.read("out").starts_with("got open sesame\n"), "the action itself gets it");
    let lines: Vec<_> =
        shown.lines().filter(|line| line.contains("sesame") || line.contains("/open")).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn only_the_allowed_programs_run() {
    let place = Place::with_prefix();
    let write = "#!/bin/sh\nprintf '%s\\n' \"$2\" >>\"$1\"\n";
    let out = place.path("out");
    let product = product()
        .with_property("OUT", out.to_str().unwrap())
        .with_binary("write", write)
        .with_action("One", 2, "write", "\"[OUT]\" one", 1100)
        .with_action("Two", 2 + DEFERRED, "write", "\"[OUT]\" two", 4100)
        .with_action("Three", 2 + DEFERRED, "write", "\"[OUT]\" three", 4110);
    let package = product.save(&place, "test.msi");
    place.install(&package, &["--allow", "Two", "--allow", "Nobody"]).expect_code(0);
    assert_eq!(place.read("out"), "two\n");
    place.reseat(&["install", "x.msi", "--allow", "A", "--no-custom-actions"]).expect_code(2);
}

#[test]
fn in_the_sandbox_a_program_writes_the_prefix_and_nothing_else() {
    if !has_tool("bwrap") {
        return;
    }
    let place = with_outside();
    let mut works = place.command("bwrap");
    if !run(works.args(["--unshare-all", "--ro-bind", "/", "/", "--", "true"])).status.success() {
        println!("SKIPPED: this machine allows no name spaces");
        return;
    }
    let before = outside(&place);
    let script = "#!/bin/sh\necho inside >\"$1/made\" || exit 3\n\
                  for folder in \"$2\" /usr /var/tmp /; do echo 2>/dev/null >\"$folder/reseat-evil\" && exit 5; done\n\
                  rm -f \"$2/data.txt\" 2>/dev/null; ls /usr/bin >/dev/null || exit 4\n\
                  mount -o remount,rw,bind / 2>/dev/null && exit 9; umount /tmp 2>/dev/null && exit 10\n\
                  test -z \"$(find /run -type s)\" || exit 11\n\
                  unshare -rm sh -c 'mount -o remount,rw,bind / && touch /reseat-evil' 2>/dev/null; test ! -e /reseat-evil || exit 12\n\
                  (: </dev/tty) 2>/dev/null && exit 13; test $(ls /proc | grep -c '^[0-9]') -le 9 || exit 14\n\
                  test $(tail -n +3 /proc/net/dev | wc -l) -le 1 || exit 7\necho x >/tmp/x || exit 8\nexit 0\n";
    let paths = format!("\"{}\" \"{}\"", place.drive_c("").display(), place.path("outside").display());
    let product = product()
        .with_binary("try", script)
        .with_action("Now", 2, "try", &paths, 1100)
        .with_action("Later", 2 + DEFERRED, "try", &paths, 4100);
    let package = product.save(&place, "test.msi");
    place.install(&package, &["--sandbox"]).expect_code(0);
    assert_eq!(std::fs::read_to_string(place.drive_c("made")).unwrap(), "inside\n");
    snapshot::assert_same(&before, &outside(&place));
    for folder in ["/usr", "/var/tmp", "/"] {
        assert!(!Path::new(folder).join("reseat-evil").exists(), "{folder}");
    }
    // A plan runs what is immediate where not even the prefix can be written.
    let tries = "#!/bin/sh\necho x 2>/dev/null >\"$1/planned\" && exit 3\nls \"$1/made\" >/dev/null || exit 4\necho ran\n";
    let planned = self::product().with_binary("try", tries).with_action("Now", 2, "try", &paths, 1100);
    let planned = planned.version("2.0.0").save(&place, "planned.msi");
    let log = place.path("plan.log");
    place
        .reseat(&["plan", planned.to_str().unwrap(), "--sandbox", "--log", log.to_str().unwrap()])
        .expect_code(0);
    assert!(std::fs::read_to_string(&log).unwrap().contains("Now: ran"));
    assert!(!place.drive_c("planned").exists());
    place.reseat(&["plan", planned.to_str().unwrap(), "--recover"]).expect_code(2);
}

/// Pieces that are put into the middle of a package.
const PIECES: &[&[u8]] = &[
    b"..\\",
    b"../../..",
    b"C:\\",
    b"/etc/",
    b"\\\\x\\y",
    b"NUL",
    b"|",
    b"[[[[",
    b"{{{{",
    b"((((",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\xd8\x00\xd8\x00",
    b"..",
];

#[test]
fn mutated_packages_are_installed_whole_or_not_at_all() {
    let all = std::env::var("RESEAT_FAULTS").as_deref() == Ok("all");
    let count: u64 = std::env::var("RESEAT_MUTATIONS")
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(if all { 3000 } else { 60 });
    let place = with_outside();
    everything::prepare(&place);
    let package = everything::everything(&place, "1.0.0").save(&place, "whole.msi");
    let whole = std::fs::read(package).unwrap();
    let copied = Command::new("cp").arg("-a").arg(place.prefix()).arg(place.path("base")).status();
    assert!(copied.unwrap().success());
    let (before, beyond) = (snapshot::tree(&place.prefix()), outside(&place));
    let mut dice = Dice(0xBAD);
    let (mut installed, mut refused, mut same) = (0, 0, false);
    for number in 0..count {
        let mut bytes = whole.clone();
        for _ in 0..=dice.roll(4) {
            let length = bytes.len() as u64;
            let at = dice.roll(length) as usize;
            match dice.roll(8) {
                0 => bytes.truncate(at.max(512)),
                1 => drop(bytes.drain(at..(at + dice.roll(600) as usize).min(length as usize))),
                2..=4 => bytes[at] ^= 1 << dice.roll(8),
                5 => bytes[at] = dice.roll(256) as u8,
                _ => {
                    let piece = PIECES[dice.roll(PIECES.len() as u64) as usize];
                    let end = (at + piece.len()).min(bytes.len());
                    bytes[at..end].copy_from_slice(&piece[..end - at]);
                }
            }
        }
        let package = place.write("mutated.msi", &bytes);
        if !same {
            std::fs::remove_dir_all(place.prefix()).unwrap();
            assert!(
                Command::new("cp")
                    .arg("-a")
                    .arg(place.path("base"))
                    .arg(place.prefix())
                    .status()
                    .unwrap()
                    .success()
            );
        }
        let package = package.to_str().unwrap();
        let ran = place.bounded(&["install", "-q", package, "--no-custom-actions", "--skip-unsupported"]);
        let when = || format!("mutation {number}: {}{}", ran.out, ran.err);
        snapshot::assert_same(&beyond, &outside(&place));
        same = !ran.status.success();
        if same {
            refused += 1;
            let differences = snapshot::differences(&before, &snapshot::tree(&place.prefix()));
            assert!(differences.is_empty(), "{}: {}", differences.join(", "), when());
        } else {
            installed += 1;
            assert!(!place.drive_c("Config.Msi").exists(), "{}", when());
        }
    }
    for name in ["evil", "evil.txt"] {
        assert!(!Path::new("/").join(name).exists());
    }
    println!("{count} mutated packages: {installed} installed whole, {refused} refused without a trace");
    assert!(refused > 0 && installed > 0);
}
