//! Certificates (X.509, RFC 5280), as far as signatures need them.

use jiff::Timestamp;

use crate::der::{
    BIT_STRING, BOOLEAN, Element, INTEGER, OBJECT, OCTET_STRING, Reader, SEQUENCE, context, dotted,
};
use crate::digest::DigestAlgorithm;
use crate::error::SignatureError;
use crate::key::{PublicKey, signature_digest};
use crate::{name, time};

const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const ANY_USAGE: &str = "2.5.29.37.0";

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Its number, in hexadecimal digits.
    pub serial: String,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// The whole certificate as it is encoded.
    pub raw: Vec<u8>,
    pub(crate) subject_raw: Vec<u8>,
    pub(crate) issuer_raw: Vec<u8>,
    pub(crate) serial_raw: Vec<u8>,
    key: Vec<u8>,
    signed: Vec<u8>,
    signature_algorithm: Vec<u8>,
    signature: Vec<u8>,
    is_authority: bool,
    /// What it is for; nothing when it does not say.
    usages: Option<Vec<String>>,
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// When the encoding is damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        Self::read(Reader(bytes).expect(SEQUENCE, "a certificate")?)
    }

    pub(crate) fn read(element: Element<'_>) -> Result<Self, SignatureError> {
        let mut outer = element.elements();
        let signed = outer.expect(SEQUENCE, "a certificate's content")?;
        let algorithm = outer.expect(SEQUENCE, "a certificate's signature algorithm")?;
        let signature = outer.expect(BIT_STRING, "a certificate's signature")?;
        let mut fields = signed.elements();
        fields.optional(context(0), "a version")?;
        let serial = fields.expect(INTEGER, "a certificate's number")?;
        fields.expect(SEQUENCE, "a signature algorithm")?;
        let issuer = fields.expect(SEQUENCE, "a certificate's issuer")?;
        let mut validity = fields.expect(SEQUENCE, "a certificate's validity")?.elements();
        let not_before = time::read(validity.next("the start of the validity")?)?;
        let not_after = time::read(validity.next("the end of the validity")?)?;
        let subject = fields.expect(SEQUENCE, "a certificate's subject")?;
        let key = fields.expect(SEQUENCE, "a certificate's key")?;
        let mut certificate = Self {
            subject: name::read(subject)?,
            issuer: name::read(issuer)?,
            serial: hex(serial.content),
            not_before,
            not_after,
            raw: element.raw.to_vec(),
            subject_raw: subject.raw.to_vec(),
            issuer_raw: issuer.raw.to_vec(),
            serial_raw: serial.content.to_vec(),
            key: key.raw.to_vec(),
            signed: signed.raw.to_vec(),
            signature_algorithm: algorithm.raw.to_vec(),
            signature: signature.content.get(1..).unwrap_or_default().to_vec(),
            is_authority: false,
            usages: None,
        };
        while !fields.is_empty() {
            let field = fields.next("a field of a certificate")?;
            if field.tag == context(3) {
                certificate.read_extensions(field)?;
            }
        }
        Ok(certificate)
    }

    fn read_extensions(&mut self, field: Element<'_>) -> Result<(), SignatureError> {
        let mut extensions = field.elements().expect(SEQUENCE, "extensions")?.elements();
        while !extensions.is_empty() {
            let mut extension = extensions.expect(SEQUENCE, "an extension")?.elements();
            let kind = dotted(extension.expect(OBJECT, "an extension's kind")?.content);
            extension.optional(BOOLEAN, "whether an extension is critical")?;
            let mut value = Reader(extension.expect(OCTET_STRING, "an extension's value")?.content);
            match kind.as_str() {
                BASIC_CONSTRAINTS => {
                    let mut constraints = value.expect(SEQUENCE, "constraints")?.elements();
                    let authority = constraints.optional(BOOLEAN, "whether it is an authority's")?;
                    self.is_authority = authority.is_some_and(|authority| authority.content != [0]);
                }
                EXTENDED_KEY_USAGE => {
                    let mut objects = value.expect(SEQUENCE, "usages")?.elements();
                    let mut usages = Vec::new();
                    while !objects.is_empty() {
                        usages.push(dotted(objects.expect(OBJECT, "a usage")?.content));
                    }
                    self.usages = Some(usages);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether it may issue others.
    pub(crate) fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// Whether it is one for signing programs, as far as it says.
    pub(crate) fn may_sign_code(&self) -> bool {
        let usages = self.usages.as_ref();
        usages.is_none_or(|usages| usages.iter().any(|usage| usage == CODE_SIGNING || usage == ANY_USAGE))
    }

    /// Whether it is valid at a time.
    pub(crate) fn is_valid_at(&self, time: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }

    /// Its key.
    pub(crate) fn key(&self) -> Result<PublicKey, SignatureError> {
        PublicKey::read(Reader(&self.key).expect(SEQUENCE, "a certificate's key")?)
    }

    /// Whether the other one's owner has issued this certificate.
    pub(crate) fn is_issued_by(&self, issuer: &Self) -> Result<bool, SignatureError> {
        if self.issuer_raw != issuer.subject_raw {
            return Ok(false);
        }
        let mut algorithm = Reader(&self.signature_algorithm);
        let digest = signature_digest(algorithm.expect(SEQUENCE, "a signature algorithm")?)?;
        let found = "RSA without a digest".to_owned();
        let digest = digest.ok_or(SignatureError::Algorithm { what: "signature", found })?;
        Ok(issuer.key()?.has_signed(digest, &digest.of(&self.signed), &self.signature))
    }

    /// Its SHA-1 fingerprint in hexadecimal digits, which is how Windows names certificates.
    pub fn fingerprint(&self) -> String {
        hex(&DigestAlgorithm::Sha1.of(&self.raw))
    }
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
