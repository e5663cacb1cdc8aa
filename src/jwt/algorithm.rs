//! The signature algorithms, one row each.
//!
//! There is no row for a symmetric algorithm or `none`. A token that names one is refused, whatever
//! the settings are ([RFC 8725 §3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, EcdsaVerificationAlgorithm,
    EdDSAParameters, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters,
};
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::EllipticCurve;

/// A signature algorithm of [RFC 7518 §3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)
/// or [RFC 8037](https://www.rfc-editor.org/rfc/rfc8037).
#[derive(Debug)]
pub struct SignatureAlgorithm {
    /// The `alg` value.
    pub name: &'static str,
    /// The same as a value of `jsonwebtoken`.
    pub id: Algorithm,
    /// How a signature is verified, and with which type of key.
    pub(crate) scheme: Scheme,
}

/// How a signature is verified.
#[derive(Debug)]
pub(crate) enum Scheme {
    /// An RSA key of 2048 to 8192 bits.
    Rsa(&'static RsaParameters),
    /// A key on an elliptic curve, and the length of a coordinate in bytes.
    Ecdsa(&'static EcdsaVerificationAlgorithm, EllipticCurve, usize),
    /// An Ed25519 key.
    EdDsa(&'static EdDSAParameters),
}

/// The algorithms that can be configured.
pub static SUPPORTED_ALGORITHMS: [SignatureAlgorithm; 9] = [
    row("RS256", Algorithm::RS256, Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA256)),
    row("RS384", Algorithm::RS384, Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA384)),
    row("RS512", Algorithm::RS512, Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA512)),
    row("PS256", Algorithm::PS256, Scheme::Rsa(&RSA_PSS_2048_8192_SHA256)),
    row("PS384", Algorithm::PS384, Scheme::Rsa(&RSA_PSS_2048_8192_SHA384)),
    row("PS512", Algorithm::PS512, Scheme::Rsa(&RSA_PSS_2048_8192_SHA512)),
    row(
        "ES256",
        Algorithm::ES256,
        Scheme::Ecdsa(&ECDSA_P256_SHA256_FIXED, EllipticCurve::P256, 32),
    ),
    row(
        "ES384",
        Algorithm::ES384,
        Scheme::Ecdsa(&ECDSA_P384_SHA384_FIXED, EllipticCurve::P384, 48),
    ),
    row("EdDSA", Algorithm::EdDSA, Scheme::EdDsa(&ED25519)),
];

const fn row(name: &'static str, id: Algorithm, scheme: Scheme) -> SignatureAlgorithm {
    SignatureAlgorithm { name, id, scheme }
}

impl SignatureAlgorithm {
    /// Returns the algorithm whose `alg` value is `name`. The comparison is case-sensitive
    /// ([RFC 7515 §4.1.1](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.1)).
    ///
    /// `Ed25519` ([RFC 9864](https://www.rfc-editor.org/rfc/rfc9864)) and `EdDSA` are the same here,
    /// because no other type of key is accepted for `EdDSA`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        SUPPORTED_ALGORITHMS.iter().find(|row| row.name == name)
    }
}

impl PartialEq for SignatureAlgorithm {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for SignatureAlgorithm {}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn rows_agree_with_the_names_they_stand_under() {
        for row in &SUPPORTED_ALGORITHMS {
            assert_eq!(Algorithm::from_str(row.name).unwrap(), row.id);
            assert_eq!(SignatureAlgorithm::named(row.name), Some(row));
        }
    }

    #[test]
    fn knows_eddsa_with_an_ed25519_key_by_both_of_its_names() {
        assert_eq!(SignatureAlgorithm::named("Ed25519"), SignatureAlgorithm::named("EdDSA"));
        assert_eq!(SignatureAlgorithm::named("Ed25519").unwrap().id, Algorithm::EdDSA);
    }

    #[test]
    fn knows_no_symmetric_algorithm_and_no_none() {
        for name in [
            "HS256", "HS384", "HS512", "none", "None", "NONE", "nOnE", "", "rs256", "RS256 ",
            "ES256K", "ed25519", "ED25519", "Ed25519 ", "Ed448", "eddsa",
        ] {
            assert!(SignatureAlgorithm::named(name).is_none(), "{name:?}");
        }
    }
}
