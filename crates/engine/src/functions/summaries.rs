//! The functions about summary information (page `summary-information-property-functions.md`), for reading.

use reseat_database::{PropertyValue, SummaryInformation};

use super::Value;
use super::arguments::{Answer, Arguments, done, values};
use super::code::Code;
use super::general::General;
use super::handles::Object;

/// The types of values (page `summary-information-stream-property-set.md`).
const EMPTY: i32 = 0;
const SHORT: i32 = 2;
const LONG: i32 = 3;
const TEXT: i32 = 30;
const TIME: i32 = 64;

/// Properties are numbered from 0 to this.
const LAST_PROPERTY: u32 = 19;

/// Carries out a function about summary information.
pub fn call(general: &mut General<'_>, name: &str, arguments: Arguments<'_>) -> Option<Answer> {
    Some(match name {
        "MsiSummaryInfoGetPropertyCount" => count(general, arguments),
        "MsiSummaryInfoGetProperty" => property(general, arguments),
        "MsiSummaryInfoSetProperty" => summary(general, arguments).and(Err(Code::ACCESS_DENIED)),
        "MsiSummaryInfoPersist" => summary(general, arguments).and_then(|_| done()),
        _ => return None,
    })
}

/// A handle to summary information.
pub fn open(general: &mut General<'_>, summary: SummaryInformation) -> Answer {
    general.output(Object::Summary(Box::new(summary)))
}

fn summary<'g>(general: &'g General<'_>, arguments: Arguments<'_>) -> Result<&'g SummaryInformation, Code> {
    general.handles.summary(arguments.handle(0)?)
}

fn count(general: &General<'_>, arguments: Arguments<'_>) -> Answer {
    let properties = summary(general, arguments)?.properties();
    values([i32::try_from(properties.len()).unwrap_or(i32::MAX).into()])
}

/// Answers with type, number, file time and text; what the type does not have is 0 or null.
fn property(general: &General<'_>, arguments: Arguments<'_>) -> Answer {
    let summary = summary(general, arguments)?;
    let id = u32::try_from(arguments.int(1)?).ok().filter(|id| *id <= LAST_PROPERTY);
    let id = id.ok_or(Code::UNKNOWN_PROPERTY)?;
    let none = || (Value::Int(0), Value::Null, Value::Null);
    let (kind, (number, time, text)) = match summary.properties().get(&id) {
        None | Some(PropertyValue::Empty | PropertyValue::Other { .. }) => (EMPTY, none()),
        Some(PropertyValue::Short(number)) => {
            (SHORT, (Value::Int((*number).into()), Value::Null, Value::Null))
        }
        Some(PropertyValue::Long(number)) => (LONG, (Value::Int(*number), Value::Null, Value::Null)),
        Some(PropertyValue::Text(text)) => (TEXT, (Value::Int(0), Value::Null, text.as_str().into())),
        Some(PropertyValue::Time(time)) => {
            (TIME, (Value::Int(0), Value::Bytes(time.0.to_le_bytes().to_vec()), Value::Null))
        }
    };
    values([kind.into(), number, time, text])
}
