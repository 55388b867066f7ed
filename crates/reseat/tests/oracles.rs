//! What other programs make of every real package: the same streams as 7z, the same files as gcab and 7z in every cabinet. What they
//! refuse is read all the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use support::{Place, has_tool, packages, run};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The real packages and cabinets with these extensions.
fn real(extensions: &[&str]) -> Vec<PathBuf> {
    let Some(folder) = packages() else { return Vec::new() };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| extensions.iter().any(|known| found == *known)));
    paths.sort();
    paths
}

/// The contents of all files beneath a folder, by path.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// The streams of a package, written out: their names and contents. Signatures and summary information are not among them.
fn streams(place: &Place, package: &Path) -> Vec<(String, Vec<u8>)> {
    let list = place.reseat(&["streams", text(package), "--json"]).expect_code(0).json();
    let names = list.as_array().unwrap().iter().filter(|stream| stream["kind"] == "stream");
    let names =
        names.map(|stream| stream["name"].as_str().unwrap()).filter(|name| !name.starts_with('\u{5}'));
    names
        .map(|name| {
            let file = place.path("stream");
            place.reseat(&["streams", text(package), name, "--output", text(&file)]).expect_code(0);
            (name.to_owned(), fs::read(&file).unwrap())
        })
        .collect()
}

#[test]
fn streams_agree_with_7z_and_what_it_cannot_open_is_read_all_the_same() {
    if !has_tool("7z") {
        return;
    }
    let place = Place::new();
    let mut refused = Vec::new();
    for package in real(&["msi", "msm", "msp", "mst"]) {
        let ours = streams(&place, &package);
        place.reseat(&["info", text(&package)]).expect_code(0);
        let folder = place.path("7z");
        let _ = fs::remove_dir_all(&folder);
        let theirs = run(place.command("7z").args([
            "x",
            "-y",
            "-tCompound",
            &format!("-o{}", text(&folder)),
            text(&package),
        ]));
        if !theirs.status.success() {
            refused.push(package.file_name().unwrap().to_owned());
            continue;
        }
        // 7z has names of its own for them.
        let contents: BTreeSet<Vec<u8>> = files(&folder).into_values().collect();
        for (name, content) in ours {
            assert!(contents.contains(&content), "{package:?}: 7z has no such stream as {name}");
        }
    }
    // Versions of 7z differ in what they refuse, such as packages of Visual Studio.
    println!("7z cannot open {refused:?}");
}

#[test]
fn files_of_cabinets_agree_with_gcab_and_7z() {
    let tools = ["gcab", "7z"].map(|tool| has_tool(tool).then_some(tool));
    let place = Place::new();
    let mut cabinets: Vec<(String, Vec<u8>)> = Vec::new();
    for package in real(&["msi", "msm", "msp"]) {
        let name = package.file_stem().unwrap().to_str().unwrap();
        let found = streams(&place, &package).into_iter().filter(|(_, content)| content.starts_with(b"MSCF"));
        cabinets.extend(found.map(|(stream, content)| (format!("{name}: {stream}"), content)));
    }
    for cabinet in real(&["cab"]) {
        cabinets
            .push((cabinet.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&cabinet).unwrap()));
    }
    let mut compared = 0;
    for (label, content) in cabinets {
        // Sets of cabinets are held against cabextract.
        if label.starts_with("split-") {
            continue;
        }
        let cabinet = place.write("one.cab", content);
        let folder = place.path("ours");
        let _ = fs::remove_dir_all(&folder);
        place.reseat(&["cab", "extract", text(&cabinet), text(&folder)]).expect_code(0);
        let ours = files(&folder);
        for tool in tools.into_iter().flatten() {
            // gcab has no Quantum; neither of them reads names of characters beyond 16 bits.
            if label == "utf8-stresstest.cab" || (label == "mixed.cab" && tool == "gcab") {
                continue;
            }
            let folder = place.path(tool);
            let _ = fs::remove_dir_all(&folder);
            let into = format!("-o{}", text(&folder));
            let ran = match tool {
                "gcab" => run(place.command(tool).args(["-x", "-C", text(&folder), text(&cabinet)])),
                _ => run(place.command(tool).args(["x", "-y", &into, text(&cabinet)])),
            };
            let theirs = files(&folder);
            // A cabinet without files is an error to some.
            assert!(ran.status.success() || ours.is_empty(), "{label}: {tool}: {}{}", ran.out, ran.err);
            assert!(
                theirs.keys().eq(ours.keys()),
                "{label}: {tool} {:?}, ours {:?}",
                theirs.keys().collect::<Vec<_>>(),
                ours.keys().collect::<Vec<_>>()
            );
            assert!(theirs == ours, "{label}: {tool} yields other bytes");
            compared += 1;
        }
    }
    println!("{compared} comparisons");
}
