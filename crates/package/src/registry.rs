//! The Registry and RemoveRegistry tables (pages `registry-table.md`, `removeregistry-table.md`).

use reseat_database::Value;

use crate::row::{Cell, CellError, Text, table_row};

/// The Root column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegistryRoot {
    /// −1: the user's or the machine's, by the installation's context.
    UserOrMachine,
    /// 0: HKEY_CLASSES_ROOT.
    ClassesRoot,
    /// 1: HKEY_CURRENT_USER.
    CurrentUser,
    /// 2: HKEY_LOCAL_MACHINE.
    LocalMachine,
    /// 3: HKEY_USERS.
    Users,
}

impl Cell for RegistryRoot {
    fn read(value: &Value) -> Result<Self, CellError> {
        Ok(match i32::read(value)? {
            -1 => Self::UserOrMachine,
            0 => Self::ClassesRoot,
            1 => Self::CurrentUser,
            2 => Self::LocalMachine,
            3 => Self::Users,
            _ => return Err(CellError::Rule("not one of -1 to 3".to_owned())),
        })
    }
}

table_row! {
    /// A registry value or key.
    RegistryRow = "Registry" {
        /// The row's key.
        registry: Text = "Registry",
        /// The root.
        root: RegistryRoot = "Root",
        /// The key's path, Formatted.
        key: Text = "Key",
        /// The value's name, Formatted; nothing is the key's default value.
        name: Option<Text> = "Name",
        /// The value, Formatted, with the prefixes that [`RegistryData::parse`] reads.
        value: Option<Text> = "Value",
        /// The component.
        component: Text = "Component_",
    }
}

/// What a row of the Registry table asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryRequest {
    /// A value is written, and removed with the component.
    Value,
    /// `+`: the key is made with the component.
    CreateKey,
    /// `-`: the key is removed, with all in it, with the component.
    RemoveKey,
    /// `*`: both.
    CreateAndRemoveKey,
}

impl RegistryRow {
    /// What the row asks for: the signs have their meaning only when there is no value.
    pub fn request(&self) -> RegistryRequest {
        match (self.name.as_deref(), &self.value) {
            (Some("+"), None) => RegistryRequest::CreateKey,
            (Some("-"), None) => RegistryRequest::RemoveKey,
            (Some("*"), None) => RegistryRequest::CreateAndRemoveKey,
            _ => RegistryRequest::Value,
        }
    }
}

table_row! {
    /// A registry value or key that is removed when the component is installed.
    RemoveRegistry = "RemoveRegistry" {
        /// The row's key.
        row: Text = "RemoveRegistry",
        /// The root.
        root: RegistryRoot = "Root",
        /// The key's path, Formatted.
        key: Text = "Key",
        /// The value's name, Formatted; nothing is the default value, `-` is the key with all in it.
        name: Option<Text> = "Name",
        /// The component.
        component: Text = "Component_",
    }
}

impl RemoveRegistry {
    /// Whether the whole key is removed.
    pub fn removes_key(&self) -> bool {
        self.name.as_deref() == Some("-")
    }
}

/// How strings join those that a value holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// They replace them.
    Replace,
    /// They follow them.
    Append,
    /// They precede them.
    Prepend,
}

/// What is stored as a registry value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryData {
    /// REG_SZ.
    String(String),
    /// `#%`: REG_EXPAND_SZ.
    ExpandString(String),
    /// `#`: REG_DWORD.
    Dword(u32),
    /// `#x`: REG_BINARY.
    Binary(Vec<u8>),
    /// `[~]`: REG_MULTI_SZ.
    MultiString {
        /// The strings.
        strings: Vec<String>,
        /// How they join existing ones.
        placement: Placement,
    },
}

/// A value whose prefix promises something else than follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a hexadecimal registry value")]
pub struct RegistryDataError {
    /// The value.
    pub text: String,
}

impl RegistryData {
    /// Reads the Value column after its references were resolved, `[~]` being the null character.
    ///
    /// A text after `#` that is no number is a string with the sign.
    ///
    /// # Errors
    /// When what follows `#x` is not hexadecimal.
    pub fn parse(text: &str) -> Result<Self, RegistryDataError> {
        if text.contains('\0') {
            return Ok(Self::multi_string(text));
        }
        let Some(rest) = text.strip_prefix('#') else { return Ok(Self::String(text.to_owned())) };
        if rest.starts_with('#') {
            return Ok(Self::String(rest.to_owned()));
        }
        if let Some(expandable) = rest.strip_prefix('%') {
            return Ok(Self::ExpandString(expandable.to_owned()));
        }
        if let Some(digits) = rest.strip_prefix(['x', 'X']) {
            return binary(digits)
                .map(Self::Binary)
                .ok_or_else(|| RegistryDataError { text: text.to_owned() });
        }
        Ok(dword(rest).map_or_else(|| Self::String(text.to_owned()), Self::Dword))
    }

    fn multi_string(text: &str) -> Self {
        let (first, last) = (text.starts_with('\0'), text.ends_with('\0'));
        let strings = text.split('\0').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let placement = match (first, last) {
            (true, false) => Placement::Append,
            (false, true) => Placement::Prepend,
            _ => Placement::Replace,
        };
        Self::MultiString { strings, placement }
    }
}

/// Adds strings to those of an existing value; strings that it holds already change their place.
pub fn join_strings(existing: &[String], strings: &[String], placement: Placement) -> Vec<String> {
    let kept = existing.iter().filter(|old| !strings.contains(old));
    match placement {
        Placement::Replace => strings.to_vec(),
        Placement::Append => kept.chain(strings).cloned().collect(),
        Placement::Prepend => strings.iter().chain(kept).cloned().collect(),
    }
}

fn dword(text: &str) -> Option<u32> {
    let number: i64 = text.trim().parse().ok()?;
    u32::try_from(number).ok().or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned))
}

/// Two digits a byte; a single first digit is a byte of its own.
fn binary(digits: &str) -> Option<Vec<u8>> {
    let nibbles = digits.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<u32>>>()?;
    let padding = if nibbles.len() % 2 == 1 { Some(0) } else { None };
    let nibbles: Vec<u32> = padding.into_iter().chain(nibbles).collect();
    nibbles
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn reads_each_form_of_a_value() {
        let multi =
            |list: &[&str], placement| RegistryData::MultiString { strings: strings(list), placement };
        let cases = [
            ("text", RegistryData::String("text".to_owned())),
            ("", RegistryData::String(String::new())),
            ("##text", RegistryData::String("#text".to_owned())),
            ("###", RegistryData::String("##".to_owned())),
            ("#%%SystemRoot%", RegistryData::ExpandString("%SystemRoot%".to_owned())),
            ("#1", RegistryData::Dword(1)),
            ("#-1", RegistryData::Dword(u32::MAX)),
            ("#+5", RegistryData::Dword(5)),
            ("#4294967295", RegistryData::Dword(u32::MAX)),
            ("#x00ff", RegistryData::Binary(vec![0, 255])),
            ("#Xabc", RegistryData::Binary(vec![0x0a, 0xbc])),
            ("#x", RegistryData::Binary(vec![])),
            ("#abc", RegistryData::String("#abc".to_owned())),
            ("a\0b\0c", multi(&["a", "b", "c"], Placement::Replace)),
            ("\0a\0b", multi(&["a", "b"], Placement::Append)),
            ("a\0b\0", multi(&["a", "b"], Placement::Prepend)),
            ("\0a\0", multi(&["a"], Placement::Replace)),
            ("\0", multi(&[], Placement::Replace)),
        ];
        for (text, expected) in cases {
            assert_eq!(RegistryData::parse(text).unwrap(), expected, "{text:?}");
        }
        assert!(RegistryData::parse("#xzz").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[#x%0-9a-f\0+\\-]{0,10}") {
            let text = text.replace('\\', "");
            let _ = RegistryData::parse(&text);
        }

        #[test]
        fn bytes_written_as_digits_are_read_back(bytes: Vec<u8>) {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            proptest::prop_assert_eq!(RegistryData::parse(&format!("#x{digits}")), Ok(RegistryData::Binary(bytes)));
        }
    }

    #[test]
    fn moves_strings_that_are_there_already() {
        let old = strings(&["a", "b", "c"]);
        let new = strings(&["b", "d"]);
        assert_eq!(join_strings(&old, &new, Placement::Append), strings(&["a", "c", "b", "d"]));
        assert_eq!(join_strings(&old, &new, Placement::Prepend), strings(&["b", "d", "a", "c"]));
        assert_eq!(join_strings(&old, &new, Placement::Replace), new);
    }
}
