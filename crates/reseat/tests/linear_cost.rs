//! The cost of planning, installing, repairing and removing grows with the rows of a package: no table is scanned once per row of
//! another.
//!
//! What is measured is work, not time: how often bytes were compared and how many pieces of memory were asked for, as a
//! library counts it that is preloaded into `reseat` (`linear_cost/count_work.c`). Comparisons without regard to letter case
//! are none of bytes; who scans with them is found only if memory is asked for on the way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use reseat_machine::{Bitness, Machine};
use support::product::{Product, guid};
use support::{Place, has_tool, net_library, run};

/// The rows of the smallest of three packages; the others have twice and three times as many.
const ROWS: usize = 100;

/// How many more pieces of memory may be asked for with each pair of rows before it is work that grows with the square
/// of the rows.
///
/// Three measurements at equal distances show that growth without what is constant and what grows with the
/// rows: of `a + b·n + c·n²`, `f(3n) - 2·f(2n) + f(n)` leaves `2·c·n²`. What scans a table for each row of another and makes
/// a text of what it passes has a `c` of 0.5 to 1.
const MOST_MEMORY: f64 = 0.1;

/// How many times as often bytes may be compared for three times as many rows.
///
/// Sorting, and finding a row in a sorted index, take `log n` comparisons for each row: that makes 3.7 times of it, and
/// trees grow by whole levels. What grows with the square of the rows makes nine times.
const MOST_COMPARISONS: f64 = 4.5;

const ACTIONS: &[(&str, i32)] = &[
    ("AppSearch", 50),
    ("LaunchConditions", 100),
    ("UnpublishComponents", 1700),
    ("StopServices", 1900),
    ("DeleteServices", 2000),
    ("MsiUnpublishAssemblies", 2050),
    ("RemoveODBC", 2400),
    ("UnregisterFonts", 2500),
    ("RemoveIniValues", 3100),
    ("RemoveEnvironmentStrings", 3300),
    ("MoveFiles", 3800),
    ("WriteIniValues", 5100),
    ("WriteEnvironmentStrings", 5200),
    ("RegisterFonts", 5300),
    ("InstallODBC", 5400),
    ("InstallServices", 5800),
    ("MsiConfigureServices", 5850),
    ("StartServices", 5900),
    ("PublishComponents", 6200),
    ("MsiPublishAssemblies", 6250),
];

/// A product with this many rows in the tables that installing works through. Names are of
/// equal length, because texts of unequal length are told apart without comparing them.
fn product(rows: usize) -> Product {
    let mut product = Product::new().with_standard_actions(ACTIONS).with_class_actions();
    product.row("Directory", &["ProgramMenuFolder", "TARGETDIR", "."]);
    let library = net_library::library(net_library::I386, 1, "v4.0.30319");
    product.row("RegLocator", &["Absent", "2", "Software\\Absent", "", "2"]);
    for row in 10_000..10_000 + rows {
        let number = u32::try_from(row).unwrap();
        let name = |letter: &str| format!("{letter}{row}");
        let (key, directory, file) = (name("K"), name("D"), name("F"));
        let (component, class) = (guid(8, number), guid(9, number));
        product = product.with_file(&file, &name("f"), "").with_file_in(&file, &key);
        product.row("Directory", &[&directory, "INSTALLDIR", &name("d")]);
        product.row("Feature", &[&key, "Main", &key, "", "2", "1", &directory, "0"]);
        product.row("Condition", &[&key, "0", &format!("ABSENT{row}")]);
        product.row("Component", &[&key, &component, &directory, "256", "NOT ABSENT", &file]);
        product.row("FeatureComponents", &[&key, &key]);
        product.row("MsiFileHash", &[&file, "0", "0", "0", "0", "0"]);
        product.row("Property", &[&name("P"), &key]);
        product.row("AppSearch", &[&name("FOUND"), "Absent"]);
        product.row("LaunchCondition", &[&format!("1 OR ABSENT{row}"), "never"]);
        product.row("CustomAction", &[&name("Set"), "51", &name("SET"), &format!("[P{row}]")]);
        product.row("InstallExecuteSequence", &[&name("Set"), "", &(row - 8_900).to_string()]);
        product.row("CreateFolder", &[&directory, &key]);
        product.row("RemoveFile", &[&key, &key, &name("old"), &directory, "3"]);
        product.row("DuplicateFile", &[&key, &key, &file, &name("twice"), &directory]);
        product.row("MoveFile", &[&key, &key, &name("from"), "", &directory, "INSTALLDIR", "1"]);
        let text = format!("[#{file}] [${key}] [{directory}]");
        product.row("Registry", &[&key, "2", &format!("Software\\Test\\{key}"), "Text", &text, &key]);
        product.row("IniFile", &[&key, &name("ini"), &directory, "Main", "Key", "1", "0", &key]);
        product.row("RemoveIniFile", &[&key, &name("ini"), &directory, "Main", "Old", "", "2", &key]);
        product.row("Environment", &[&key, &name("=-*TEST"), &text, &key]);
        product.row("Shortcut", &[&key, "ProgramMenuFolder", &key, &key, &format!("[#{file}]")]);
        product.row("Class", &[&class, "LocalServer32", &key, &key, "", "", "", "", "", "", "", &key]);
        product.row("ProgId", &[&key, "", &class, "a class"]);
        product.row("Extension", &[&name("e"), &key, &key, &name("test/m"), &key]);
        product.row("Verb", &[&name("e"), "open", "1", "Open", "\"%1\""]);
        product.row("MIME", &[&name("test/m"), &name("e"), &class]);
        product.row("Font", &[&file, &name("Face")]);
        let service = name("Service");
        let install = [&key, &service, &key, "16", "3", "0", "", "", "", "", "", &key, ""];
        product.row("ServiceInstall", &install);
        // Started with it, stopped and deleted without it.
        product.row("ServiceControl", &[&key, &service, "161", "", "1", &key]);
        product.row("MsiServiceConfig", &[&key, &service, "1", "3", "1", &key]);
        product.row("PublishComponent", &[&guid(10, 0), &key, &key, "", &key]);
        product.row("ODBCDriver", &[&key, &key, &name("Driver"), &file, ""]);
        product.row("ODBCAttribute", &[&key, "APILevel", "1"]);
        product.row("ODBCDataSource", &[&key, &key, &name("Data"), &name("Driver"), "0"]);
        product.row("ODBCSourceAttribute", &[&key, "Database", "data"]);
        let (assembly, manifest) = (name("A"), name("M"));
        product = product.with_file(&manifest, &name("m"), &*library).with_file_in(&manifest, &assembly);
        product.row("Component", &[&assembly, &guid(12, number), &directory, "256", "", &manifest]);
        product.row("FeatureComponents", &[&key, &assembly]);
        product.row("MsiAssembly", &[&assembly, &key, &manifest, "", "0"]);
        for (part, value) in
            [("name", &*assembly), ("version", "1.0.0.0"), ("publicKeyToken", "0123456789abcdef")]
        {
            product.row("MsiAssemblyName", &[&assembly, part, value]);
        }
        product.row("Upgrade", &[&guid(11, number), "", "1.0.0", "", "0", "", &name("OLDER")]);
        product.row("ActionText", &[&name("Set"), &key, ""]);
    }
    product
}

/// The library that counts, or nothing when there is no compiler.
fn counter(place: &Place) -> Option<PathBuf> {
    if !has_tool("cc") {
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/linear_cost/count_work.c");
    let library = place.path("count_work.so");
    // The compiler must not make calls of these very functions out of their loops.
    let options = ["-O2", "-fPIC", "-shared", "-fno-builtin", "-fno-tree-loop-distribute-patterns"];
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]).args(options);
    run(compiler.arg("-o").arg(&library).arg(source)).expect_code(0);
    Some(library)
}

/// Runs `reseat` and gives how many comparisons and pieces of memory it took.
fn work(place: &Place, library: &Path, arguments: &[&str]) -> Vec<f64> {
    let counts = place.path("counts");
    let mut command = place.reseat_command(arguments);
    run(command.env("LD_PRELOAD", library).env("COUNT_WORK", &counts)).expect_code(0);
    let text = std::fs::read_to_string(&counts).expect("counted work");
    std::fs::remove_file(&counts).expect("counted work");
    let line = text.lines().find_map(|line| line.strip_prefix("reseat ")).expect("the work of reseat");
    line.split(' ').map(|number| number.parse().expect("a number")).collect()
}

#[test]
fn planning_installing_repairing_and_removing_cost_in_proportion_to_the_rows() {
    let compiled = Place::new();
    let Some(library) = counter(&compiled) else { return };
    let mut works: [Vec<Vec<f64>>; 4] = Default::default();
    for times in 1..=3 {
        let place = Place::in_memory();
        drop(Machine::create(&place.prefix(), Bitness::X64).expect("a new prefix"));
        let product = product(times * ROWS);
        let path = product.save(&place, "test.msi");
        let path = path.to_str().unwrap();
        for (works, arguments) in works.iter_mut().zip([
            &["plan", "-q", "--json", path][..],
            &["install", "-q", path],
            &["repair", "-q", &product.product_code()],
            &["uninstall", "-q", &product.product_code()],
        ]) {
            works.push(work(&place, &library, arguments));
        }
    }
    let mut problems = Vec::new();
    for (works, command) in works.iter().zip(["plan", "install", "repair", "uninstall"]) {
        let counted = |measure: usize| [0, 1, 2].map(|size| works[size][measure]);
        let ([few, .., many], [once, twice, thrice]) = (counted(0), counted(1));
        let times = many / few;
        let each_pair = (thrice - 2.0 * twice + once) / (2.0 * (ROWS * ROWS) as f64);
        let found = format!(
            "{command}: {few} to {many} comparisons, {times:.2} times as many; {once}, {twice}, {thrice} pieces of \
             memory, {each_pair:.3} for each pair of rows"
        );
        println!("{found}");
        // A counter that counts nothing would find nothing.
        let counts = few.min(once) > ROWS as f64;
        if !counts || times > MOST_COMPARISONS || each_pair > MOST_MEMORY {
            problems.push(found);
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
