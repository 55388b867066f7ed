//! Patches made by tests: what makes one product another, as the page `patch-packages.md` has it.

use std::path::PathBuf;

use reseat_cabinet::CabinetWriter;
use reseat_database::summary::id;
use reseat_database::transform::MakeOptions;
use reseat_database::{Database, DatabaseKind, PropertyValue, SummaryInformation, Table, Transform, Value};

use super::Place;
use super::product::{Product, guid, make_table};

/// The first sequence number and the disk of a patch.
const FIRST: i32 = 100;

/// A patch to be.
pub struct Patch<'p> {
    pub old: &'p Product,
    pub new: &'p Product,
    /// Makes its code.
    pub number: u32,
    /// Whether it may be removed by itself.
    pub removable: bool,
}

impl Patch<'_> {
    pub fn code(&self) -> String {
        guid(5, self.number)
    }

    /// Writes the patch. New and changed files are in its own cabinet.
    pub fn save(&self, place: &Place, name: &str) -> PathBuf {
        let before = self.old.database();
        let mut after = self.new.database();
        // The product's own disk stays as it is.
        let table =
            |database: &Database, name: &str| database.table(name).expect("a table").map(|it| (*it).clone());
        after.put_table(table(&before, "Media").expect("disks"));
        let cabinet = before.stream("files.cab").expect("a stream").expect("a cabinet");
        after.put_stream_from("files.cab", cabinet);

        let mut patched = after.clone();
        let mut cabinet = CabinetWriter::create(Vec::new()).expect("a cabinet");
        let mut last = FIRST;
        let files = table(&after, "File").expect("files");
        let mut changed = Table::new("File", files.columns().to_vec());
        for row in files.rows() {
            let mut values = row.values().to_vec();
            let key = row.text("File").expect("a key");
            let content = self.new.content(key);
            if self.old.content(key) != content {
                cabinet.add(key, content.expect("a content"), None, 0).expect("a file in the cabinet");
                last += 1;
                values[6] = Value::Integer(row.integer("Attributes").unwrap_or(0) | 4096);
                values[7] = Value::Integer(last);
            }
            changed.push(values);
        }
        patched.put_table(changed);
        let mut media = table(&patched, "Media").expect("disks");
        let stream = format!("Patch{}", self.number);
        let disk = [
            FIRST.to_string(),
            last.to_string(),
            String::new(),
            format!("#{stream}"),
            String::new(),
            "PATCHSOURCE".to_owned(),
        ];
        media.push(make_table("Media", &[disk.to_vec()]).row(0).expect("a row").values().to_vec());
        patched.put_table(media);
        let package = [self.code(), FIRST.to_string()];
        patched.put_table(make_table("PatchPackage", &[package.to_vec()]));

        let mut patch = Database::create();
        patch.set_kind(DatabaseKind::Patch);
        let mut summary = SummaryInformation::default();
        summary.set_code_page(1252);
        summary.set_text(id::TEMPLATE, &self.old.product_code());
        summary.set_text(id::REVISION_NUMBER, &self.code());
        summary.set_text(id::LAST_SAVED_BY, ":New;:#New");
        summary.set(id::WORD_COUNT, PropertyValue::Long(4));
        patch.set_summary(summary);
        for (name, old, new) in [("New", &before, &after), ("#New", &after, &patched)] {
            let transform = Transform::make(old, new, MakeOptions::default()).expect("a transform");
            patch.put_storage(name, transform.database()).expect("a storage");
        }
        let removable = if self.removable { "1" } else { "0" };
        let fact = ["", "AllowRemoval", removable].map(str::to_owned);
        patch.put_table(make_table("MsiPatchMetadata", &[fact.to_vec()]));
        if last > FIRST {
            patch.put_stream(&stream, cabinet.finish().expect("a cabinet"));
        }
        let path = place.path(name);
        patch.save(&path).expect("a saved patch");
        path
    }
}
