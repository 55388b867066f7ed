//! Chains: from the signer's certificate by issuers to one that is trusted.

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::error::SignatureError;

/// Longer chains are nobody's.
const LONGEST: usize = 16;

/// Why a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// No trusted certificate was reached.
    #[error("the issuer of '{subject}', '{issuer}', is not in the store")]
    NotTrusted {
        /// The last certificate.
        subject: String,
        /// Its issuer.
        issuer: String,
    },
    /// A certificate is not valid at the time.
    #[error("the certificate of '{subject}' is valid from {from} until {until}, not at {time}")]
    Validity {
        /// Its subject.
        subject: String,
        /// From when on it is valid.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
        /// The time in question.
        time: Timestamp,
    },
    /// The signer's certificate is for other purposes.
    #[error("the certificate of '{subject}' is not for signing programs")]
    Usage {
        /// Its subject.
        subject: String,
    },
    /// A certificate cannot be checked.
    #[error("the certificate of '{subject}' cannot be checked")]
    Certificate {
        /// Its subject.
        subject: String,
        /// Why.
        #[source]
        source: SignatureError,
    },
}

/// The certificates that are trusted.
#[derive(Debug, Clone, Default)]
pub struct Store {
    certificates: Vec<Certificate>,
}

impl Store {
    /// Reads certificates from a text in PEM form; what is not a certificate is left out.
    ///
    /// # Errors
    /// When a certificate in it is damaged, or there is none.
    pub fn from_pem(text: &str) -> Result<Self, SignatureError> {
        let mut certificates = Vec::new();
        let mut current: Option<(usize, String)> = None;
        for (line, content) in (1..).zip(text.lines().map(str::trim)) {
            match (content, &mut current) {
                ("-----BEGIN CERTIFICATE-----", _) => current = Some((line, String::new())),
                ("-----END CERTIFICATE-----", Some((start, digits))) => {
                    let error = SignatureError::Pem { line: *start, reason: "the certificate is not base64" };
                    certificates.push(Certificate::parse(&base64(digits).ok_or(error)?)?);
                    current = None;
                }
                (content, Some((_, digits))) => digits.push_str(content),
                _ => {}
            }
        }
        if certificates.is_empty() {
            return Err(SignatureError::Pem { line: 1, reason: "there is no certificate in the text" });
        }
        Ok(Self { certificates })
    }

    /// The way from a signer's certificate to a trusted one, both included, as subjects. `others` are certificates that may
    /// lie between. All of them have to be valid at `time`. Revocation is not asked about.
    ///
    /// # Errors
    /// Why there is no such way.
    pub fn chain(
        &self,
        signer: &Certificate,
        others: &[Certificate],
        time: Timestamp,
    ) -> Result<Vec<String>, ChainError> {
        if !signer.may_sign_code() {
            return Err(ChainError::Usage { subject: signer.subject.clone() });
        }
        let mut subjects = Vec::new();
        let mut current = signer;
        for _ in 0..LONGEST {
            if !current.is_valid_at(time) {
                return Err(ChainError::Validity {
                    subject: current.subject.clone(),
                    from: current.not_before,
                    until: current.not_after,
                    time,
                });
            }
            subjects.push(current.subject.clone());
            if self.certificates.contains(current) {
                return Ok(subjects);
            }
            match self.issuer_of(current, others)? {
                Some(issuer) => current = issuer,
                None => break,
            }
        }
        Err(ChainError::NotTrusted { subject: current.subject.clone(), issuer: current.issuer.clone() })
    }

    /// The issuer among the trusted certificates, or else among the others.
    fn issuer_of<'c>(
        &'c self,
        certificate: &Certificate,
        others: &'c [Certificate],
    ) -> Result<Option<&'c Certificate>, ChainError> {
        let subject = || certificate.subject.clone();
        let trusted = self.certificates.iter().map(|issuer| (issuer, true));
        for (issuer, is_trusted) in trusted.chain(others.iter().map(|issuer| (issuer, false))) {
            // Who is trusted may issue; old roots do not say so themselves.
            if issuer == certificate || !(is_trusted || issuer.is_authority()) {
                continue;
            }
            let issued = certificate.is_issued_by(issuer);
            if issued.map_err(|source| ChainError::Certificate { subject: subject(), source })? {
                return Ok(Some(issuer));
            }
        }
        Ok(None)
    }
}

/// The bytes of a text in base64 (RFC 4648, 4).
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        for (text, bytes) in
            [("", &b""[..]), ("Zg==", b"f"), ("Zm8=", b"fo"), ("Zm9v", b"foo"), ("Zm9vYg", b"foob")]
        {
            assert_eq!(base64(text).as_deref(), Some(bytes));
        }
        assert_eq!(base64("Zm 9"), None);
    }

    #[test]
    fn a_text_without_certificates_is_no_store() {
        assert!(Store::from_pem("").unwrap_err().to_string().contains("no certificate"));
        let text = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert_eq!(Store::from_pem(text).unwrap_err().to_string(), "line 1: the certificate is not base64");
    }
}
