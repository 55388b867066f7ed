//! A scene for tests of the Restart Manager: a package whose custom actions note the session key, a file that somebody
//! holds, and a log.

use std::path::{Path, PathBuf};

use super::product::Product;
use super::{Place, Ran, end_holders, holders};

/// A program that writes its name and the key that it got behind the file that its second argument names.
pub const NOTE: &str = "#!/bin/sh\nprintf '%s=%s\\n' \"$1\" \"$3\" >>\"$2\"\n";
/// A program that joins the session from its own process and registers a file.
pub const REGISTER: &str =
    "#!/bin/sh\nset -e\n\"$RESEAT\" rm join \"$1\"\n\"$RESEAT\" rm register \"$1\" \"$2\"\n";

/// A place with a prefix, a file `held` that no package knows, and the log of an installation.
pub struct Scene {
    pub place: Place,
    pub held: PathBuf,
}

impl Scene {
    pub fn new() -> Self {
        let place = Place::with_prefix();
        let held = place.write("held", "somebody reads this");
        Self { place, held }
    }

    pub fn path(&self, name: &str) -> String {
        self.place.path(name).to_str().unwrap().to_owned()
    }

    /// A product that notes the session key before and after InstallValidate.
    pub fn noting(&self) -> Product {
        let note = |name: &str| format!("{name} \"{}\" \"[MsiRestartManagerSessionKey]\"", self.path("keys"));
        Product::new()
            .with_file("Readme", "readme.txt", "text")
            .with_binary("note", NOTE)
            .with_action("Before", 2, "note", &note("before"), 1390)
            .with_action("After", 2, "note", &note("after"), 1410)
            .with_action("Deferred", 2 + 1024, "note", &note("deferred"), 4100)
            .with_action("End", 2, "note", &note("end"), 6700)
    }

    /// The same, and it registers the held file with the session.
    pub fn registering(&self) -> Product {
        let line = format!("\"[MsiRestartManagerSessionKey]\" \"{}\"", self.path("held"));
        self.noting().with_binary("register", REGISTER).with_action("Register", 2, "register", &line, 1395)
    }

    pub fn install(&self, product: &Product, arguments: &[&str]) -> Ran {
        let package = product.save(&self.place, "test.msi");
        let log = self.path("log");
        let ran = self.place.install(&package, &[&["--json", "--log", &log], arguments].concat());
        assert_eq!(self.place.sessions(), [""; 0], "sessions are left:\n{}{}", ran.out, ran.err);
        ran
    }

    /// What the programs noted.
    pub fn keys(&self) -> Vec<(String, String)> {
        let text = self.place.read("keys");
        let pairs = text.lines().map(|line| line.split_once('=').unwrap());
        pairs.map(|(name, key)| (name.to_owned(), key.to_owned())).collect()
    }

    /// The texts of the log's lines, without who speaks and when.
    pub fn log(&self) -> Vec<String> {
        self.place.read("log").lines().map(|line| text_of(line).to_owned()).collect()
    }

    #[track_caller]
    pub fn expect_log(&self, lines: &[&str]) {
        let log = self.log();
        let mut rest = log.iter();
        for line in lines {
            assert!(
                rest.any(|found| found == line),
                "'{line}' is not in its place in the log:\n{}",
                log.join("\n")
            );
        }
    }

    #[track_caller]
    pub fn expect_no_session(&self) {
        assert!(self.keys().iter().all(|(_, key)| key.is_empty()), "{:?}", self.keys());
        let log = self.log().join("\n");
        for text in ["Session opened", "Session closed", "MsiRestartManagerSessionKey"] {
            assert!(!log.contains(text), "'{text}' in the log:\n{log}");
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        end_holders(&self.held);
    }
}

/// The text of a line of the log; checks the form `MSI (s) (F4:A0) [11:45:51:263]: text`.
fn text_of(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("MSI (s) (") else { return line };
    let (ids, rest) = rest.split_once(") [").unwrap();
    let (time, text) = rest.split_once("]: ").unwrap();
    assert!(
        ids.split(':').all(|id| u32::from_str_radix(id, 16).is_ok() && id.to_uppercase() == id),
        "{line}"
    );
    assert!(
        time.split(':').map(str::len).eq([2, 2, 2, 3]) && time.replace(':', "").parse::<u32>().is_ok(),
        "{line}"
    );
    text
}

pub fn is_key(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

pub fn restarted(ran: &Ran) -> Vec<(u32, u32)> {
    let report: serde_json::Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
    let number = |value: &serde_json::Value| value.as_u64().unwrap() as u32;
    report["restarted"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (number(&it["old"]), number(&it["new"])))
        .collect()
}

pub fn holds_only(file: &Path, pid: u32) -> bool {
    holders(file) == [pid]
}

/// Sets the policy DisableAutomaticApplicationShutdown as an administrator would.
pub fn set_policy(place: &Place, value: u32) {
    let path = place.path("prefix/system.reg");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let key = r"Software\\Policies\\Microsoft\\Windows\\Installer";
    text.push_str(&format!(
        "\n[{key}] 1700000000\n\"DisableAutomaticApplicationShutdown\"=dword:{value:08x}\n"
    ));
    std::fs::write(path, text).unwrap();
}
