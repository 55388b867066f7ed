//! The commands for cabinets, on real sets and on sets made here, compared with other programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Place, has_tool, packages, run};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The names of a list.
fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap().to_owned()).collect()
}

/// The contents of the files in a folder.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn any_cabinet_of_a_set_gives_the_whole_set() {
    let Some(folder) = packages() else { return };
    let place = Place::new();
    let mut oracle = None;
    if has_tool("cabextract") {
        let out = place.path("oracle");
        let cabinet = folder.join("split-1.cab");
        let arguments = ["-q", "-d", text(&out), text(&cabinet)];
        assert!(run(place.command("cabextract").args(arguments)).status.success());
        oracle = Some(contents(&out));
    }
    for number in 1..=5 {
        let cabinet = folder.join(format!("split-{number}.cab"));
        let list = place.reseat(&["cab", "list", text(&cabinet), "--json"]);
        let listed = names(&list.expect_code(0).json());
        let order = ["small1.bin", "small2.bin", "medium1.bin", "medium2.bin", "small3.bin", "medium3.bin"];
        assert_eq!(listed, order, "split-{number}.cab");
        let out = place.path(&format!("out-{number}"));
        let ran = place.reseat(&["cab", "extract", text(&cabinet), text(&out), "--json"]);
        assert_eq!(ran.expect_code(0).json()["files"], 6);
        let found = contents(&out);
        assert_eq!(found.len(), 6);
        if let Some(oracle) = &oracle {
            assert!(found == *oracle, "split-{number}.cab: cabextract unpacks other bytes");
        }
    }
}

#[test]
fn a_missing_cabinet_of_a_set_is_said_and_the_rest_is_unpacked() {
    let Some(folder) = packages() else { return };
    let place = Place::new();
    for number in [1, 2, 4, 5] {
        fs::copy(folder.join(format!("split-{number}.cab")), place.path(&format!("split-{number}.cab")))
            .unwrap();
    }
    let list = place.reseat(&["cab", "list", "split-1.cab", "--json"]);
    let listed = names(&list.expect_code(1).expect_error(&["Split-3.CAB", "could not be opened"]).json());
    assert!(listed.contains(&"small1.bin".to_owned()) && listed.len() < 6, "{listed:?}");
    place.reseat(&["cab", "extract", "split-1.cab", "out"]).expect_code(1).expect_error(&["Split-3.CAB"]);
    let whole = contents(&place.path("out"));
    assert_eq!(whole["small1.bin"].len(), 2000);
    assert!(whole.values().all(|bytes| !bytes.is_empty()), "no unfinished file is left");
    // The cabinets before the fourth one cannot all be found.
    place
        .reseat(&["cab", "list", "split-4.cab"])
        .expect_code(1)
        .expect_error(&["Split-3.CAB", "not beside it"]);
}

#[test]
fn files_of_a_cabinet_stay_in_the_folder_and_none_is_lost() {
    let place = Place::new();
    for (name, content) in [("one", "first"), ("two", "second"), ("bad", "evil")] {
        place.write(name, content);
    }
    let entries = ["a.txt=one", "a.txt=two", "dir\\b.txt=two", "..\\bad=bad"];
    place.reseat(&[&["cab", "create", "test.cab"][..], &entries].concat()).expect_code(0);
    let ran = place.reseat(&["cab", "extract", "test.cab", "out"]);
    ran.expect_code(1).expect_error(&["..\\\\bad would lie outside", "kept as 'a (2).txt'"]);
    assert_eq!(place.read("out/a.txt"), "first");
    assert_eq!(place.read("out/a (2).txt"), "second");
    assert_eq!(place.read("out/dir/b.txt"), "second");
    assert_eq!(place.read("bad"), "evil");
    let again = place.reseat(&["cab", "extract", "test.cab", "out", "--only", "*/b.txt"]);
    again.expect_code(1).expect_error(&["b.txt", "--overwrite"]);
    place.write("out/dir/b.txt", "changed");
    place.reseat(&["cab", "extract", "test.cab", "out", "--only", "b.*", "--overwrite"]).expect_code(0);
    assert_eq!(place.read("out/dir/b.txt"), "second");
    place
        .reseat(&["cab", "extract", "test.cab", "out", "--only", "*.none"])
        .expect_failure(&["no file matches"]);
}

#[test]
fn sets_are_made_that_other_programs_read() {
    let place = Place::new();
    let mut expected = BTreeMap::new();
    let mut state = 1u32;
    for number in 0..12 {
        let name = format!("file{number}");
        let step = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 28) as u8
        };
        let content: Vec<u8> = (0..number * 9000).map(step).collect();
        place.write(&name, &content);
        expected.insert(name, content);
    }
    let names: Vec<&str> = expected.keys().map(String::as_str).collect();
    for (compress, max_size) in [("lzx", "50K"), ("mszip", "40000"), ("none", "0.1M"), ("none", "100K")] {
        let pattern = format!("{compress}*.cab");
        let options = ["--compress", compress, "--max-size", max_size, "--json"];
        let arguments = [&["cab", "create", &pattern][..], &names, &options].concat();
        let ran = place.reseat(&arguments);
        if max_size == "0.1M" {
            ran.expect_code(2).expect_error(&["--max-size"]);
            continue;
        }
        let made = ran.expect_code(0).json();
        let made = made.as_array().unwrap();
        assert!(made.len() > 2, "{made:?}");
        assert!(made.iter().all(|line| line["size"].as_u64().unwrap() <= 102_400));
        let first = format!("{compress}1.cab");
        assert!(made[0]["cabinet"].as_str().unwrap().ends_with(&first));
        let own = format!("own-{compress}");
        place.reseat(&["cab", "extract", &first, &own]).expect_code(0);
        assert!(contents(&place.path(&own)) == expected, "{compress}");
        if has_tool("cabextract") {
            let other = format!("other-{compress}");
            let ran = run(place.command("cabextract").args(["-q", "-d", &other, &first]));
            assert!(ran.status.success() && ran.err.is_empty(), "{}", ran.err);
            assert!(contents(&place.path(&other)) == expected, "{compress}");
        }
    }
    place.reseat(&["cab", "create", "small.cab", "file3", "--max-size", "50"]).expect_failure(&["too small"]);
    place.reseat(&["cab", "create", "small.cab", "file3", "absent", "--max-size", "9M"]).expect_code(2);
    assert!(!place.path("small1.cab").exists());
}
