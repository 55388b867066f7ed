//! The summary information of a package: its properties by name, and by number for the rest.
//!
//! Documented on the pages `summary-information-stream-property-set.md` (numbers and types) and
//! `summary-property-descriptions.md` (one page for each property). The stream's layout is in `property_set`.

mod file_time;
mod property_set;

use std::collections::BTreeMap;

use crate::PackageCode;
pub use file_time::{FileTime, FileTimeError};
pub(crate) use property_set::{read, write};

/// The name of the stream.
pub(crate) const STREAM: &str = "\u{5}SummaryInformation";
const DEFAULT_CODE_PAGE: u16 = 1252;

/// Numbers of the properties (page `summary-information-stream-property-set.md`).
pub mod id {
    /// Code page of the texts.
    pub const CODE_PAGE: u32 = 1;
    /// Title.
    pub const TITLE: u32 = 2;
    /// Subject.
    pub const SUBJECT: u32 = 3;
    /// Author.
    pub const AUTHOR: u32 = 4;
    /// Keywords.
    pub const KEYWORDS: u32 = 5;
    /// Comments.
    pub const COMMENTS: u32 = 6;
    /// Template: platform and languages.
    pub const TEMPLATE: u32 = 7;
    /// Last saved by.
    pub const LAST_SAVED_BY: u32 = 8;
    /// Revision number: the package code.
    pub const REVISION_NUMBER: u32 = 9;
    /// Time of the last print.
    pub const LAST_PRINTED: u32 = 11;
    /// Time of creation.
    pub const CREATED: u32 = 12;
    /// Time of the last save.
    pub const LAST_SAVED: u32 = 13;
    /// Page count: the installer version needed.
    pub const PAGE_COUNT: u32 = 14;
    /// Word count: the kind of source.
    pub const WORD_COUNT: u32 = 15;
    /// Character count: flags of a transform.
    pub const CHARACTER_COUNT: u32 = 16;
    /// Creating application.
    pub const CREATING_APPLICATION: u32 = 18;
    /// Security.
    pub const SECURITY: u32 = 19;
}

/// The value of a summary property.
#[derive(Debug, Clone, PartialEq)]
pub enum PropertyValue {
    /// No value.
    Empty,
    /// A number of two bytes.
    Short(i16),
    /// A number of four bytes.
    Long(i32),
    /// A text.
    Text(String),
    /// A point in time.
    Time(FileTime),
    /// A value of a type that installer packages do not use.
    Other {
        /// The type's number in the property set format.
        kind: u32,
        /// The bytes after the type.
        data: Vec<u8>,
    },
}

/// The summary information of a package.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SummaryInformation {
    properties: BTreeMap<u32, PropertyValue>,
}

impl SummaryInformation {
    /// All properties by number.
    pub fn properties(&self) -> &BTreeMap<u32, PropertyValue> {
        &self.properties
    }

    /// Sets a property by number.
    pub fn set(&mut self, id: u32, value: PropertyValue) {
        self.properties.insert(id, value);
    }

    /// Removes a property by number.
    pub fn remove(&mut self, id: u32) {
        self.properties.remove(&id);
    }

    /// Sets a text property by number; see [`id`].
    pub fn set_text(&mut self, id: u32, text: &str) {
        self.set(id, PropertyValue::Text(text.to_owned()));
    }

    /// Sets the code page of the texts.
    pub fn set_code_page(&mut self, code_page: u16) {
        self.set(id::CODE_PAGE, PropertyValue::Short(code_page as i16));
    }

    /// The text of a property by number.
    pub fn text(&self, id: u32) -> Option<&str> {
        match self.properties.get(&id) {
            Some(PropertyValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The number of a property by number.
    pub fn number(&self, id: u32) -> Option<i32> {
        match *self.properties.get(&id)? {
            PropertyValue::Short(number) => Some(number.into()),
            PropertyValue::Long(number) => Some(number),
            _ => None,
        }
    }

    /// The time of a property by number.
    pub fn time(&self, id: u32) -> Option<FileTime> {
        match self.properties.get(&id) {
            Some(&PropertyValue::Time(time)) => Some(time),
            _ => None,
        }
    }

    /// The code page of the texts in the summary information, which may differ from that of the tables
    /// (page `codepage-summary.md`).
    pub fn code_page(&self) -> u16 {
        self.number(id::CODE_PAGE).map_or(DEFAULT_CODE_PAGE, |number| number as u16)
    }

    /// What kind of package this is (page `title-summary.md`).
    pub fn title(&self) -> Option<&str> {
        self.text(id::TITLE)
    }

    /// The name of the product (page `subject-summary.md`).
    pub fn subject(&self) -> Option<&str> {
        self.text(id::SUBJECT)
    }

    /// The manufacturer (page `author-summary.md`).
    pub fn author(&self) -> Option<&str> {
        self.text(id::AUTHOR)
    }

    /// Words to search by (page `keywords-summary.md`).
    pub fn keywords(&self) -> Option<&str> {
        self.text(id::KEYWORDS)
    }

    /// What the package is for (page `comments-summary.md`).
    pub fn comments(&self) -> Option<&str> {
        self.text(id::COMMENTS)
    }

    /// Platform and languages as stored, such as `x64;1033` (page `template-summary.md`).
    pub fn template(&self) -> Option<&str> {
        self.text(id::TEMPLATE)
    }

    /// The platform of the template; `Intel` when it names none.
    pub fn platform(&self) -> &str {
        let platform = self.template().and_then(|template| template.split(';').next()).map(str::trim);
        platform.filter(|platform| !platform.is_empty()).unwrap_or("Intel")
    }

    /// The languages of the template; none for a neutral package.
    pub fn languages(&self) -> Vec<u16> {
        let list = self.template().and_then(|template| template.split_once(';')).map_or("", |(_, list)| list);
        list.split(',')
            .filter_map(|language| language.trim().parse().ok())
            .filter(|&language| language != 0)
            .collect()
    }

    /// Who saved it last; in a transform the template after it, in a patch the names of its transforms
    /// (page `last-saved-by-summary.md`).
    pub fn last_saved_by(&self) -> Option<&str> {
        self.text(id::LAST_SAVED_BY)
    }

    /// The revision number as stored: the package code; in a patch its code and those that it replaces; in a
    /// transform products and versions (page `revision-number-summary.md`).
    pub fn revision_number(&self) -> Option<&str> {
        self.text(id::REVISION_NUMBER)
    }

    /// The package code; nothing when the revision number does not start with one.
    pub fn package_code(&self) -> Option<PackageCode> {
        // A GUID in braces has 38 characters; patches list further ones after it.
        self.revision_number()?.trim().get(..38)?.parse().ok()
    }

    /// When it was printed last (page `last-printed-summary.md`).
    pub fn last_printed(&self) -> Option<FileTime> {
        self.time(id::LAST_PRINTED)
    }

    /// When it was created (page `create-time-date-summary.md`).
    pub fn created(&self) -> Option<FileTime> {
        self.time(id::CREATED)
    }

    /// When it was saved last (page `last-saved-time-date-summary.md`).
    pub fn saved(&self) -> Option<FileTime> {
        self.time(id::LAST_SAVED)
    }

    /// The lowest installer version that it needs, as major × 100 + minor (page `page-count-summary.md`).
    pub fn page_count(&self) -> Option<i32> {
        self.number(id::PAGE_COUNT)
    }

    /// The kind of source, as stored (page `word-count-summary.md`); 0 when absent.
    pub fn word_count(&self) -> i32 {
        self.number(id::WORD_COUNT).unwrap_or(0)
    }

    /// Whether files in the source have short names.
    pub fn has_short_names(&self) -> bool {
        self.word_count() & 1 != 0
    }

    /// Whether files in the source are in cabinets, unless the File table says otherwise.
    pub fn is_compressed(&self) -> bool {
        self.word_count() & 2 != 0
    }

    /// Whether the source was made by an administrative installation.
    pub fn is_administrative(&self) -> bool {
        self.word_count() & 4 != 0
    }

    /// Whether the package can be installed without elevated privileges.
    pub fn needs_no_elevation(&self) -> bool {
        self.word_count() & 8 != 0
    }

    /// In a transform, which conditions it has and which errors it suppresses (page
    /// `character-count-summary.md`).
    pub fn character_count(&self) -> Option<i32> {
        self.number(id::CHARACTER_COUNT)
    }

    /// The program that made it (page `creating-application-summary.md`).
    pub fn creating_application(&self) -> Option<&str> {
        self.text(id::CREATING_APPLICATION)
    }

    /// 0 without restriction, 2 when opening it read-only is recommended, 4 when that is enforced
    /// (page `security-summary.md`).
    pub fn security(&self) -> Option<i32> {
        self.number(id::SECURITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_template(template: &str) -> SummaryInformation {
        let mut summary = SummaryInformation::default();
        summary.set(id::TEMPLATE, PropertyValue::Text(template.to_owned()));
        summary
    }

    #[test]
    fn the_template_has_platform_and_languages() {
        let cases: [(&str, &str, &[u16]); 5] = [
            ("x64;1033", "x64", &[1033]),
            (";1033", "Intel", &[1033]),
            ("Intel ;1033,2046", "Intel", &[1033, 2046]),
            ("Arm64;0", "Arm64", &[]),
            ("Intel", "Intel", &[]),
        ];
        for (template, platform, languages) in cases {
            let summary = with_template(template);
            assert_eq!(
                (summary.platform(), summary.languages().as_slice()),
                (platform, languages),
                "{template}"
            );
        }
    }

    #[test]
    fn the_package_code_is_the_first_of_a_list() {
        let mut summary = SummaryInformation::default();
        let code = "{00000002-0001-0000-0000-624474736554}";
        for text in [code.to_owned(), format!("{code}{code}"), format!(" {code}")] {
            summary.set(id::REVISION_NUMBER, PropertyValue::Text(text));
            assert_eq!(summary.package_code().unwrap().to_string(), code);
        }
        summary.set(id::REVISION_NUMBER, PropertyValue::Text("none".to_owned()));
        assert_eq!(summary.package_code(), None);
    }
}
