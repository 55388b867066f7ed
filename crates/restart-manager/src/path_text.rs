//! Paths, arguments and environment entries as JSON: text where they are UTF-8, else the list of their bytes.
//! Linux allows any byte but zero, and what was registered has to come back exactly.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize)]
#[serde(untagged)]
enum Written<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Read {
    Text(String),
    Bytes(Vec<u8>),
}

fn written(text: &OsStr) -> Written<'_> {
    match text.to_str() {
        Some(text) => Written::Text(text),
        None => Written::Bytes(text.as_bytes()),
    }
}

impl From<Read> for OsString {
    fn from(read: Read) -> OsString {
        match read {
            Read::Text(text) => text.into(),
            Read::Bytes(bytes) => OsString::from_vec(bytes),
        }
    }
}

pub(crate) fn serialize<S: Serializer>(text: impl AsRef<OsStr>, to: S) -> Result<S::Ok, S::Error> {
    written(text.as_ref()).serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: From<OsString>>(from: D) -> Result<T, D::Error> {
    Ok(T::from(OsString::from(Read::deserialize(from)?)))
}

/// The same for a list.
pub(crate) mod list {
    use super::{Deserialize, Deserializer, OsStr, OsString, Read, Serializer, written};

    pub(crate) fn serialize<S: Serializer, T: AsRef<OsStr>>(list: &[T], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(|text| written(text.as_ref())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: From<OsString>>(
        from: D,
    ) -> Result<Vec<T>, D::Error> {
        let list: Vec<Read> = Vec::deserialize(from)?;
        Ok(list.into_iter().map(|read| T::from(OsString::from(read))).collect())
    }
}
