//! Timestamps: the word of a service that a signature was there at some time. Both kinds are read, a countersignature of
//! PKCS #9 and a token of RFC 3161.

use jiff::Timestamp as Moment;

use crate::certificate::Certificate;
use crate::der::{INTEGER, OBJECT, OCTET_STRING, Reader, SEQUENCE};
use crate::digest::DigestAlgorithm;
use crate::error::SignatureError;
use crate::signed_data::{SignedData, Signer};
use crate::time;

const COUNTERSIGNATURE: &str = "1.2.840.113549.1.9.6";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const TOKEN: &str = "1.3.6.1.4.1.311.3.3.1";

/// When something was signed, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    /// The time.
    pub time: Moment,
    /// The subject of the service's certificate. Whether it rests on a trusted one is not checked.
    pub service: String,
}

/// The timestamp of a signer's signature, after checking that the service has signed it.
pub(crate) fn of(signer: &Signer, certificates: &[Certificate]) -> Result<Option<Timestamp>, SignatureError> {
    if let Some(token) = signer.unsigned_attribute(TOKEN)? {
        return token_time(&token, &signer.signature).map(Some);
    }
    let Some(countersignature) = signer.unsigned_attribute(COUNTERSIGNATURE)? else { return Ok(None) };
    let service = Signer::read(Reader(&countersignature).expect(SEQUENCE, "a countersignature")?)?;
    service.verify(&signer.signature, certificates)?;
    let time = service.attribute(SIGNING_TIME)?.ok_or(SignatureError::Timestamp)?;
    let time = time::read(Reader(&time).next("the signing time")?)?;
    Ok(Some(Timestamp { time, service: service.certificate(certificates)?.subject.clone() }))
}

/// The time of a token (TSTInfo of RFC 3161, 2.4.2), which has the digest of the signature.
fn token_time(token: &[u8], signature: &[u8]) -> Result<Timestamp, SignatureError> {
    let token = SignedData::parse(token)?;
    token.verify()?;
    let mut fields = Reader(&token.content).expect(SEQUENCE, "a timestamp")?.elements();
    fields.expect(INTEGER, "a version")?;
    fields.expect(OBJECT, "a policy")?;
    let mut imprint = fields.expect(SEQUENCE, "what a timestamp is about")?.elements();
    let algorithm = DigestAlgorithm::read(imprint.expect(SEQUENCE, "a digest algorithm")?)?;
    if imprint.expect(OCTET_STRING, "a digest")?.content != algorithm.of(signature) {
        return Err(SignatureError::Timestamp);
    }
    fields.expect(INTEGER, "the number of a timestamp")?;
    let time = time::read(fields.next("the time of a timestamp")?)?;
    Ok(Timestamp { time, service: token.signer()?.subject.clone() })
}
