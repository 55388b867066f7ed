//! One line of a registry file: escapes in texts, and values.
//!
//! A text has its backslashes, quotes and control characters escaped with a backslash; what is not ASCII is `\x` with up
//! to four hexadecimal digits for each UTF-16 unit. Values are `"name"="text"`, `dword:`, `hex:`, `hex(n):`, `str(n):"text"`;
//! the default value's name is `@`. Bytes go on over lines that end with a backslash.

use crate::registry_value::{REG_BINARY, REG_DWORD, REG_EXPAND_SZ, REG_MULTI_SZ, REG_SZ, RegistryValue};

/// Wine breaks a line of bytes when it has become longer than this.
const WIDTH: usize = 76;

/// Reads an escaped text up to `end` or the end of the input. Gives the UTF-16 units and what follows `end`; nothing when
/// an escape is cut off or `end` is missing.
fn unescape(text: &str, end: Option<char>) -> Option<(Vec<u16>, &str)> {
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    let mut buffer = [0; 2];
    loop {
        let Some(character) = rest.next() else {
            return if end.is_none() { Some((units, "")) } else { None };
        };
        if Some(character) == end {
            return Some((units, rest.as_str()));
        }
        if character != '\\' {
            units.extend_from_slice(character.encode_utf16(&mut buffer));
            continue;
        }
        let escaped = rest.next()?;
        let unit = match escaped {
            'a' => 7,
            'b' => 8,
            't' => 9,
            'n' => 10,
            'v' => 11,
            'f' => 12,
            'r' => 13,
            'e' => 27,
            'x' => match digits(&mut rest, 16, 4) {
                Some(unit) => unit,
                None => u16::from(b'x'),
            },
            '0'..='7' => {
                let first = escaped.to_digit(8)? as u16;
                octal(&mut rest, first)
            }
            other => {
                units.extend_from_slice(other.encode_utf16(&mut buffer));
                continue;
            }
        };
        units.push(unit);
    }
}

/// Takes up to `most` digits; nothing when there is none.
fn digits(rest: &mut std::str::Chars<'_>, radix: u32, most: usize) -> Option<u16> {
    let mut number = None;
    for _ in 0..most {
        let mut ahead = rest.clone();
        let Some(digit) = ahead.next().and_then(|character| character.to_digit(radix)) else { break };
        number = Some(number.unwrap_or(0_u32) * radix + digit);
        *rest = ahead;
    }
    number.and_then(|number| u16::try_from(number).ok())
}

fn octal(rest: &mut std::str::Chars<'_>, first: u16) -> u16 {
    let mut number = first;
    for _ in 0..2 {
        let mut ahead = rest.clone();
        let Some(digit) = ahead.next().and_then(|character| character.to_digit(8)) else { break };
        number = number * 8 + digit as u16;
        *rest = ahead;
    }
    number
}

/// Reads the path in a line `[path] 123`. Unpaired surrogates become the replacement character.
pub fn key_path(line: &str) -> Option<(String, &str)> {
    let inner = line.strip_prefix('[')?;
    let (units, rest) = unescape(inner, Some(']'))?;
    Some((String::from_utf16_lossy(&units), rest))
}

/// Reads the quoted text in a line such as `#class="…"`.
pub fn quoted(text: &str) -> Option<String> {
    let (units, _) = unescape(text.strip_prefix('"')?, Some('"'))?;
    Some(String::from_utf16_lossy(&units))
}

/// Reads one value; `lines` starts with its first line and may have lines that go on.
pub fn parse_value(lines: &str) -> Option<(String, RegistryValue)> {
    let (name, rest) = match lines.strip_prefix('@') {
        Some(rest) => (String::new(), rest),
        None => {
            let (units, rest) = unescape(lines.strip_prefix('"')?, Some('"'))?;
            (String::from_utf16(&units).ok()?, rest)
        }
    };
    let data = rest.strip_prefix('=')?;
    Some((name, parse_data(data)?))
}

fn parse_data(data: &str) -> Option<RegistryValue> {
    if let Some(text) = data.strip_prefix('"') {
        return text_value(REG_SZ, text);
    }
    if let Some(number) = data.strip_prefix("dword:") {
        return u32::from_str_radix(number.trim_end(), 16).ok().map(RegistryValue::Dword);
    }
    if let Some(rest) = data.strip_prefix("str(") {
        let (kind, text) = rest.split_once("):\"")?;
        return text_value(u32::from_str_radix(kind, 16).ok()?, text);
    }
    if let Some(bytes) = data.strip_prefix("hex:") {
        return Some(RegistryValue::from_data(REG_BINARY, parse_bytes(bytes)?));
    }
    let (kind, bytes) = data.strip_prefix("hex(")?.split_once("):")?;
    Some(RegistryValue::from_data(u32::from_str_radix(kind, 16).ok()?, parse_bytes(bytes)?))
}

fn text_value(kind: u32, text: &str) -> Option<RegistryValue> {
    let (mut units, _) = unescape(text, Some('"'))?;
    let usual = match (kind, String::from_utf16(&units)) {
        (REG_SZ, Ok(text)) => Some(RegistryValue::String(text)),
        (REG_EXPAND_SZ, Ok(text)) => Some(RegistryValue::ExpandString(text)),
        (REG_MULTI_SZ, Ok(text)) => RegistryValue::multi_string(&text),
        _ => None,
    };
    usual.or_else(|| {
        units.push(0);
        Some(RegistryValue::Other { kind, data: units.into_iter().flat_map(u16::to_le_bytes).collect() })
    })
}

fn parse_bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 3 + 1);
    let digits = |character: char| character.is_ascii_hexdigit();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', '\\', ' ', '\t', '\r', '\n']);
        if rest.is_empty() {
            return Some(bytes);
        }
        let end = rest.find(|character| !digits(character)).unwrap_or(rest.len());
        let (pair, after) = rest.split_at_checked(end)?;
        bytes.push(u8::from_str_radix(pair, 16).ok()?);
        rest = after;
    }
}

/// Writes a text with escapes; `delimiters` (the quote, or the brackets of a key) are escaped too.
pub fn escape(out: &mut String, text: &str, delimiters: &str) {
    let mut units = text.encode_utf16().peekable();
    while let Some(unit) = units.next() {
        let following = units.peek().and_then(|next| u8::try_from(*next).ok());
        match u8::try_from(unit).unwrap_or(u8::MAX) {
            byte if byte > 127 => {
                // A digit that follows would be taken for a part of the number.
                let number = if following.is_some_and(|next| next.is_ascii_hexdigit()) {
                    format!("\\x{unit:04x}")
                } else {
                    format!("\\x{unit:x}")
                };
                out.push_str(&number);
            }
            byte @ 0..32 => match byte {
                7 => out.push_str("\\a"),
                8 => out.push_str("\\b"),
                9 => out.push_str("\\t"),
                10 => out.push_str("\\n"),
                11 => out.push_str("\\v"),
                12 => out.push_str("\\f"),
                13 => out.push_str("\\r"),
                27 => out.push_str("\\e"),
                other if following.is_some_and(|next| next.is_ascii_digit()) => {
                    out.push_str(&format!("\\{other:03o}"));
                }
                other => out.push_str(&format!("\\{other:o}")),
            },
            byte => {
                let character = char::from(byte);
                if character == '\\' || delimiters.contains(character) {
                    out.push('\\');
                }
                out.push(character);
            }
        }
    }
}

/// Writes one value with its line end.
pub fn write_value(out: &mut String, name: &str, value: &RegistryValue) {
    let start = out.len();
    if name.is_empty() {
        out.push('@');
    } else {
        out.push('"');
        escape(out, name, "\"");
        out.push('"');
    }
    out.push('=');
    match value {
        RegistryValue::String(text) => write_text(out, text),
        RegistryValue::ExpandString(text) => {
            out.push_str("str(2):");
            write_text(out, text);
        }
        RegistryValue::MultiString(parts) => {
            out.push_str("str(7):");
            let text: String = parts.iter().flat_map(|part| [part.as_str(), "\0"]).collect();
            write_text(out, &text);
        }
        RegistryValue::Dword(number) => out.push_str(&format!("dword:{number:08x}")),
        other => {
            let kind = other.kind();
            if kind == REG_BINARY {
                out.push_str("hex:");
            } else {
                debug_assert!(kind != REG_DWORD || matches!(other, RegistryValue::Other { .. }));
                out.push_str(&format!("hex({kind:x}):"));
            }
            let column = out.len() - start;
            write_bytes(out, &other.data(), column);
        }
    }
    out.push('\n');
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text, "\"");
    out.push('"');
}

fn write_bytes(out: &mut String, bytes: &[u8], mut column: usize) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    for (position, byte) in bytes.iter().enumerate() {
        for digit in [byte >> 4, byte & 15] {
            out.extend(DIGITS.get(usize::from(digit)));
        }
        column += 2;
        if position + 1 < bytes.len() {
            out.push(',');
            column += 1;
            if column > WIDTH {
                out.push_str("\\\n  ");
                column = 2;
            }
        }
    }
}
