//! Wine and Reseat on one prefix: what one wrote the other reads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs::{self, File};
use std::process::{Command, Stdio};

use support::product::Product;
use support::{Place, Ran, has_tool, packages, snapshot};

const KEY: &str = r"HKLM\Software\Reseat\Test";

/// Ends the wineserver of its place when it goes.
struct Wine {
    place: Place,
}

impl Wine {
    fn new(place: Place) -> Self {
        Self { place }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.place.command(program);
        // Wine wants no debugger, no browser and no questions about add-ons.
        command
            .env("WINEPREFIX", self.place.prefix())
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "winemenubuilder.exe,mscoree,mshtml=d")
            .args(arguments);
        command
    }

    /// Runs a program to its end. What it prints goes through a file: what it leaves behind would keep a pipe open.
    fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        let [out, err] = ["out", "err"].map(|name| self.place.path(name));
        let [to_out, to_err] = [&out, &err].map(|path| File::create(path).unwrap());
        let status = self.command(program, arguments).stdout(to_out).stderr(to_err).status().unwrap();
        let [out, err] =
            [out, err].map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
        Ran { status, out, err }
    }

    /// Waits until Wine has written the registry and is gone.
    fn wait(&self) {
        self.run("wineserver", &["-w"]).expect_code(0);
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        let _ = self.command("wineserver", &["-k"]).status();
        let _ = self.command("wineserver", &["-w"]).status();
    }
}

fn product() -> Product {
    Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_row("Registry", &["Text", "2", "Software\\Reseat\\Test", "Text", "grüße [INSTALLDIR]", "Main"])
        .with_row("Registry", &["Number", "2", "Software\\Reseat\\Test", "Number", "#42", "Main"])
        .with_row("Registry", &["Lines", "2", "Software\\Reseat\\Test", "Lines", "one[~]two[~]three", "Main"])
        .with_row("Registry", &["Bytes", "2", "Software\\Reseat\\Test", "Bytes", "#x0102ff", "Main"])
        .with_row("Registry", &["User", "1", "Software\\Reseat\\Test", "User", "#%%PATH%", "Main"])
}

#[track_caller]
fn expect_values(wine: &Wine) {
    let shown = wine.run("wine", &["reg", "query", KEY]);
    shown.expect_code(0);
    let lines: Vec<Vec<&str>> = shown.out.lines().map(|line| line.split_whitespace().collect()).collect();
    for expected in [
        &["Number", "REG_DWORD", "0x2a"][..],
        &["Lines", "REG_MULTI_SZ", r"one\0two\0three"],
        &["Bytes", "REG_BINARY", "0102FF"],
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected:?} is not in\n{}", shown.out);
    }
    assert!(shown.out.contains(r"C:\Program Files\Test\"), "{}", shown.out);
    let user = wine.run("wine", &["reg", "query", r"HKCU\Software\Reseat\Test", "/v", "User"]);
    assert!(user.expect_code(0).out.contains("%PATH%"), "{}", user.out);
}

#[test]
fn wine_reads_what_reseat_installed_and_reseat_goes_on_after_wine() {
    if !has_tool("wine") || !has_tool("wineserver") {
        return;
    }
    let wine = Wine::new(Place::with_prefix());
    let package = product().save(&wine.place, "test.msi");
    wine.place.install(&package, &[]).expect_code(0);
    expect_values(&wine);
    let uninstaller = wine.run("wine", &["uninstaller", "--list"]);
    assert!(uninstaller.expect_code(0).out.contains("|||Test"), "{}", uninstaller.out);

    wine.wait();
    assert_eq!(wine.place.products()[0]["name"], "Test");
    wine.place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert_ne!(
        wine.run("wine", &["reg", "query", KEY]).status.code(),
        Some(0),
        "the key is gone for Wine too"
    );
}

#[test]
fn a_prefix_of_wine_takes_an_installation_and_is_as_before_after_the_removal() {
    if !has_tool("wine") || !has_tool("wineboot") || !has_tool("wineserver") {
        return;
    }
    let wine = Wine::new(Place::new());
    wine.run("wineboot", &["-i"]);
    wine.wait();
    let drive = wine.place.prefix().join("drive_c");
    let names = || snapshot::tree(&drive).into_keys().collect::<Vec<_>>();
    let before = names();
    wine.place.install(&product().save(&wine.place, "test.msi"), &[]).expect_code(0);
    assert!(wine.place.drive_c("Program Files/Test/readme.txt").is_file());
    expect_values(&wine);
    wine.wait();
    wine.place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    let after = names();
    // The folder of kept packages is the machine's, not the product's; Wine makes it when it installs something. And
    // Wine goes on preparing its devices at every start.
    let is_of_wine = |name: &str| name == "windows/Installer" || name.starts_with("windows/inf/");
    let new: Vec<_> = after.iter().filter(|name| !before.contains(name) && !is_of_wine(name)).collect();
    assert!(new.is_empty(), "{new:?}");
}

#[test]
fn each_lists_repairs_and_removes_what_the_other_installed() {
    let Some(folder) = packages() else { return };
    if !["wine", "wineboot", "wineserver", "timeout"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let wine = Wine::new(Place::new());
    let run = |arguments: &[&str]| {
        let ran = wine.run("timeout", &[&["120"], arguments].concat());
        wine.run("timeout", &["60", "wineserver", "-w"]).expect_code(0);
        ran
    };
    run(&["wineboot", "-i"]);
    let package = folder.join("winget-test-v1.msi");
    let program =
        "Program Files (x86)/AppInstallerCLI/AppInstallerTestMsiInstaller/AppInstallerTestExeInstaller.exe";
    let program = wine.place.drive_c(program);
    let listed = |code: &str| run(&["wine", "uninstaller", "--list"]).expect_code(0).out.contains(code);

    wine.place.install(&package, &[]).expect_code(0);
    let code = wine.place.products()[0]["product"].as_str().unwrap().to_owned();
    assert!(listed(&code));
    fs::remove_file(&program).unwrap();
    // The option /f of Wine 8.0 does not find what Wine itself has installed either.
    run(&["wine", "msiexec", "/i", &code, "REINSTALL=ALL", "REINSTALLMODE=amus", "/qn"]).expect_code(0);
    assert!(program.is_file(), "Wine repairs what Reseat installed");
    run(&["wine", "uninstaller", "--remove", &code, "--silent"]).expect_code(0);
    assert!(!program.exists() && wine.place.products().is_empty(), "Wine removes what Reseat installed");

    run(&["wine", "msiexec", "/i", package.to_str().unwrap(), "/qn"]).expect_code(0);
    assert_eq!(wine.place.products()[0]["product"], *code);
    fs::remove_file(&program).unwrap();
    wine.place.reseat(&["repair", "-q", &code]).expect_code(0);
    assert!(program.is_file(), "Reseat repairs what Wine installed");
    wine.place.reseat(&["uninstall", "-q", &code]).expect_code(0);
    assert!(!program.exists() && !listed(&code), "Reseat removes what Wine installed");
}

#[test]
fn an_installation_is_refused_while_wine_runs_on_the_prefix() {
    if !has_tool("wineserver") {
        return;
    }
    let wine = Wine::new(Place::with_prefix());
    let package = product().save(&wine.place, "test.msi");
    // It goes to the background when it is ready, and stays for a minute without a client. It keeps its standard streams.
    let started = wine.command("wineserver", &["-p60"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(started.unwrap().success());
    while !wine.run("wineserver", &["-k0"]).status.success() {
        std::thread::yield_now();
    }
    let before = snapshot::tree(&wine.place.prefix().join("drive_c"));
    wine.place
        .install(&package, &[])
        .expect_failure(&["Wine is running", wine.place.prefix().to_str().unwrap()]);
    snapshot::assert_same(&before, &snapshot::tree(&wine.place.prefix().join("drive_c")));
    wine.run("wineserver", &["-k"]);
    wine.wait();
    wine.place.install(&package, &[]).expect_code(0);
}
