//! Where events wait besides the queue: in S3, which the queue only points into.

use super::{
    super::{
        endpoint::Endpoints,
        settings::Settings,
        signature::{Signed, UNSIGNED},
    },
    store::Trace,
};

/// The bucket that the variables name.
#[derive(Debug)]
pub(super) struct Bucket {
    endpoints: Endpoints,
    /// Address and name; nothing where they lead to what the lab does not have.
    place: Option<(String, String)>,
    prefix: String,
    region: String,
    access: String,
    secret: String,
}

/// Why an object was not written or read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BucketError {
    #[error(
        "the lab has no S3 but that of LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT, whose buckets are found by path alone"
    )]
    Elsewhere,
    #[error("S3 is away: {0}")]
    Away(#[from] reqwest::Error),
    #[error("S3 refused: {0}")]
    Refused(String),
    #[error("what is in S3 is no event")]
    Broken(#[from] serde_json::Error),
}

impl Bucket {
    pub(super) fn named(settings: &Settings) -> Result<Self, reqwest::Error> {
        let value = |name: &str| settings.get(&format!("LANGFUSE_S3_EVENT_UPLOAD_{name}"));
        let text = |name: &str| value(name).unwrap_or_default().to_owned();
        let by_path = value("FORCE_PATH_STYLE") == Some("true");
        let host = value("ENDPOINT").and_then(|url| url.strip_prefix("http://"));
        let host = host.map(|host| host.trim_end_matches('/').to_owned()).filter(|_| by_path);
        Ok(Self {
            endpoints: Endpoints::new()?,
            place: host.zip(value("BUCKET").map(str::to_owned)),
            prefix: text("PREFIX"),
            region: value("REGION").unwrap_or("auto").to_owned(),
            access: text("ACCESS_KEY_ID"),
            secret: text("SECRET_ACCESS_KEY"),
        })
    }

    /// Puts an event there and returns its key.
    pub(super) async fn put(&self, trace: &Trace) -> Result<String, BucketError> {
        let id = crate::identity::hex(&[&trace.id]);
        let key = format!("{}{}/trace/{id}.json", self.prefix, trace.project);
        self.send("PUT", &key, serde_json::to_string(trace)?).await?;
        Ok(key)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Trace, BucketError> {
        Ok(serde_json::from_str(&self.send("GET", key, String::new()).await?)?)
    }

    async fn send(&self, method: &str, key: &str, body: String) -> Result<String, BucketError> {
        let (host, bucket) = self.place.as_ref().ok_or(BucketError::Elsewhere)?;
        let path = format!("/{bucket}/{key}");
        let moment = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let signed = Signed {
            method,
            path: &path,
            host,
            moment: &moment,
            region: &self.region,
            access: &self.access,
        };
        let authorization = signed.authorization(&self.secret);
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-amz-date", &moment),
            ("x-amz-content-sha256", UNSIGNED),
        ];
        let url = format!("http://{host}{path}");
        let (status, said) = self.endpoints.signed(method, &url, &headers, body).await?;
        if status.is_success() { Ok(said) } else { Err(BucketError::Refused(said)) }
    }
}
