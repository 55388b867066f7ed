//! The key by which a secondary installer joins a session.
//!
//! `CCH_RM_SESSION_KEY` is 32 characters; published logs show 32 lower-case hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The key of a Restart Manager session: 32 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(String);

impl SessionKey {
    /// The number of characters of a key (`CCH_RM_SESSION_KEY`).
    pub const LENGTH: usize = 32;

    /// A new random key.
    pub(crate) fn random() -> SessionKey {
        SessionKey(uuid::Uuid::new_v4().simple().to_string())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionKey {
    type Err = Error;

    /// Reads a key.
    ///
    /// # Errors
    /// [`Error::MalformedKey`] (1219, as for a key that cannot be validated).
    fn from_str(text: &str) -> Result<SessionKey, Error> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == SessionKey::LENGTH && text.bytes().all(digit) {
            Ok(SessionKey(text.to_owned()))
        } else {
            Err(Error::MalformedKey { text: text.chars().take(80).collect() })
        }
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_key_reads_back_as_itself() {
        let key = SessionKey::random();
        assert_eq!(key.as_str().len(), SessionKey::LENGTH);
        assert_eq!(key.as_str().parse::<SessionKey>().unwrap(), key);
    }

    #[test]
    fn what_is_no_key_is_refused_with_1219() {
        let long = "a".repeat(33);
        for text in ["", "..", "../../../etc/passwd-aaaaaaaaaaaaa", "A282DC6B80CBE04BB9C3453E462C304E", &long]
        {
            assert_eq!(text.parse::<SessionKey>().unwrap_err().code(), 1219, "{text:?}");
        }
    }
}
