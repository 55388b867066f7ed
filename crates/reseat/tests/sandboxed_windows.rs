//! Windows code in the sandbox, with real Wine: what works in it, and what it cannot reach.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use support::product::Product;
use support::windows::{Windows, windows};
use support::{Place, has_tool};

const DEFERRED: i32 = 1024;
const ROLLBACK: i32 = 256;

fn sandboxed() -> Option<(&'static Windows, MutexGuard<'static, ()>)> {
    if !["bwrap", "nsenter", "setpriv"].iter().all(|tool| has_tool(tool)) {
        return None;
    }
    let mut works = std::process::Command::new("bwrap");
    if !support::run(works.args(["--unshare-all", "--ro-bind", "/", "/", "--", "true"])).status.success() {
        println!("SKIPPED: this machine allows no name spaces");
        return None;
    }
    let all = windows()?;
    // The Wine of an earlier test, outside the sandbox, may still be writing the registry.
    all.0.wait_for_end();
    Some(all)
}

/// Nothing of Wine is left, and nothing in the prefix of what was put there for it.
#[track_caller]
fn expect_nothing_left(windows: &Windows) {
    assert_eq!(reseat_machine::wine_server(&windows.prefix), None, "a wineserver is left");
    let left = fs::read_dir(windows.drive_c("windows/Installer")).into_iter().flatten().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(!left.iter().any(|name| name.starts_with("reseat-")), "{left:?}");
}

#[test]
fn windows_code_in_the_sandbox_works_and_is_undone_with_the_installation() {
    let Some((windows, _turn)) = sandboxed() else { return };
    let place = Place::new();
    let (written, by_program) = (windows.drive_c("written.txt"), windows.drive_c("program.txt"));
    let (_, _) = (fs::remove_file(&written), fs::remove_file(&by_program));
    let product = windows
        .product()
        .with_binary("program", windows.program.clone())
        .with_row("CustomAction", &["SetNested", "51", "NESTED", "nested in [ProductName]"])
        .with_row("Registry", &["Installed", "2", r"Software\Test", "Installed", "yes", "Main"])
        .with_action("Look", 1, "actions", "Look", 1360)
        .with_action("Script", 37, "", "Session.Property(\"SCRIPTED\") = \"by a script\"", 1370)
        .with_action("Program", 2, "program", r"C:\program.txt 0 immediate [SCRIPTED]", 1380)
        .with_action("SetData", 51, "Deferred", r"C:\written.txt|[LOOKED] [SCRIPTED]", 1450)
        .with_action("Deferred", 1 + DEFERRED, "actions", "Deferred", 4100)
        .with_action("Later", 2 + DEFERRED, "program", r"C:\program.txt 0 deferred", 4110)
        .with_action("Registry", 1 + DEFERRED, "actions", "Registry", 5100);
    let log = place.path("log");
    let ran = windows.install(&place, &product, &["--sandbox", "--log", log.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(0), "{}\n{}", ran.err, fs::read_to_string(&log).unwrap_or_default());
    expect_nothing_left(windows);
    assert_eq!(fs::read_to_string(&written).unwrap(), "yes by a script\n");
    let lines = fs::read_to_string(&by_program).unwrap();
    assert_eq!(lines.lines().collect::<Vec<_>>(), ["immediate by a script", "deferred"]);
    for value in ["\"Installed\"=\"yes\"", "\"ByAction\"=\"yes\""] {
        assert!(windows.registry().contains(value), "{value}");
    }
    windows.reseat(&place, &["uninstall", "-q", "Test", "--sandbox"]).expect_code(0);
    assert!(!windows.registry().contains("\"Installed\"=\"yes\""));

    let once = format!("Once{}", std::process::id());
    let stop = product
        .with_binary("hostile", windows.library(&place, "hostile.c"))
        .with_action("SetName", 51, "Value", &once, 1460)
        .with_action("SetBack", 51, "NoValue", &once, 1470)
        .with_action("NoValue", 1 + DEFERRED + ROLLBACK, "hostile", "NoValue", 5105)
        .with_action("Value", 1 + DEFERRED, "hostile", "Value", 5110)
        .with_standard_actions(&[("InstallExecute", 6450)])
        .with_action("Stop", 19, "", "it is enough", 6500);
    windows.install(&place, &stop, &["--sandbox"]).expect_failure(&["it is enough"]);
    expect_nothing_left(windows);
    assert!(!windows.drive_c("Program Files/Test").exists());
    assert!(!windows.registry().contains("\"Installed\"=\"yes\""), "the registry was not undone");
    assert!(!windows.registry().contains(&once), "the action's value was not undone");
}

#[test]
fn a_plan_for_a_prefix_that_is_not_there_runs_windows_code_and_leaves_nothing() {
    let Some((windows, _turn)) = sandboxed() else { return };
    let place = Place::new();
    let package = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_row("Registry", &["Installed", "2", r"Software\Test", "Installed", "[SCRIPTED]", "Main"])
        .with_action("Script", 38, "", "Session.Property(\"SCRIPTED\") = \"by a script\"", 1370)
        .save(&place, "test.msi");
    let names = |folder: &str| {
        let entries = fs::read_dir(place.path(folder)).unwrap().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let before = [names(""), names("tmp")];
    let mut plan = place.reseat_command(&["plan", "-q", package.to_str().unwrap(), "--sandbox", "--json"]);
    let planned = support::run(plan.env("RESEAT_WINDOWS_DIR", &windows.built));
    let planned = planned.expect_code(0).json();
    assert_eq!(planned["custom_actions"][0]["outcome"], "was-run");
    assert_eq!(planned["registry"][0]["value"], "by a script");
    assert_eq!([names(""), names("tmp")], before);
}

#[test]
fn windows_code_in_the_sandbox_reaches_nothing_outside() {
    let Some((windows, _turn)) = sandboxed() else { return };
    let place = Place::new();
    // Not in /tmp, of which the sandbox has its own.
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let outside = folder.path().join("outside.txt");
    fs::write(&outside, "as it was").unwrap();
    let network = TcpListener::bind("127.0.0.1:0").unwrap();
    network.set_nonblocking(true).unwrap();
    // Where other programs have their sockets; the second is where Wine looks for a wineserver.
    let runtime = place.path("tmp/server");
    let user = rustix::process::getuid().as_raw();
    let wine = format!("/tmp/.wine-{user}/reseat-test-{}", std::process::id());
    fs::create_dir_all(&wine).unwrap();
    let wineserver = Path::new(&wine).join("socket");
    let _sockets = [UnixListener::bind(&runtime).unwrap(), UnixListener::bind(&wineserver).unwrap()];
    let other = place.hold(&outside);
    let product = windows
        .product()
        .with_binary("hostile", windows.library(&place, "hostile.c"))
        .with_property("OUTSIDE", &format!("Z:{}", outside.display().to_string().replace('/', "\\")))
        .with_property("OUTSIDEHERE", outside.to_str().unwrap())
        .with_property("PORT", &network.local_addr().unwrap().port().to_string())
        .with_property("SERVER", runtime.to_str().unwrap())
        .with_property("WINESERVER", wineserver.to_str().unwrap())
        .with_property("PROCESS", &format!("/proc/{}/cmdline", other.pid()))
        .with_action("Attack", 1, "hostile", "Attack", 1350)
        .with_action("Stop", 19, "", "it has tried", 1360)
        .with_condition("Stop", "ATTACKED");
    let log = place.path("log");
    let attempts = |arguments: &[&str]| {
        let arguments = [arguments, &["--log", log.to_str().unwrap()]].concat();
        windows.install(&place, &product, &arguments).expect_failure(&["it has tried"]);
        let text = fs::read_to_string(&log).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once("attempt: ")?.1.split_once(": "));
        let attempts: Vec<(String, i64)> =
            lines.map(|(what, result)| (what.to_owned(), result.trim().parse().unwrap())).collect();
        attempts
    };
    let attempted = attempts(&["--sandbox"]);
    assert_eq!(attempted.len(), 13, "{attempted:?}");
    let went_well: Vec<_> = attempted.into_iter().filter(|(_, result)| *result >= 0).collect();
    assert_eq!(went_well, []);
    assert_eq!(fs::read_to_string(&outside).unwrap(), "as it was");
    assert!(network.accept().is_err(), "the network was reached");
    assert!(!Path::new("/reseat-evil").exists() && !Path::new("/usr/bin/reseat-evil").exists());
    expect_nothing_left(windows);
    // The attempts are none that fail everywhere.
    let attempted = attempts(&["HARMLESS=1"]);
    let failed: Vec<_> = attempted.iter().filter(|(_, result)| *result < 0).collect();
    assert!(attempted.len() == 10 && failed.is_empty(), "{attempted:?}");
    drop(fs::remove_dir_all(&wine));
}

#[test]
fn a_plan_runs_windows_code_whose_changes_are_forgotten() {
    let Some((windows, _turn)) = sandboxed() else { return };
    let place = Place::new();
    let product = windows
        .product()
        .with_binary("hostile", windows.library(&place, "hostile.c"))
        .with_action("Plan", 1, "hostile", "Plan", 1350)
        .with_action("Stop", 19, "", "the plan knows", 1360)
        .with_condition("Stop", "PLANNED");
    if !windows.prefix.join(".update-timestamp").is_file() {
        windows.install(&place, &product, &["--sandbox"]).expect_failure(&["the plan knows"]);
    }
    let _ = fs::remove_file(windows.drive_c("planned.txt"));
    let files =
        || ["system.reg", "user.reg", "userdef.reg"].map(|name| fs::read(windows.prefix.join(name)).unwrap());
    let before = files();
    let package = product.save(&place, "planned.msi");
    let log = place.path("log");
    let words = ["plan", package.to_str().unwrap(), "--sandbox", "--log", log.to_str().unwrap()];
    let ran = windows.reseat(&place, &words);
    let text = fs::read_to_string(&log).unwrap();
    assert!(format!("{}{}", ran.out, ran.err).contains("the plan knows"), "{}{}\n{text}", ran.out, ran.err);
    let drive = text.lines().find_map(|line| line.split_once("attempt: drive: "));
    assert!(drive.is_some_and(|(_, result)| result.trim().starts_with('-')), "{text}");
    assert!(files() == before && !windows.drive_c("planned.txt").exists());
    assert!(!windows.drive_c("windows/temp/planned.tmp").exists());
    expect_nothing_left(windows);
}

#[test]
fn beside_a_wine_outside_the_sandbox_no_second_one_is_started() {
    let Some((windows, _turn)) = sandboxed() else { return };
    let place = Place::new();
    let mut command = place.command("wine");
    command.arg("cmd").env("WINEPREFIX", &windows.prefix).env("WINEDEBUG", "-all");
    let mut outside =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // Its greeting.
    outside.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    let product: Product = windows.product().with_action("Look", 1, "actions", "Look", 1360);
    let package = product.save(&place, "test.msi");
    let ran = windows.reseat(&place, &["install", "-q", package.to_str().unwrap(), "--sandbox"]);
    drop(outside.stdin.take());
    outside.wait().unwrap();
    ran.expect_failure(&["Look", "Wine uses the prefix outside of the sandbox (wineserver "]);
}

#[test]
fn with_a_killed_installer_all_of_the_sandbox_ends() {
    let Some((windows, _turn)) = sandboxed() else { return };
    let place = Place::new();
    let hangs = windows.drive_c("hangs.txt");
    let _ = fs::remove_file(&hangs);
    windows.wait_for_end();
    let product = windows
        .product()
        .with_binary("hostile", windows.library(&place, "hostile.c"))
        .with_action("Hang", 1, "hostile", "Hang", 1350);
    let package = product.save(&place, "test.msi");
    let mut command = windows.command(&place, &["install", "-q", package.to_str().unwrap(), "--sandbox"]);
    let mut installer = command.env_remove("TMPDIR").spawn().unwrap();
    let began = Instant::now();
    while !hangs.exists() && began.elapsed() < Duration::from_secs(180) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let ran = hangs.exists() && installer.try_wait().unwrap().is_none();
    installer.kill().unwrap();
    installer.wait().unwrap();
    assert!(ran, "the action did not begin to run");
    // The server in the sandbox is seen by its lock.
    windows.wait_for_end();
    let stops = windows.product().with_action("Stop", 19, "", "the next one runs", 1360);
    let stops = stops.with_action("Program", 1, "actions", "Returns", 1350);
    windows.install(&place, &stops, &["--sandbox"]).expect_failure(&["the next one runs"]);
    expect_nothing_left(windows);
}
