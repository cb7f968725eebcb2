//! The token that the header option `jwt_key` asks for.

use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;

/// How long a token is valid, in seconds.
const LIFETIME: i64 = 600;

#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    app: &'static str,
    action: &'static str,
}

/// An HS256 token with the claims that receivers of Evolution API check. `now` is in unix seconds.
pub(super) fn token(key: &str, now: i64) -> Option<String> {
    let claims = Claims { iat: now, exp: now.saturating_add(LIFETIME), app: "evolution", action: "webhook" };
    encode(&Header::default(), &claims, &EncodingKey::from_secret(key.as_bytes())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    #[test]
    fn the_token_has_the_claims_and_the_keys_signature() {
        let token = token("tenant key", 1_700_000_000).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let json = |part: &str| -> serde_json::Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(json(parts[0])["alg"], "HS256");
        let expected = serde_json::json!({
            "iat": 1_700_000_000, "exp": 1_700_000_600, "app": "evolution", "action": "webhook"
        });
        assert_eq!(json(parts[1]), expected);
        let mut mac = Hmac::<Sha256>::new_from_slice(b"tenant key").unwrap();
        mac.update(format!("{}.{}", parts[0], parts[1]).as_bytes());
        mac.verify_slice(&URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();
    }
}
