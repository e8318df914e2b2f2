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

/// What a release is besides one that counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Released,
    Draft,
    Early,
}

/// Tag, day, what it is, and its notes.
type Release = (&'static str, &'static str, Form, &'static str);

/// Newest first, as GitHub lists them.
const LITELLM: [Release; 8] = [
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

/// Days of versions that there are in the registry are the real ones.
const LANGFUSE: [Release; 11] = [
    ("v4.17.0", "2026-09-10", Form::Draft, "Not published yet."),
    ("v4.17.0-rc.1", "2026-09-02", Form::Early, "A candidate."),
    ("v4.16.0", "2026-08-21", Form::Released, "- Integrations keep their last error"),
    ("v3.225.4", "2026-08-20", Form::Released, "- One fix"),
    (
        "v4.0.0",
        "2026-07-29",
        Form::Released,
        "- **Breaking**: tables that were moved to ClickHouse are dropped from PostgreSQL\n- ClickHouse 25.12 is needed",
    ),
    ("v3.170.0", "2026-04-23", Form::Released, "- Scores of free text"),
    ("v2.95.11", "2025-11-07", Form::Released, "- One fix"),
    (
        "v3.98.0",
        "2025-08-14",
        Form::Released,
        "- A background migration moves items of dataset runs to ClickHouse",
    ),
    ("v3.50.0", "2025-04-15", Form::Released, "- New models"),
    (
        "v3.29.0",
        "2025-02-21",
        Form::Released,
        "- Environments\n- The setting `lab_mode` is deprecated",
    ),
    (
        "v3.0.0",
        "2024-12-09",
        Form::Released,
        "- **Breaking**: ClickHouse, Redis, S3 and a worker are needed",
    ),
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
    let all: &[Release] = match (owner.as_str(), name.as_str()) {
        ("BerriAI", "litellm") => &LITELLM,
        ("langfuse", "langfuse") => &LANGFUSE,
        _ => {
            let body = json!({ "message": "Not Found" });
            return (StatusCode::NOT_FOUND, [said], Json(body)).into_response();
        }
    };
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(30).clamp(1, 100);
    let page = number("page").unwrap_or(1).max(1);
    let shown = all.iter().skip((page - 1).saturating_mul(size)).take(size);
    let releases: Vec<Value> = shown.map(document).collect();
    ([said], Json(Value::from(releases))).into_response()
}

fn document((tag, day, form, notes): &Release) -> Value {
    json!({
        "tag_name": tag,
        "name": tag,
        "draft": *form == Form::Draft,
        "prerelease": *form == Form::Early,
        "published_at": (*form != Form::Draft).then(|| format!("{day}T12:00:00Z")),
        "body": format!("These notes are the lab's own, not the project's.\n\n{notes}"),
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
        assert_eq!(tags, LITELLM.map(|(tag, ..)| tag));
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

    #[test]
    fn every_project_lists_its_newest_release_first_and_none_twice() {
        for all in [LITELLM.as_slice(), LANGFUSE.as_slice()] {
            assert!(all.is_sorted_by(|(_, one, ..), (_, next, ..)| one >= next));
            let tags: std::collections::BTreeSet<&str> = all.iter().map(|(tag, ..)| *tag).collect();
            assert_eq!(tags.len(), all.len());
        }
    }
}
