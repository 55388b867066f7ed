//! `reseat info`: what a package is.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use reseat_database::summary::id;
use reseat_database::{Database, DatabaseError, DatabaseKind, FileTime, PropertyValue, SummaryInformation};
use serde::Serialize;
use serde_json::{Map, json};

use crate::arguments::Global;
use crate::arguments::package::Package;
use crate::failure::Failure;
use crate::{output, package_file};

/// The summary properties with their names (page `summary-property-descriptions.md`).
const SUMMARY: [(u32, &str); 17] = [
    (id::CODE_PAGE, "Codepage"),
    (id::TITLE, "Title"),
    (id::SUBJECT, "Subject"),
    (id::AUTHOR, "Author"),
    (id::KEYWORDS, "Keywords"),
    (id::COMMENTS, "Comments"),
    (id::TEMPLATE, "Template"),
    (id::LAST_SAVED_BY, "Last Saved By"),
    (id::REVISION_NUMBER, "Revision Number"),
    (id::LAST_PRINTED, "Last Printed"),
    (id::CREATED, "Create Time/Date"),
    (id::LAST_SAVED, "Last Saved Time/Date"),
    (id::PAGE_COUNT, "Page Count"),
    (id::WORD_COUNT, "Word Count"),
    (id::CHARACTER_COUNT, "Character Count"),
    (id::CREATING_APPLICATION, "Creating Application"),
    (id::SECURITY, "Security"),
];

/// The name of a summary property, or its number.
pub fn summary_name(number: u32) -> String {
    let named = SUMMARY.iter().find(|(id, _)| *id == number);
    named.map_or_else(|| format!("property {number}"), |(_, name)| (*name).to_owned())
}

/// What a summary property holds, in one line.
pub fn summary_text(number: u32, value: &PropertyValue) -> String {
    match value {
        PropertyValue::Empty => String::new(),
        PropertyValue::Short(page) if number == id::CODE_PAGE => page.cast_unsigned().to_string(),
        PropertyValue::Short(number) => number.to_string(),
        PropertyValue::Long(number) => number.to_string(),
        PropertyValue::Text(text) => output::one_line(text),
        PropertyValue::Time(time) => time_text(*time),
        PropertyValue::Other { kind, data } => format!("{} bytes of type {kind}", data.len()),
    }
}

/// Times between 1601 and 1602 are spans, such as that of editing.
fn time_text(time: FileTime) -> String {
    format!("{time} UTC")
}

fn summary_json(number: u32, value: &PropertyValue) -> serde_json::Value {
    match value {
        PropertyValue::Empty => serde_json::Value::Null,
        PropertyValue::Short(page) if number == id::CODE_PAGE => json!(page.cast_unsigned()),
        PropertyValue::Short(number) => json!(number),
        PropertyValue::Long(number) => json!(number),
        PropertyValue::Text(text) => json!(text),
        PropertyValue::Time(time) => json!(time.to_string()),
        PropertyValue::Other { kind, data } => json!({ "type": kind, "bytes": data }),
    }
}

/// A cabinet as the Media table names it, or that of a merge module.
#[derive(Serialize)]
struct CabinetLine {
    disk: i32,
    last_sequence: Option<i32>,
    name: String,
    embedded: bool,
    /// In bytes; nothing when it is not there.
    size: Option<u64>,
}

/// What is printed.
struct Information {
    kind: &'static str,
    /// Heading and value, where the file has it; the heading in lower case with `_` is the name in JSON.
    facts: Vec<(&'static str, String)>,
    summary: SummaryInformation,
    code_page: u16,
    tables: Vec<(String, u64)>,
    cabinets: Vec<CabinetLine>,
    streams: usize,
    storages: Vec<String>,
}

/// Prints what a package is.
pub fn run(global: &Global, arguments: &Package) -> Result<ExitCode, Failure> {
    let path = &arguments.package;
    let database = package_file::open(global, path)?;
    let information = gather(path, &database).map_err(|error| Failure::about(path, &error))?;
    package_file::print_warnings(global, path, &database);
    output::write(ExitCode::SUCCESS, |out| {
        if global.json { output::write_json(&information.json(), out) } else { information.write(out) }
    })
}

fn gather(path: &Path, database: &Database) -> Result<Information, DatabaseError> {
    let summary = database.summary()?;
    let mut facts = Vec::new();
    let mut fact = |heading, value: Option<String>| facts.extend(value.map(|value| (heading, value)));
    let properties = database.table("Property")?;
    let property = |name: &str| {
        let row = properties.as_ref()?.find(&[name.into()])?;
        row.text("Value").map(str::to_owned)
    };
    match database.kind() {
        DatabaseKind::Patch => {
            let metadata = database.table("MsiPatchMetadata")?;
            let named = |name: &str| {
                let row = metadata.as_ref()?.find(&[reseat_database::Value::Null, name.into()])?;
                row.text("Value").map(str::to_owned)
            };
            fact("Name", named("DisplayName").or_else(|| summary.title().map(str::to_owned)));
            fact("Manufacturer", named("ManufacturerName"));
            fact("Classification", named("Classification"));
            fact("Patch code", summary.package_code().map(|code| code.to_string()));
            let replaced =
                summary.revision_number().and_then(|text| text.trim().get(38..)).map(str::to_owned);
            fact("Replaces", replaced.filter(|list| !list.is_empty()));
            fact("For products", summary.template().map(str::to_owned));
            fact("Transforms", summary.last_saved_by().map(str::to_owned));
        }
        DatabaseKind::Transform => {
            fact("Products and versions", summary.revision_number().map(str::to_owned));
            fact("Platform", Some(summary.platform().to_owned()));
            fact("Conditions", summary.character_count().map(|flags| format!("{flags:#010x}")));
        }
        DatabaseKind::Package | DatabaseKind::Other => {
            let module = database.table("ModuleSignature")?.filter(|_| package_file::is_module(database));
            if let Some(row) = module.as_ref().and_then(|table| table.row(0)) {
                fact("Module", row.text("ModuleID").map(str::to_owned));
                fact("Version", row.text("Version").map(str::to_owned));
            }
            fact("Name", property("ProductName"));
            fact("Version", property("ProductVersion"));
            fact("Manufacturer", property("Manufacturer"));
            fact("Product code", property("ProductCode"));
            fact("Upgrade code", property("UpgradeCode"));
            fact("Package code", summary.package_code().map(|code| code.to_string()));
            fact("Language", property("ProductLanguage"));
            fact("Platform", Some(summary.platform().to_owned()));
            let installer =
                summary.page_count().map(|version| format!("{}.{}", version / 100, version % 100 / 10));
            fact("Needs installer", installer);
        }
    }
    // Whether it holds takes reading the whole file, which `reseat signature` does.
    let signed = super::signature::signer(database);
    fact(
        "Signature",
        Some(signed.map_or_else(|| "none".to_owned(), |signer| format!("of {}", output::one_line(&signer)))),
    );
    Ok(Information {
        kind: package_file::kind(database),
        facts,
        code_page: database.code_page(),
        tables: package_file::row_counts(database)?,
        cabinets: cabinets(path, database)?,
        streams: database.stream_names().len(),
        storages: database.storage_names(),
        summary,
    })
}

fn cabinets(path: &Path, database: &Database) -> Result<Vec<CabinetLine>, DatabaseError> {
    let mut cabinets = Vec::new();
    if database.summary()?.is_administrative() {
        // The Media table still names them; the files are loose.
        return Ok(cabinets);
    }
    let embedded_size =
        |name: &str| Ok::<_, DatabaseError>(database.stream(name)?.map(|stream| stream.len()));
    if let Some(media) = database.table("Media")? {
        for row in media.rows() {
            let Some(name) = row.text("Cabinet") else { continue };
            let (name, embedded) = match name.strip_prefix('#') {
                Some(stream) => (stream, true),
                None => (name, false),
            };
            let size = if embedded {
                embedded_size(name)?
            } else {
                let found = reseat_engine::Beside::file(path).find([name]);
                found.and_then(|found| found.metadata().ok()).map(|facts| facts.len())
            };
            cabinets.push(CabinetLine {
                disk: row.integer("DiskId").unwrap_or_default(),
                last_sequence: row.integer("LastSequence"),
                name: name.to_owned(),
                embedded,
                size,
            });
        }
    }
    let module = crate::extraction::MODULE_CABINET;
    if let Some(size) = embedded_size(module)? {
        let (name, size) = (module.to_owned(), Some(size));
        cabinets.push(CabinetLine { disk: 1, last_sequence: None, name, embedded: true, size });
    }
    Ok(cabinets)
}

impl Information {
    fn json(&self) -> serde_json::Value {
        let mut map = Map::new();
        map.insert("kind".to_owned(), json!(self.kind));
        for (heading, value) in &self.facts {
            map.insert(heading.to_lowercase().replace(' ', "_"), json!(value));
        }
        let summary: Map<_, _> = self
            .summary
            .properties()
            .iter()
            .map(|(number, value)| (summary_name(*number), summary_json(*number, value)))
            .collect();
        map.insert("summary".to_owned(), summary.into());
        map.insert("code_page".to_owned(), json!(self.code_page));
        let tables: Vec<_> =
            self.tables.iter().map(|(name, rows)| json!({ "table": name, "rows": rows })).collect();
        map.insert("tables".to_owned(), tables.into());
        map.insert("cabinets".to_owned(), json!(self.cabinets));
        map.insert("streams".to_owned(), json!(self.streams));
        map.insert("storages".to_owned(), json!(self.storages));
        map.into()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{:22} {}", "Kind", self.kind)?;
        for (heading, value) in &self.facts {
            writeln!(out, "{heading:22} {}", output::one_line(value))?;
        }
        writeln!(out, "\nSummary information")?;
        for (number, value) in self.summary.properties() {
            writeln!(out, "  {:20} {}", summary_name(*number), summary_text(*number, value))?;
        }
        if !self.cabinets.is_empty() {
            writeln!(out, "\nCabinets")?;
        }
        for cabinet in &self.cabinets {
            let place = if cabinet.embedded { "in the package" } else { "beside the package" };
            let size = cabinet.size.map_or("missing".to_owned(), |size| format!("{size} bytes"));
            writeln!(out, "  {:20} {place}, {size}, disk {}", output::one_line(&cabinet.name), cabinet.disk)?;
        }
        if !self.storages.is_empty() {
            writeln!(out, "\nStorages")?;
        }
        for storage in &self.storages {
            writeln!(out, "  {}", output::one_line(storage))?;
        }
        let code_page = match self.code_page {
            0 => "neutral".to_owned(),
            number => number.to_string(),
        };
        writeln!(out, "\nTables: {}, code page {code_page}; streams: {}", self.tables.len(), self.streams)?;
        for (name, rows) in &self.tables {
            writeln!(out, "  {:32} {rows:>7}", output::one_line(name))?;
        }
        Ok(())
    }
}
