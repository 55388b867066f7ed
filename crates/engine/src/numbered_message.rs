//! A message with a documented number: its fields, and its text (pages `windows-installer-error-messages.md`,
//! `error-table.md`).

use std::fmt;

use reseat_database::record::{Field, Record};
use reseat_package::message::{Audience, template};
use reseat_package::{ErrorRow, FormatContext, Package};

use crate::functions::messages::format_by;
use crate::message_text::{Language, own_text};

/// A message with a documented number and the facts that its text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedMessage {
    number: u32,
    /// From field 2 on.
    fields: Vec<String>,
}

impl NumberedMessage {
    /// A message; the first of the fields is field 2 of the documented text.
    pub fn new(number: u32, fields: impl IntoIterator<Item = String>) -> Self {
        Self { number, fields: fields.into_iter().collect() }
    }

    /// The documented number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The text without the number: that of the package's Error table, else our own, else the fields.
    pub fn text(
        &self,
        language: Language,
        package: Option<&Package>,
        session: Option<&dyn FormatContext>,
    ) -> String {
        match template_of(self.number, language, package, Audience::User) {
            Some(template) => format_by(&self.record(), &template, session).trim_end().to_owned(),
            None => self.fields.join(", "),
        }
    }

    /// The record that the text is formatted by: the number, then the fields.
    pub(crate) fn record(&self) -> Record {
        let number = Field::Integer(i32::try_from(self.number).unwrap_or(i32::MAX));
        Record::of(std::iter::once(number).chain(self.fields.iter().cloned().map(Field::Text)))
    }
}

/// As the log notes it: the number and the fields, each behind its place.
impl fmt::Display for NumberedMessage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "1: {}", self.number)?;
        self.fields.iter().zip(2..).try_for_each(|(field, place)| write!(out, " {place}: {field}"))
    }
}

/// The template for a number: that of the package's Error table, else our own.
pub(crate) fn template_of(
    number: u32,
    language: Language,
    package: Option<&Package>,
    audience: Audience,
) -> Option<String> {
    let authored = package.and_then(|package| package.rows::<ErrorRow>().ok()).and_then(|rows| {
        let row = rows.iter().find(|row| u32::try_from(row.error) == Ok(number))?;
        row.message.as_ref().map(|message| template(message, audience).into_owned())
    });
    authored.or_else(|| own_text(number, language).map(str::to_owned))
}
