//! The names of certificates (X.501), as people read them.

use crate::der::{Element, OBJECT, SEQUENCE, SET, dotted};
use crate::error::SignatureError;

const BMP_STRING: u8 = 0x1e;

/// A name such as `CN=Example, O=Example Ltd, C=GB`, in the order in which it is stored.
pub(crate) fn read(name: Element<'_>) -> Result<String, SignatureError> {
    let mut parts = Vec::new();
    let mut sets = name.elements();
    while !sets.is_empty() {
        let mut pairs = sets.expect(SET, "a part of a name")?.elements();
        while !pairs.is_empty() {
            let mut pair = pairs.expect(SEQUENCE, "a part of a name")?.elements();
            let kind = dotted(pair.expect(OBJECT, "what a part of a name is")?.content);
            let value = text(pair.next("a part of a name")?);
            parts.push(format!("{}={value}", label(&kind)));
        }
    }
    Ok(parts.join(", "))
}

fn label(kind: &str) -> &str {
    match kind {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.5" => "serialNumber",
        "2.5.4.9" => "street",
        "2.5.4.15" => "businessCategory",
        "2.5.4.17" => "postalCode",
        "1.2.840.113549.1.9.1" => "email",
        other => other,
    }
}

fn text(value: Element<'_>) -> String {
    match value.tag {
        BMP_STRING => {
            let units = value.content.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => String::from_utf8_lossy(value.content).into_owned(),
    }
}
