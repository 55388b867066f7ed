//! Agreement with Wine's msiexec: the same packages installed by both into copies of one prefix leave the same files,
//! shortcuts and registry, but for what `docs/compare-wine.md` explains; and each removes what the other installed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reseat_machine::ShellLink;
use support::{Place, has_tool, marked, packages, snapshot};

/// The longest that one program of Wine may take, in seconds.
const LIMIT: &str = "120";

/// A difference that is explained: what of a line tells it, and the row of `docs/compare-wine.md`.
struct Explained {
    texts: &'static [&'static str],
    row: &'static str,
}

const EXPLAINED: &[Explained] = &[
    Explained { texts: &["ours file ProgramData/", "Start Menu/Programs"], row: "shortcuts with ALLUSERS=1" },
    Explained {
        texts: &["wine leaves file ProgramData/", "Start Menu/Programs"],
        row: "shortcuts with ALLUSERS=1",
    },
    Explained { texts: &["wine leaves", "\"PATH\"", ";\""], row: "removing an entry of `PATH`" },
    Explained { texts: &["wine file users/", "Start Menu/Programs/PuTTY"], row: "shortcuts with ALLUSERS=1" },
    Explained { texts: &["wine file users/", "Start Menu/Programs/7-Zip"], row: "shortcuts with ALLUSERS=1" },
    Explained { texts: &["\"Assignment\""], row: "`Assignment` of a product for all users" },
    Explained { texts: &["\"EstimatedSize\""], row: "`EstimatedSize`" },
    Explained { texts: &["SourceList] \"PackageName\""], row: "`PackageName` in the source list" },
    Explained { texts: &["\"RegOwner\""], row: "`RegOwner`" },
    Explained { texts: &["\"DisplayIcon\""], row: "`DisplayIcon` of the uninstall entry" },
    Explained { texts: &["file", "windows/Installer/", ".msi"], row: "the kept package's name" },
    Explained { texts: &["\"LocalPackage\""], row: "the kept package's name" },
    Explained {
        texts: &["Software\\\\Classes\\\\Wow6432Node\\\\"],
        row: "classes of a product for the user",
    },
    Explained { texts: &["user.reg [Software\\\\Classes\\\\"], row: "classes of a product for the user" },
    Explained { texts: &["\\\\Components\\\\", "=\"-1:"], row: "key paths with root −1" },
    Explained { texts: &["\\\\Components\\\\", "=\"01:"], row: "key paths with root −1" },
    Explained { texts: &["\\\\Components\\\\", "=\"02:"], row: "key paths in the 64-bit registry" },
    Explained { texts: &["\\\\Components\\\\", "=\"00:"], row: "key paths in the 64-bit registry" },
    Explained { texts: &["\\\\Components\\\\", "=\"20:"], row: "key paths in the 64-bit registry" },
    Explained { texts: &["\\\\Components\\\\", "=\"21:"], row: "key paths in the 64-bit registry" },
    Explained { texts: &["\\\\Components\\\\", "=\"22:"], row: "key paths in the 64-bit registry" },
    Explained {
        texts: &["\\\\Features]", "Net_2.0_GuiRunner"],
        row: "components whose condition does not hold",
    },
    Explained { texts: &["wine", "\\\\Components\\\\"], row: "components whose condition does not hold" },
    Explained { texts: &["\\\\SourceList"], row: "the source list of a package without files" },
];

/// What Wine does to a prefix whenever it runs.
const OF_WINE: &[&str] = &[
    "Software\\\\Wine",
    "CurrentControlSet\\\\Control\\\\Class\\\\",
    "CurrentControlSet\\\\Enum",
    "CurrentControlSet\\\\Control\\\\Video",
    "CurrentControlSet\\\\Hardware Profiles",
    "CurrentVersion\\\\NetworkCards",
    "Hardware\\\\",
    "Volatile Environment",
    "file windows/inf/",
    "file windows/temp/",
    "/Temp/",
    "Installer\\\\Rollback",
];

/// A prefix as it is compared.
struct State {
    files: BTreeMap<PathBuf, (SystemTime, u64)>,
    registry: BTreeSet<String>,
}

fn state(prefix: &Path) -> State {
    let drive = prefix.join("drive_c");
    let mut files = BTreeMap::new();
    let mut folders = vec![drive.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            let facts = if metadata.is_file() {
                (metadata.modified().unwrap(), metadata.len())
            } else {
                (SystemTime::UNIX_EPOCH, 0)
            };
            files.insert(path.strip_prefix(&drive).unwrap().to_owned(), facts);
        }
    }
    let mut registry = BTreeSet::new();
    for file in ["system.reg", "user.reg"] {
        // A key that has only keys below it is written by one and not by the other.
        let lines = snapshot::registry(prefix, file).into_iter().filter(|line| !line.ends_with(']'));
        registry.extend(lines.map(|line| format!("{file} {line}")));
    }
    State { files, registry }
}

/// What an installation has added and changed: files with their content, and lines of the registry.
fn added(prefix: &Path, before: &State) -> BTreeMap<String, String> {
    let after = state(prefix);
    let mut added = BTreeMap::new();
    for (path, facts) in &after.files {
        if before.files.get(path) != Some(facts) {
            let full = prefix.join("drive_c").join(path);
            let content = if !full.is_file() { "folder".to_owned() } else { content(&full) };
            added.insert(format!("file {}", path.display()), content);
        }
    }
    for line in after.registry.difference(&before.registry) {
        added.insert(line.clone(), String::new());
    }
    added.retain(|line, _| !OF_WINE.iter().any(|text| line.contains(text)));
    added
}

/// What of a file's content is compared: of a shortcut what it opens and how.
fn content(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_some_and(|extension| extension == "lnk") {
        let link = ShellLink::from_bytes(&bytes).unwrap();
        // Wine ends texts with a null, and folders with a separator.
        let text = |text: &Option<String>| {
            text.as_deref().unwrap_or_default().trim_end_matches('\0').trim_end_matches('\\').to_owned()
        };
        let icon = link.icon.as_ref().map(|(path, index)| format!("{},{index}", path.trim_end_matches('\0')));
        let texts = [&link.arguments, &link.working_directory, &link.description].map(text);
        return format!("{} {texts:?} {icon:?}", link.target);
    }
    if path.extension().is_some_and(|extension| extension == "msi") {
        return bytes.len().to_string();
    }
    bytes.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte))).to_string()
}

fn differences(ours: &BTreeMap<String, String>, wine: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<_> = ours.keys().chain(wine.keys()).collect();
    let difference = |name: &&String| match (ours.get(*name), wine.get(*name)) {
        (Some(_), None) => Some(format!("ours {name}")),
        (None, Some(_)) => Some(format!("wine {name}")),
        (Some(one), Some(other)) if one != other => Some(format!("both {name}: {one} / {other}")),
        _ => None,
    };
    names.iter().filter_map(difference).collect()
}

/// Fails unless each difference is explained by a row of the page.
#[track_caller]
fn assert_explained(differences: &[String], used: &mut BTreeSet<&'static str>) {
    let mut unexplained = Vec::new();
    for line in differences {
        match EXPLAINED.iter().find(|it| it.texts.iter().all(|text| line.contains(text))) {
            Some(explained) => drop(used.insert(explained.row)),
            None => unexplained.push(line.as_str()),
        }
    }
    assert!(unexplained.is_empty(), "not explained:\n{}", unexplained.join("\n"));
}

/// One of the two prefixes.
struct Prefix<'p> {
    place: &'p Place,
    path: PathBuf,
}

impl Prefix<'_> {
    fn wine(&self, arguments: &[&str]) -> Option<i32> {
        let mut command = self.place.command("timeout");
        let log = File::create(self.place.path("wine.log")).unwrap();
        command
            .env("WINEPREFIX", &self.path)
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "winemenubuilder.exe,mscoree,mshtml,winedbg.exe=d")
            .arg(LIMIT)
            .args(arguments)
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        command.status().unwrap().code()
    }

    fn wait(&self) {
        assert_eq!(self.wine(&["wineserver", "-w"]), Some(0));
    }

    #[track_caller]
    fn msiexec(&self, arguments: &[&str]) {
        let code = self.wine(&[&["wine", "msiexec", "/qn"], arguments].concat());
        assert_eq!(code, Some(0), "msiexec {arguments:?}");
    }

    #[track_caller]
    fn reseat(&self, arguments: &[&str]) -> String {
        let mut command = self.place.command(env!("CARGO_BIN_EXE_reseat"));
        command.arg("--prefix").arg(&self.path).args(arguments);
        let ran = support::run(&mut command);
        ran.expect_code(0);
        ran.out
    }
}

impl Drop for Prefix<'_> {
    fn drop(&mut self) {
        self.wine(&["wineserver", "-k"]);
        self.wine(&["wineserver", "-w"]);
    }
}

/// Packages with many files, for the user and for all users, which Wine installs again before it removes them.
const REPAIRED_BY_WINE: &[&str] = &["nunit-2.5.2.msi", "7z1900-x64.msi"];

/// Deletes what we have installed of some packages, and has Wine install it again.
fn repaired_by_wine(prefix: &Prefix<'_>, packages: &[PathBuf], left_by_us: &BTreeMap<String, String>) {
    let is_repaired = |package: &&PathBuf| REPAIRED_BY_WINE.iter().any(|name| package.ends_with(name));
    let repaired: Vec<&PathBuf> = packages.iter().filter(is_repaired).collect();
    let of_repaired = |line: &str| ["NUnit 2.5.2/", "7-Zip/"].iter().any(|folder| line.contains(folder));
    let files = left_by_us.iter().filter(|(line, content)| {
        line.starts_with("file Program Files") && of_repaired(line) && *content != "folder"
    });
    let files: Vec<_> = files
        .map(|(line, was)| (prefix.path.join("drive_c").join(line.trim_start_matches("file ")), was))
        .collect();
    assert_eq!(files.is_empty(), repaired.is_empty());
    for (file, _) in &files {
        fs::remove_file(file).unwrap();
    }
    for package in &repaired {
        prefix.msiexec(&["/i", package.to_str().unwrap(), "REINSTALL=ALL", "REINSTALLMODE=amus"]);
    }
    for (file, was) in files {
        assert_eq!(&content(&file), was, "{}", file.display());
    }
}

/// The packages in two rounds, each with one version of a product.
fn rounds(folder: &Path) -> [Vec<PathBuf>; 2] {
    const SECOND: &[&str] = &["winget-test-v2.msi", "prodA-1.0.1.msi"];
    let (second, first): (Vec<_>, Vec<_>) =
        marked(folder, "install").into_iter().partition(|name| SECOND.contains(&name.as_str()));
    [first, second].map(|names| names.iter().map(|name| folder.join(name)).collect())
}

#[test]
fn reseat_and_wine_leave_the_same_and_remove_what_the_other_installed() {
    let Some(folder) = packages() else { return };
    if !["wine", "wineboot", "wineserver", "timeout", "cp"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let place = Place::new();
    let wines = Prefix { place: &place, path: place.path("wines") };
    wines.wine(&["wineboot", "-i"]);
    wines.wait();
    let ours = Prefix { place: &place, path: place.path("ours") };
    let copied = place.command("cp").arg("-a").args([&wines.path, &ours.path]).status();
    assert!(copied.unwrap().success());
    let mut used = BTreeSet::new();
    for packages in rounds(&folder) {
        let (our_before, wines_before) = (state(&ours.path), state(&wines.path));
        for package in &packages {
            ours.reseat(&["install", "-q", package.to_str().unwrap()]);
            wines.msiexec(&["/i", package.to_str().unwrap()]);
        }
        wines.wait();
        let (mut left_by_us, mut left_by_wine) =
            (added(&ours.path, &our_before), added(&wines.path, &wines_before));
        // Wine leaves folders when it removes a product: in the second round one of the two may have them already.
        let is_known = |line: &str| {
            let path = Path::new(line.strip_prefix("file ").unwrap_or_default());
            our_before.files.contains_key(path) || wines_before.files.contains_key(path)
        };
        for left in [&mut left_by_us, &mut left_by_wine] {
            left.retain(|line, content| content != "folder" || !is_known(line));
        }
        assert!(left_by_us.len() > 10, "{left_by_us:?}");
        assert_explained(&differences(&left_by_us, &left_by_wine), &mut used);
        repaired_by_wine(&ours, &packages, &left_by_us);
        // Each removes what the other has installed.
        for package in &packages {
            ours.msiexec(&["/x", package.to_str().unwrap()]);
            wines.reseat(&["uninstall", "-q", package.to_str().unwrap()]);
        }
        ours.wait();
        for (prefix, before, who) in [(&ours, &our_before, "wine"), (&wines, &wines_before, "ours")] {
            assert_eq!(prefix.reseat(&["list", "--json"]).trim(), "[]");
            let mut left = added(&prefix.path, before);
            left.retain(|_, content| content != "folder");
            let left: Vec<String> = left.into_keys().map(|line| format!("{who} leaves {line}")).collect();
            assert_explained(&left, &mut used);
        }
    }
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compare-wine.md")).unwrap();
    for explained in EXPLAINED {
        assert!(
            page.contains(&format!("| {} |", explained.row)),
            "docs/compare-wine.md has no row '{}'",
            explained.row
        );
    }
    println!("differences of {} kinds, all explained", used.len());
}
