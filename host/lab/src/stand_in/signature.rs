//! How a request to S3 is signed: version 4, of a body that is not part of what is signed.

use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};

use crate::identity;

/// The headers that are signed, as both sides name them.
pub(crate) const SIGNED: &str = "host;x-amz-content-sha256;x-amz-date";
/// What stands in place of the body's digest.
pub(crate) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// What is signed of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'r> {
    pub(crate) method: &'r str,
    pub(crate) path: &'r str,
    pub(crate) host: &'r str,
    /// `20260821T120000Z`.
    pub(crate) moment: &'r str,
    pub(crate) region: &'r str,
    pub(crate) access: &'r str,
}

impl Signed<'_> {
    /// The header `Authorization` of whoever has this secret.
    pub(crate) fn authorization(&self, secret: &str) -> String {
        let Self { method, path, host, moment, region, access } = self;
        let day = moment.split('T').next().unwrap_or_default();
        let scope = format!("{day}/{region}/s3/aws4_request");
        let request = format!(
            "{method}\n{path}\n\nhost:{host}\nx-amz-content-sha256:{UNSIGNED}\nx-amz-date:{moment}\n\n{SIGNED}\n{UNSIGNED}"
        );
        let digest = identity::digits(&Sha256::digest(request));
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}");
        let key = [*region, "s3", "aws4_request"]
            .into_iter()
            .fold(keyed(format!("AWS4{secret}").as_bytes(), day), |key, part| keyed(&key, part));
        let signature = identity::digits(&keyed(&key, &text));
        format!(
            "AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={SIGNED}, Signature={signature}"
        )
    }
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length is taken.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_depends_on_the_secret_and_on_what_is_signed() {
        let signed = Signed {
            method: "PUT",
            path: "/bucket/key",
            host: "127.0.0.1:9000",
            moment: "20260821T120000Z",
            region: "us-east-1",
            access: "minioadmin",
        };
        let one = signed.authorization("secret");
        assert!(one.starts_with(
            "AWS4-HMAC-SHA256 Credential=minioadmin/20260821/us-east-1/s3/aws4_request, SignedHeaders="
        ));
        assert_ne!(one, signed.authorization("other"));
        assert_ne!(one, Signed { path: "/bucket/other", ..signed }.authorization("secret"));
    }
}
