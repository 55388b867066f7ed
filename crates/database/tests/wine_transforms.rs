//! Wine's `msiexec` installs a package with a transform of ours.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use reseat_database::transform::MakeOptions;
use reseat_database::{Database, Reading, Table, Transform, Value};
use support::{file_name, is_installed, packages};

/// The table for values in files, which the package lacks (page `inifile-table.md`).
const INI_FILE: &str = "CREATE TABLE `IniFile` (`IniFile` CHAR(72) NOT NULL, `FileName` CHAR(255) NOT NULL LOCALIZABLE, \
    `DirProperty` CHAR(72), `Section` CHAR(96) NOT NULL LOCALIZABLE, `Key` CHAR(128) NOT NULL LOCALIZABLE, \
    `Value` CHAR(255) NOT NULL LOCALIZABLE, `Action` SHORT NOT NULL, `Component_` CHAR(72) NOT NULL PRIMARY KEY `IniFile`)";

const INI_ROW: &str = "INSERT INTO `IniFile` (`IniFile`, `FileName`, `Section`, `Key`, `Value`, `Action`, `Component_`) \
    VALUES ('Ini', 'reseat.ini', 'Section', 'Key', 'Value', 0, 'Registry')";

/// A program of Wine in a prefix and home of its own, which ends in two minutes at the latest.
fn wine(folder: &Path, program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["120", program]).current_dir(folder);
    command.env("WINEPREFIX", folder.join("prefix")).env("HOME", folder);
    command.env("WINEDEBUG", "-all").env("LC_ALL", "C.UTF-8");
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Ends the prefix's server when the test ends, however it ends.
struct Server<'f>(&'f Path);

impl Drop for Server<'_> {
    fn drop(&mut self) {
        _ = wine(self.0, "wineserver").arg("-k").status();
        _ = wine(self.0, "wineserver").arg("-w").status();
    }
}

/// A Registry table with a row of each name and value.
fn registry(like: &Table, rows: &[(&str, &str)]) -> Table {
    let mut table = Table::new("Registry", like.columns().to_vec());
    for (name, value) in rows {
        let mut values = like.row(0).unwrap().values().to_vec();
        (values[0], values[3], values[4]) = ((*name).into(), (*name).into(), (*value).into());
        table.push(values);
    }
    table
}

#[test]
fn wine_installs_what_a_transform_makes_of_a_package() {
    let Some(path) = packages().into_iter().find(|path| file_name(path) == "psmsi-example.msi") else {
        return;
    };
    if !is_installed("wine") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut old = Database::open(&path, Reading::Permissive).unwrap();
    let template = old.table("Registry").unwrap().unwrap();
    old.put_table(registry(&template, &[("Changed", "old"), ("Deleted", "old"), ("Same", "old")]));
    old.save(&folder.path().join("old.msi")).unwrap();

    let mut new = Database::open(&folder.path().join("old.msi"), Reading::Strict).unwrap();
    new.put_table(registry(&template, &[("Added", "new"), ("Changed", "new ü"), ("Same", "old")]));
    // A table that the package lacks.
    new.execute(INI_FILE, &[]).unwrap();
    new.execute(INI_ROW, &[]).unwrap();
    let mut sequence = Table::clone(&new.table("InstallExecuteSequence").unwrap().unwrap());
    sequence.push(vec!["WriteIniValues".into(), Value::Null, 5001.into()]);
    new.put_table(sequence);
    let transform = Transform::make(&old, &new, MakeOptions::default()).unwrap();
    transform.save(&folder.path().join("change.mst")).unwrap();

    let _server = Server(folder.path());
    let mut command = wine(folder.path(), "wine");
    let status = command.args(["msiexec", "/i", "old.msi", "TRANSFORMS=change.mst", "/qn"]).status().unwrap();
    assert!(status.success(), "{status}");
    _ = wine(folder.path(), "wineserver").arg("-w").status();
    let hive = std::fs::read_to_string(folder.path().join("prefix/user.reg")).unwrap();
    let start = hive.find("[Software\\\\Microsoft\\\\TEST]").expect("the key is there");
    let key = &hive[start..];
    let key = &key[..key.find("\n\n").unwrap_or(key.len())];
    let mut values: Vec<&str> = key.lines().filter(|line| line.starts_with('"')).collect();
    values.sort_unstable();
    let file = std::fs::read_to_string(folder.path().join("prefix/drive_c/windows/reseat.ini")).unwrap();
    assert_eq!(file.replace('\r', "").trim(), "[Section]\nKey=Value");
    assert_eq!(values, ["\"Added\"=\"new\"", "\"Changed\"=\"new \\xfc\"", "\"Same\"=\"old\""]);
}
