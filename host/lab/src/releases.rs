//! The stand-in for GitHub's list of releases: its form, with notes of the lab's own.
//!
//! Every answer says that it is a stand-in, and every note says so in its first line.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::{Value, json};

use crate::twin::Twin;

/// The only project whose releases are listed.
const PROJECT: (&str, &str) = ("BerriAI", "litellm");

/// What a release is besides one that counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Released,
    Draft,
    Early,
}

/// Tag, day, what it is, and its notes. Newest first, as GitHub lists them.
const RELEASES: [(&str, &str, Form, &str); 8] = [
    ("1.107.0", "2026-09-20", Form::Draft, "Not published yet."),
    ("1.107.0-rc.1", "2026-09-14", Form::Early, "A candidate."),
    (
        "1.106.2",
        "2026-09-12",
        Form::Released,
        "- Agents have a table of their own\n- **Breaking**: the callback `lab` is removed",
    ),
    ("1.104.0", "2026-08-20", Form::Released, "- Fewer queries per request"),
    (
        "v1.83.14-stable",
        "2026-03-20",
        Form::Released,
        "- The setting `lab_mode` is deprecated\n- Two fixes",
    ),
    ("v1.81.0-stable", "2026-01-10", Form::Released, "- New models"),
    ("v1.80.0-stable", "2025-11-22", Form::Released, "- New models"),
    ("v1.79.3-stable", "2025-11-08", Form::Released, "- One fix"),
];

/// Returns the routes below `/repos`.
pub(crate) fn routes() -> Router<Arc<Twin>> {
    Router::new().route("/repos/{owner}/{name}/releases", get(list))
}

async fn list(
    Path((owner, name)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let said = (HeaderName::from_static("x-lockstep-lab"), "stand-in for GitHub's releases");
    if (owner.as_str(), name.as_str()) != PROJECT {
        let body = json!({ "message": "Not Found" });
        return (StatusCode::NOT_FOUND, [said], Json(body)).into_response();
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(30).clamp(1, 100);
    let page = number("page").unwrap_or(1).max(1);
    let shown = RELEASES.iter().skip((page - 1).saturating_mul(size)).take(size);
    let releases: Vec<Value> = shown.map(document).collect();
    ([said], Json(Value::from(releases))).into_response()
}

fn document((tag, day, form, notes): &(&str, &str, Form, &str)) -> Value {
    json!({
        "tag_name": tag,
        "name": tag,
        "draft": *form == Form::Draft,
        "prerelease": *form == Form::Early,
        "published_at": (*form != Form::Draft).then(|| format!("{day}T12:00:00Z")),
        "body": format!("These notes are the lab's own, not LiteLLM's.\n\n{notes}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn listed(owner: &str, query: &[(&str, &str)]) -> (StatusCode, Value) {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let path = Path((owner.to_owned(), "litellm".to_owned()));
        let answer = list(path, Query(query.collect())).await;
        assert!(answer.headers()["x-lockstep-lab"].to_str().unwrap().starts_with("stand-in"));
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn pages_hold_every_release_once_and_the_page_after_the_last_is_empty() {
        let mut tags = Vec::new();
        for page in ["1", "2", "3"] {
            let (status, releases) = listed("BerriAI", &[("per_page", "5"), ("page", page)]).await;
            assert_eq!(status, StatusCode::OK);
            let of_page = releases.as_array().unwrap();
            tags.extend(of_page.iter().map(|it| it["tag_name"].as_str().unwrap().to_owned()));
        }
        assert_eq!(tags, RELEASES.map(|(tag, ..)| tag));
    }

    #[tokio::test]
    async fn drafts_and_candidates_are_marked_and_other_projects_unknown() {
        let (_, releases) = listed("BerriAI", &[]).await;
        assert_eq!(
            (&releases[0]["draft"], &releases[0]["published_at"]),
            (&true.into(), &Value::Null)
        );
        assert_eq!(releases[1]["prerelease"], true);
        let said = releases[2]["body"].as_str().unwrap();
        assert!(said.contains("the lab's own") && said.contains("Breaking"), "{said}");
        assert_eq!(listed("somebody", &[]).await.0, StatusCode::NOT_FOUND);
    }
}
