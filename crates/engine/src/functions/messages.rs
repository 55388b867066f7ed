//! MsiFormatRecord and MsiProcessMessage (their pages, and
//! `sending-messages-to-windows-installer-using-msiprocessmessage.md`).

use std::borrow::Cow;

use jiff::Zoned;
use reseat_database::record::{Field, Record};
use reseat_package::message::Audience;
use reseat_package::{FormatContext, Formatted, Package, PathForm};

use crate::interface::{Buttons, Message, Question, UserInterface};
use crate::log::plain;
use crate::message_text::Language;
use crate::numbered_message::template_of;

/// What a template in a record refers to: the record's own fields, and what a session knows.
pub struct RecordContext<'c> {
    record: &'c Record,
    session: Option<&'c dyn FormatContext>,
}

impl FormatContext for RecordContext<'_> {
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        self.session?.property(name)
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.session?.environment(name)
    }

    fn file_path(&self, file: &str, form: PathForm) -> Option<String> {
        self.session?.file_path(file, form)
    }

    fn component_folder(&self, component: &str) -> Option<String> {
        self.session?.component_folder(component)
    }

    fn field(&self, number: u32) -> Option<Cow<'_, str>> {
        // A field that is not there is one without a value.
        Some(Cow::Owned(self.record.text(number as usize)))
    }
}

/// Puts the fields of a record into the template in its field 0; without one, they are listed with their numbers.
pub fn format(record: &Record, session: Option<&dyn FormatContext>) -> String {
    format_by(record, &record.text(0), session)
}

pub(crate) fn format_by(record: &Record, template: &str, session: Option<&dyn FormatContext>) -> String {
    if template.is_empty() {
        let fields = (1..=record.len()).map(|field| format!("{field}: {} ", record.text(field)));
        return fields.collect();
    }
    Formatted::resolve(template, &RecordContext { record, session }).text
}

/// The kinds of messages (enumeration INSTALLMESSAGE), in the upper byte of what MsiProcessMessage is given.
mod kind {
    pub const FATAL_EXIT: u32 = 0x00;
    pub const ERROR: u32 = 0x01;
    pub const WARNING: u32 = 0x02;
    pub const USER: u32 = 0x03;
    pub const INFORMATION: u32 = 0x04;
    pub const OUT_OF_DISK_SPACE: u32 = 0x07;
    pub const ACTION_START: u32 = 0x08;
    pub const ACTION_DATA: u32 = 0x09;
    pub const PROGRESS: u32 = 0x0A;
    pub const COMMON_DATA: u32 = 0x0B;
}

/// What MsiProcessMessage returns.
const OK: i32 = 1;
const CANCEL: i32 = 2;

/// Where a message comes from.
pub struct Sender<'s> {
    /// What its template refers to.
    pub context: &'s dyn FormatContext,
    /// Whose Error table has the texts.
    pub package: Option<&'s Package>,
    /// The language of texts that it does not have.
    pub language: Language,
    /// The action that sends it.
    pub action: &'s str,
    /// The template for data of the action that was announced last.
    pub data_template: Option<String>,
}

/// What a message is to whoever watches.
pub enum Said {
    /// Nothing: it goes to the log, if anywhere.
    Nothing,
    /// A message.
    Message(Message),
    /// Something to be answered; the message is what is said when nobody is there.
    Question(Question, Message),
}

/// What a record says, and the template that it sets for later data, if any. A kind that is not known is nothing.
pub fn read(kind: i32, record: &Record, sender: &Sender<'_>) -> Option<(Said, Option<String>)> {
    let (message, style) = ((kind as u32) >> 24, kind as u32 & 0x00FF_FFFF);
    let said = match message {
        kind::FATAL_EXIT | kind::ERROR | kind::WARNING | kind::USER | kind::OUT_OF_DISK_SPACE => {
            let text = worded(message, record, sender);
            // An error that an action reports does not end the installation: what the action returns does.
            let said = match message {
                kind::USER => Message::Information(text.clone()),
                _ => Message::warning(text.clone()),
            };
            match Question::new(text, style) {
                question if question.buttons == Buttons::Ok => Said::Message(said),
                question => Said::Question(question, said),
            }
        }
        kind::INFORMATION => {
            plain!("{}", format(record, Some(sender.context)));
            Said::Nothing
        }
        kind::ACTION_START => {
            let (action, description) = (record.text(1), record.text(2));
            plain!("Action {}: {action}. {description}", Zoned::now().strftime("%H:%M:%S"));
            let template = record.text(3);
            let said = Said::Message(Message::ActionStart { action, description });
            return Some((said, Some(template)));
        }
        kind::ACTION_DATA => {
            let template = sender.data_template.as_deref().unwrap_or_default();
            let text = format_by(record, template, Some(sender.context));
            plain!("{}: {text}", sender.action);
            Said::Message(Message::ActionData(text))
        }
        // The engine counts its own progress: the ticks of an action are not in its total.
        kind::PROGRESS | kind::COMMON_DATA => Said::Nothing,
        // Files in use and sources are asked for by the engine alone; the rest is for user interfaces.
        0x05..=0x0F | 0x19..=0x1B => Said::Nothing,
        _ => return None,
    };
    Some((said, None))
}

/// The text of an error, warning or other message for the user, by the Error table when it has no template itself.
fn worded(message: u32, record: &Record, sender: &Sender<'_>) -> String {
    if !record.is_null(0) {
        return format(record, Some(sender.context));
    }
    let Some(Field::Integer(number)) = record.field(1) else { return format(record, Some(sender.context)) };
    let template = u32::try_from(*number)
        .ok()
        .and_then(|number| template_of(number, sender.language, sender.package, Audience::User));
    let text = match template {
        Some(template) => format_by(record, &template, Some(sender.context)),
        None => format(record, Some(sender.context)),
    };
    match message {
        kind::WARNING => format!("Warning {number}. {text}"),
        kind::USER => text,
        _ => format!("Error {number}. {text}"),
    }
}

/// Passes a message on to whoever watches, and gives the answer.
pub fn say(said: Said, interface: &mut dyn UserInterface, is_silent: bool) -> i32 {
    match said {
        Said::Nothing => {}
        Said::Message(message) => {
            log(&message);
            interface.message(&message);
        }
        Said::Question(question, message) => {
            log(&message);
            if is_silent {
                interface.message(&message);
                return question.default_answer().number();
            }
            return interface.question(&question).number();
        }
    }
    if interface.cancelled() { CANCEL } else { OK }
}

/// The text says itself of what kind it is, where the package has given it a number.
fn log(message: &Message) {
    if let Message::Warning { text, .. } | Message::Information(text) | Message::Error { text, .. } = message
    {
        plain!("{text}");
    }
}
