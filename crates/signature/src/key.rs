//! Public keys, and what they say about a signature.

use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use crate::der::{BIT_STRING, Element, INTEGER, OBJECT, Reader, SEQUENCE, dotted};
use crate::digest::DigestAlgorithm;
use crate::error::SignatureError;

const RSA: &str = "1.2.840.113549.1.1.1";
/// Larger keys are nobody's, and would take long.
const MOST_BITS: usize = 16_384;

/// How something was signed: the digest, if the algorithm names one.
pub(crate) fn signature_digest(identifier: Element<'_>) -> Result<Option<DigestAlgorithm>, SignatureError> {
    let object = identifier.elements().expect(OBJECT, "a signature algorithm")?;
    let found = dotted(object.content);
    match found.as_str() {
        RSA => Ok(None),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => Ok(Some(DigestAlgorithm::Sha1)),
        "1.2.840.113549.1.1.11" => Ok(Some(DigestAlgorithm::Sha256)),
        "1.2.840.113549.1.1.12" => Ok(Some(DigestAlgorithm::Sha384)),
        "1.2.840.113549.1.1.13" => Ok(Some(DigestAlgorithm::Sha512)),
        _ => Err(SignatureError::Algorithm { what: "signature", found }),
    }
}

/// The key of a SubjectPublicKeyInfo.
pub(crate) struct PublicKey(RsaPublicKey);

impl PublicKey {
    /// Reads it.
    pub fn read(info: Element<'_>) -> Result<Self, SignatureError> {
        let mut info = info.elements();
        let algorithm = info.expect(SEQUENCE, "the algorithm of a key")?;
        let found = dotted(algorithm.elements().expect(OBJECT, "the algorithm of a key")?.content);
        if found != RSA {
            return Err(SignatureError::Algorithm { what: "key", found });
        }
        let bits = info.expect(BIT_STRING, "a key")?;
        // The first byte counts unused bits, of which a key has none.
        let mut key = Reader(bits.content.get(1..).unwrap_or_default());
        let mut key = key.expect(SEQUENCE, "a key")?.elements();
        let modulus = BigUint::from_bytes_be(key.expect(INTEGER, "the modulus of a key")?.content);
        let exponent = BigUint::from_bytes_be(key.expect(INTEGER, "the exponent of a key")?.content);
        let key = RsaPublicKey::new_with_max_size(modulus, exponent, MOST_BITS);
        key.map(Self)
            .map_err(|_| SignatureError::Algorithm { what: "key", found: "RSA of this size".to_owned() })
    }

    /// Whether the key's owner has signed this digest.
    pub fn has_signed(&self, algorithm: DigestAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
        let scheme = match algorithm {
            DigestAlgorithm::Sha1 => Pkcs1v15Sign::new::<Sha1>(),
            DigestAlgorithm::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
            DigestAlgorithm::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
            DigestAlgorithm::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        };
        self.0.verify(scheme, digest, signature).is_ok()
    }

    /// The same for a digest that was signed without saying of which algorithm it is. Symantec's timestamp service did that
    /// with SHA-1 for years, and Windows accepts it (`putty-0.68-installer.msi`).
    pub fn has_signed_plainly(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pkcs1v15Sign::new_unprefixed(), digest, signature).is_ok()
    }
}
