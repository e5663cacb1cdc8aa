//! Tokens checked with key sets in the form in which providers publish them.
//!
//! `{kid}` is the `kid` of the recipe's token, `a` the key that signs it, and `b` the set's other key.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use base64::engine::general_purpose::STANDARD;
use rcgen::CertificateParams;

use super::*;

/// The second key of each key set.
static SECOND: LazyLock<Keys> = LazyLock::new(Keys::generate);

/// What a key set says about `b`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Other {
    /// It signs tokens too: the next key of a rotation, or that of another kind of token.
    Signs,
    /// It does not sign this issuer's tokens.
    DoesNotSign,
}
use Other::{DoesNotSign, Signs};

/// A recipe of the page, a key set, and what it says about `b`.
const PUBLISHED: [(&str, &str, Other); 13] = [
    // https://TENANT/.well-known/jwks.json
    (
        "Auth0",
        r#"{"keys":[
            {"kty":"RSA","use":"sig","n":"{a.n}","e":"AQAB","kid":"{kid}","x5t":"{a.x5t of hex}","x5c":["{a.x5c}"],"alg":"RS256"},
            {"kty":"RSA","use":"sig","n":"{b.n}","e":"AQAB","kid":"OXtzVe0pn8SiDLXhHcHWq","x5t":"{b.x5t of hex}","x5c":["{b.x5c}"],"alg":"RS256"}
        ]}"#,
        Signs,
    ),
    // https://cognito-idp.REGION.amazonaws.com/POOL/.well-known/jwks.json
    ("Cognito, access tokens", COGNITO, Signs),
    ("Cognito, ID tokens", COGNITO, Signs),
    // https://DOMAIN/oauth2/default/v1/keys
    (
        "Okta",
        r#"{"keys":[
            {"kty":"RSA","alg":"RS256","kid":"Gf1TQ7w3xYz9Rk2mVb5nLc8sHd4jPq6tWe0uAi3oKxE","use":"sig","e":"AQAB","n":"{b.n}"},
            {"kty":"RSA","alg":"RS256","kid":"{kid}","use":"sig","e":"AQAB","n":"{a.n}"}
        ]}"#,
        Signs,
    ),
    // https://login.microsoftonline.com/TENANT/discovery/v2.0/keys
    ("Entra ID, v2.0 tokens", ENTRA, DoesNotSign),
    // https://login.microsoftonline.com/common/discovery/v2.0/keys
    ("Entra ID, several tenants", ENTRA, DoesNotSign),
    // https://login.microsoftonline.com/TENANT/discovery/keys
    (
        "Entra ID, v1.0 tokens",
        r#"{"keys":[
            {"kty":"RSA","use":"sig","kid":"{kid}","x5t":"{kid}","n":"{a.n}","e":"AQAB","x5c":["{a.x5c}"]},
            {"kty":"RSA","use":"sig","kid":"{b.x5t}","x5t":"{b.x5t}","n":"{b.n}","e":"AQAB","x5c":["{b.x5c}"]}
        ]}"#,
        Signs,
    ),
    // https://www.googleapis.com/oauth2/v3/certs
    (
        "Google",
        r#"{"keys":[
            {"kid":"{kid}","alg":"RS256","use":"sig","e":"AQAB","n":"{a.n}","kty":"RSA"},
            {"e":"AQAB","kty":"RSA","use":"sig","n":"{b.n}","alg":"RS256","kid":"0f2e4d6c8b0a19283746556473829100fedcba98"}
        ]}"#,
        Signs,
    ),
    // https://HOST/realms/REALM/protocol/openid-connect/certs
    (
        "Keycloak",
        r#"{"keys":[
            {"kid":"q3rB0mYtW8kPz5nVxLdS1uJc7hGf2aEo4iTb9wRy6sA","kty":"RSA","alg":"RSA-OAEP","use":"enc","x5c":["{b.x5c}"],"x5t":"{b.x5t}","x5t#S256":"{b.x5t#S256}","n":"{b.n}","e":"AQAB"},
            {"kid":"{kid}","kty":"RSA","alg":"RS256","use":"sig","x5c":["{a.x5c}"],"x5t":"{a.x5t}","x5t#S256":"{a.x5t#S256}","n":"{a.n}","e":"AQAB"}
        ]}"#,
        DoesNotSign,
    ),
    // https://appleid.apple.com/auth/keys
    (
        "Apple",
        r#"{"keys":[
            {"kty":"RSA","kid":"{kid}","use":"sig","alg":"RS256","n":"{a.n}","e":"AQAB"},
            {"kty":"RSA","kid":"Y3vKpB2mQx","use":"sig","alg":"RS256","n":"{b.n}","e":"AQAB"}
        ]}"#,
        Signs,
    ),
    // https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com
    (
        "Firebase",
        r#"{"keys":[
            {"e":"AQAB","alg":"RS256","use":"sig","n":"{b.n}","kty":"RSA","kid":"99887766554433221100ffeeddccbbaa99887766"},
            {"n":"{a.n}","use":"sig","kid":"{kid}","e":"AQAB","alg":"RS256","kty":"RSA"}
        ]}"#,
        Signs,
    ),
    // https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json, with a standby key
    (
        "Supabase",
        r#"{"keys":[
            {"x":"{a.x}","y":"{a.y}","alg":"ES256","crv":"P-256","ext":true,"kid":"{kid}","kty":"EC","use":"sig","key_ops":["verify"]},
            {"x":"{b.x}","y":"{b.y}","alg":"ES256","crv":"P-256","ext":true,"kid":"3d1c5b7e-8f20-4a96-b1c4-d5e6f7081923","kty":"EC","use":"sig","key_ops":["verify"]}
        ]}"#,
        Signs,
    ),
    // A post-quantum key beside the others, in the form of RFC 9964.
    (
        "Any other provider",
        r#"{"keys":[
            {"kid":"2026-pq","kty":"AKP","alg":"ML-DSA-44","use":"sig","pub":"{pub}"},
            {"kid":"{kid}","kty":"RSA","alg":"RS256","use":"sig","n":"{a.n}","e":"AQAB"},
            {"kid":"wrap","kty":"RSA","key_ops":["wrapKey"],"n":"{b.n}","e":"AQAB"}
        ]}"#,
        DoesNotSign,
    ),
];

/// One key signs ID tokens, the other one access tokens.
const COGNITO: &str = r#"{"keys":[
    {"alg":"RS256","e":"AQAB","kid":"{kid}","kty":"RSA","n":"{a.n}","use":"sig"},
    {"alg":"RS256","e":"AQAB","kid":"Zm9yVGhlT3RoZXJLaW5kT2ZUb2tlbnNPZlRoaXNQb29s=","kty":"RSA","n":"{b.n}","use":"sig"}
]}"#;

/// No key names its algorithm. The second one is for personal accounts only.
const ENTRA: &str = r#"{"keys":[
    {"kty":"RSA","use":"sig","kid":"{kid}","x5t":"{kid}","n":"{a.n}","e":"AQAB","x5c":["{a.x5c}"],"cloud_instance_name":"microsoftonline.com","issuer":"https://login.microsoftonline.com/{tenantid}/v2.0"},
    {"kty":"RSA","use":"sig","kid":"{b.x5t}","x5t":"{b.x5t}","n":"{b.n}","e":"AQAB","x5c":["{b.x5c}"],"cloud_instance_name":"microsoftonline.com","issuer":"https://login.microsoftonline.com/9188040d-6c67-4b5b-b112-36a304b66dad/v2.0"}
]}"#;

/// Returns a key set with our keys in its placeholders.
fn key_set(published: &str, kid: &str) -> Value {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut text = published.replace("{kid}", kid).replace("{pub}", &encode(&[7; 1312]));
    for (name, keys) in [("a", &*ISSUER), ("b", &*SECOND)] {
        let certificate = keys.certificate();
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate);
        let hex: String = sha1.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let of_jwk = |alg: &str, member: &str| {
            keys.jwk(&json!({ "alg": alg }))[member].as_str().unwrap().to_owned()
        };
        for (member, value) in [
            ("n", of_jwk("RS256", "n")),
            ("x", of_jwk("ES256", "x")),
            ("y", of_jwk("ES256", "y")),
            ("x5c", STANDARD.encode(&certificate)),
            ("x5t", encode(sha1.as_ref())),
            ("x5t of hex", encode(hex.as_bytes())),
            ("x5t#S256", encode(digest(&SHA256, &certificate).as_ref())),
        ] {
            text = text.replace(&format!("{{{name}.{member}}}"), &value);
        }
    }
    serde_json::from_str(&text).unwrap()
}

impl Keys {
    /// Returns a certificate that the RSA key signs itself.
    fn certificate(&self) -> Vec<u8> {
        let der: Pkcs8V1Der<'_> = self.rsa.as_der().unwrap();
        let key = rcgen::KeyPair::try_from(der.as_ref()).unwrap();
        CertificateParams::default().self_signed(&key).unwrap().der().to_vec()
    }
}

impl Recipe {
    /// Returns the recipe of the page, or for Apple, which the page does not have, one of its own.
    fn or_apples(title: &str) -> Self {
        if title != "Apple" {
            return recipe(title);
        }
        let settings = [
            ("AUTHORIZER_ISSUER", "https://appleid.apple.com"),
            ("AUTHORIZER_AUDIENCE", "com.example.app"),
        ];
        let token = Token {
            header: json!({ "kid": "T8tIJ1zSrO", "alg": "RS256" }),
            claims: json!({
                "iss": "https://appleid.apple.com", "aud": "com.example.app",
                "sub": "001234.0a1b2c3d4e5f60718293a4b5c6d7e8f9.1234", "email_verified": true,
                "nonce_supported": true, "auth_time": 1_763_800_000, "iat": 1_763_800_000,
                "exp": 1_763_886_400,
            }),
        };
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { title: title.to_owned(), text: String::new(), settings, token }
    }

    /// Checks a token with a header of its own, which a key signs.
    async fn check_signed(&self, key_set: &Value, by: &Keys, header: Value, expected: &str) {
        let token = Token { header, claims: self.token.claims.clone() };
        let outcome = self.judge_by_keys(key_set.clone(), &by.sign(&token)).await;
        let outcome = outcome.err().unwrap_or_else(|| "accepted".to_owned());
        assert_eq!(outcome, expected, "{}: {}", self.title, token.header);
    }
}

#[tokio::test]
async fn accepts_the_tokens_of_each_published_key_set_and_refuses_the_nearest_others() {
    for (title, published, other) in PUBLISHED {
        let mut recipe = Recipe::or_apples(title);
        let header = recipe.token.header.clone();
        let with = |member: &str, value: &Value| {
            let mut header = header.clone();
            header[member] = value.clone();
            header
        };
        let set = key_set(published, header["kid"].as_str().unwrap());
        let member = if header["alg"] == "ES256" { "x" } else { "n" };
        let of_b = &SECOND.jwk(&header)[member];
        let keys = set["keys"].as_array().unwrap();
        let b = keys.iter().find(|key| key[member] == *of_b).unwrap();

        recipe.check_signed(&set, &ISSUER, header.clone(), "accepted").await;
        recipe.check_signed(&set, &SECOND, header.clone(), "invalid_signature").await;
        recipe.check_signed(&set, &FORGER, header.clone(), "invalid_signature").await;
        let expected = if other == Signs { "accepted" } else { "unknown_key" };
        recipe.check_signed(&set, &SECOND, with("kid", &b["kid"]), expected).await;
        recipe.check_signed(&set, &ISSUER, with("kid", &"another".into()), "unknown_key").await;
        let mut without_kid = header.clone();
        remove(&mut without_kid, "kid");
        let expected = if other == Signs { "unknown_key" } else { "accepted" };
        recipe.check_signed(&set, &ISSUER, without_kid, expected).await;

        let other_algorithm = with("alg", &"RS512".into());
        recipe.check_signed(&set, &ISSUER, other_algorithm.clone(), "unsupported_algorithm").await;
        recipe.settings.insert("AUTHORIZER_ALGORITHMS".to_owned(), "RS256,ES256,RS512".to_owned());
        recipe.check_signed(&set, &ISSUER, header.clone(), "accepted").await;
        // Only a key that names no algorithm is for every allowed one.
        let names_algorithm = !title.starts_with("Entra");
        let expected = if names_algorithm { "unknown_key" } else { "accepted" };
        recipe.check_signed(&set, &ISSUER, other_algorithm, expected).await;
    }
}

#[tokio::test]
async fn refuses_a_post_quantum_signature() {
    let recipe = recipe("Any other provider");
    let (_, published, _) = PUBLISHED[PUBLISHED.len() - 1];
    let set = key_set(published, "2026-01");
    let pq = json!({ "alg": "ML-DSA-44", "typ": "at+jwt", "kid": "2026-pq" });
    recipe.check_signed(&set, &ISSUER, pq, "unsupported_algorithm").await;
    recipe.check_signed(&set, &ISSUER, recipe.token.header.clone(), "accepted").await;
}
