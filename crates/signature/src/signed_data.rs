//! The signature itself: SignedData of PKCS #7 (RFC 2315), which holds a statement, certificates and a signer.
//!
//! The statement of a package's signature is the digest of its content; the signer signs attributes, one of which is the digest
//! of the statement.

use crate::certificate::{Certificate, hex};
use crate::der::{Element, INTEGER, OBJECT, OCTET_STRING, Reader, SEQUENCE, SET, context, dotted};
use crate::digest::DigestAlgorithm;
use crate::error::SignatureError;
use crate::key::signature_digest;
use crate::timestamp::{self, Timestamp};

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
/// The statement about a file's digest that Windows signs.
const INDIRECT_DATA: &str = "1.3.6.1.4.1.311.2.1.4";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";

/// A signature.
#[derive(Debug, Clone)]
pub struct SignedData {
    /// What the statement is.
    pub(crate) content_type: String,
    /// The statement, without its tag and length: that is what its digest is of.
    pub(crate) content: Vec<u8>,
    certificates: Vec<Certificate>,
    signer: Signer,
}

/// Who has signed, and how.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    issuer: Vec<u8>,
    serial: Vec<u8>,
    digest: DigestAlgorithm,
    /// The signed attributes; without any, the statement itself is signed.
    attributes: Option<Vec<u8>>,
    signature_algorithm: Vec<u8>,
    pub signature: Vec<u8>,
    /// Attributes that nobody signed here: timestamps.
    unsigned: Vec<u8>,
}

impl SignedData {
    /// Reads a signature. Bytes after it are padding.
    ///
    /// # Errors
    /// When the encoding is damaged, nobody has signed, or the digest algorithm is not supported.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let mut outer = Reader(bytes).expect(SEQUENCE, "a signature")?.elements();
        let found = dotted(outer.expect(OBJECT, "the kind of a signature")?.content);
        if found != SIGNED_DATA {
            return Err(SignatureError::ContentType { found });
        }
        let content = outer.expect(context(0), "signed data")?;
        let mut fields = content.elements().expect(SEQUENCE, "signed data")?.elements();
        fields.expect(INTEGER, "a version")?;
        fields.expect(SET, "digest algorithms")?;
        let mut statement = fields.expect(SEQUENCE, "the statement")?.elements();
        let content_type = dotted(statement.expect(OBJECT, "the kind of the statement")?.content);
        let content = match statement.optional(context(0), "the statement")? {
            Some(outer) => outer.elements().next("the statement")?.content.to_vec(),
            None => Vec::new(),
        };
        let mut certificates = Vec::new();
        if let Some(set) = fields.optional(context(0), "certificates")? {
            let mut elements = set.elements();
            while !elements.is_empty() {
                let element = elements.next("a certificate")?;
                // Attribute certificates and the like are of no use here.
                if element.tag == SEQUENCE {
                    certificates.push(Certificate::read(element)?);
                }
            }
        }
        fields.optional(context(1), "revocation lists")?;
        let mut signers = fields.expect(SET, "signers")?.elements();
        if signers.is_empty() {
            return Err(SignatureError::NoSigner);
        }
        let signer = Signer::read(signers.expect(SEQUENCE, "a signer")?)?;
        Ok(Self { content_type, content, certificates, signer })
    }

    /// The certificates that come with it.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The signer's certificate.
    ///
    /// # Errors
    /// [`SignatureError::NoCertificate`] when it is not included.
    pub fn signer(&self) -> Result<&Certificate, SignatureError> {
        self.signer.certificate(&self.certificates)
    }

    /// The algorithm and the digest of what the signature is about.
    ///
    /// # Errors
    /// When it is about something else than a file's content.
    pub fn covered_digest(&self) -> Result<(DigestAlgorithm, Vec<u8>), SignatureError> {
        if self.content_type != INDIRECT_DATA {
            return Err(SignatureError::ContentType { found: self.content_type.clone() });
        }
        let mut fields = Reader(&self.content);
        fields.expect(SEQUENCE, "what the digest is of")?;
        let mut digest = fields.expect(SEQUENCE, "the digest of the content")?.elements();
        let algorithm = DigestAlgorithm::read(digest.expect(SEQUENCE, "a digest algorithm")?)?;
        let value = digest.expect(OCTET_STRING, "the digest of the content")?;
        Ok((algorithm, value.content.to_vec()))
    }

    /// Checks that the owner of the signer's certificate has signed the statement.
    ///
    /// # Errors
    /// When somebody else has, or an algorithm is not supported.
    pub fn verify(&self) -> Result<(), SignatureError> {
        self.signer.verify(&self.content, &self.certificates)
    }

    /// When it was signed, as a timestamp service has signed; nothing when there is no timestamp.
    ///
    /// # Errors
    /// When there is one that does not hold.
    pub fn timestamp(&self) -> Result<Option<Timestamp>, SignatureError> {
        timestamp::of(&self.signer, &self.certificates)
    }
}

impl Signer {
    /// Reads SignerInfo.
    pub fn read(element: Element<'_>) -> Result<Self, SignatureError> {
        let mut fields = element.elements();
        fields.expect(INTEGER, "a version")?;
        let mut who = fields.expect(SEQUENCE, "who signed")?.elements();
        let issuer = who.expect(SEQUENCE, "the issuer of the signer's certificate")?.raw.to_vec();
        let serial = who.expect(INTEGER, "the number of the signer's certificate")?.content.to_vec();
        let digest = DigestAlgorithm::read(fields.expect(SEQUENCE, "a digest algorithm")?)?;
        let attributes = fields.optional(context(0), "signed attributes")?;
        let attributes = attributes.map(|attributes| attributes.raw.to_vec());
        let signature_algorithm = fields.expect(SEQUENCE, "a signature algorithm")?.raw.to_vec();
        let signature = fields.expect(OCTET_STRING, "the signature's value")?.content.to_vec();
        let unsigned = fields.optional(context(1), "unsigned attributes")?;
        let unsigned = unsigned.map(|unsigned| unsigned.content.to_vec()).unwrap_or_default();
        Ok(Self { issuer, serial, digest, attributes, signature_algorithm, signature, unsigned })
    }

    /// The signer's certificate among these.
    pub fn certificate<'c>(
        &self,
        certificates: &'c [Certificate],
    ) -> Result<&'c Certificate, SignatureError> {
        let is_signer = |certificate: &&Certificate| {
            certificate.serial_raw == self.serial && certificate.issuer_raw == self.issuer
        };
        certificates.iter().find(is_signer).ok_or(SignatureError::NoCertificate)
    }

    /// Checks that the signer has signed this content.
    pub fn verify(&self, content: &[u8], certificates: &[Certificate]) -> Result<(), SignatureError> {
        let certificate = self.certificate(certificates)?;
        let digest = match &self.attributes {
            None => self.digest.of(content),
            Some(attributes) => {
                let signed = self.attribute(MESSAGE_DIGEST)?.ok_or(SignatureError::Digest)?;
                let signed = Reader(&signed).expect(OCTET_STRING, "the digest of the statement")?;
                if signed.content != self.digest.of(content) {
                    return Err(SignatureError::Digest);
                }
                // What is signed is the set of attributes with the tag of a set.
                let mut set = attributes.clone();
                set.iter_mut().take(1).for_each(|tag| *tag = SET);
                self.digest.of(&set)
            }
        };
        let algorithm = Reader(&self.signature_algorithm).expect(SEQUENCE, "a signature algorithm")?;
        let algorithm = signature_digest(algorithm)?.unwrap_or(self.digest);
        let key = certificate.key()?;
        let has_signed = key.has_signed(algorithm, &digest, &self.signature)
            || algorithm == DigestAlgorithm::Sha1 && key.has_signed_plainly(&digest, &self.signature);
        if algorithm != self.digest || !has_signed {
            return Err(SignatureError::Signature { signer: certificate.subject.clone() });
        }
        Ok(())
    }

    /// The first value of a signed attribute.
    pub fn attribute(&self, kind: &str) -> Result<Option<Vec<u8>>, SignatureError> {
        match &self.attributes {
            Some(set) => value_in(Reader(set).next("signed attributes")?.content, kind),
            None => Ok(None),
        }
    }

    /// The first value of an unsigned attribute.
    pub fn unsigned_attribute(&self, kind: &str) -> Result<Option<Vec<u8>>, SignatureError> {
        value_in(&self.unsigned, kind)
    }
}

fn value_in(attributes: &[u8], kind: &str) -> Result<Option<Vec<u8>>, SignatureError> {
    let mut attributes = Reader(attributes);
    while !attributes.is_empty() {
        let mut attribute = attributes.expect(SEQUENCE, "an attribute")?.elements();
        let found = dotted(attribute.expect(OBJECT, "the kind of an attribute")?.content);
        let values = attribute.expect(SET, "the values of an attribute")?;
        if found == kind {
            return Ok(Some(values.elements().next("the value of an attribute")?.raw.to_vec()));
        }
    }
    Ok(None)
}

/// What a signature says of itself, for messages.
impl std::fmt::Display for SignedData {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.signer() {
            Ok(certificate) => out.write_str(&certificate.subject),
            Err(_) => write!(out, "the owner of certificate {}", hex(&self.signer.serial)),
        }
    }
}
