//! Log lines and answered requests of a service, over all deployments that may hold them.

use lockstep_engine::model::{Failure, LogLine, Moment, Tally};
use serde_json::json;

use super::documents;
use super::gateway::Railway;
use super::wire::{Deployment, HttpEntry, LogEntry, Page, date, moment};

/// The most log lines that Railway returns at once.
const MOST_LINES: u32 = 1000;

/// The most requests that are counted for one deployment.
const MOST_REQUESTS: u32 = 5000;

/// How many of a service's deployments are looked through.
const DEPLOYMENTS: u32 = 10;

impl Railway {
    /// Returns a service's deployments, newest first.
    pub(super) async fn deployments(
        &self,
        service_id: &str,
        limit: u32,
    ) -> Result<Vec<Deployment>, Failure> {
        let input = json!({
            "projectId": self.project_id, "environmentId": self.environment_id, "serviceId": service_id,
        });
        let page: Page<Deployment> =
            self.read(&documents::DEPLOYMENTS, json!({ "input": input, "first": limit })).await?;
        let mut found: Vec<Deployment> = page.nodes().collect();
        found.sort_by_key(|deployment| std::cmp::Reverse(moment(&deployment.created_at)));
        Ok(found)
    }

    /// Returns one deployment; none when this environment has none of this id.
    pub(super) async fn deployment(&self, id: &str) -> Result<Option<Deployment>, Failure> {
        match self.read(&documents::DEPLOYMENT, json!({ "id": id })).await {
            Ok(deployment) => Ok(deployment),
            Err(Failure::Permanent(problem))
                if problem.message.to_ascii_lowercase().contains("not found") =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Returns why a deployment failed, as far as its events tell.
    pub(super) async fn reason(&self, id: &str) -> Result<Option<String>, Failure> {
        let events: Page<super::wire::DeploymentEvent> =
            self.read(&documents::EVENTS, json!({ "id": id })).await?;
        Ok(super::deployment::reason(&events.nodes().collect::<Vec<_>>()))
    }

    /// Returns log lines since a moment that hold `text`, oldest first.
    pub(super) async fn logs(
        &self,
        service_id: &str,
        since: Moment,
        text: &str,
        limit: u32,
    ) -> Result<Vec<LogLine>, Failure> {
        let limit = limit.min(MOST_LINES);
        let mut lines = Vec::new();
        for deployment in self.alive_since(service_id, since).await? {
            // Railway's filter has a grammar of its own, so it only narrows, and only where a quoted phrase can say it.
            let phrase = !text.is_empty() && !text.contains(['"', '\\']);
            let variables = json!({
                "deployment": deployment.id, "limit": MOST_LINES, "since": date(since),
                "filter": phrase.then(|| format!("\"{text}\"")),
            });
            let found: Vec<LogEntry> = self.read(&documents::LOGS, variables).await?;
            lines.extend(found.into_iter().map(|entry| LogLine {
                at: moment(&entry.timestamp),
                severity: entry.severity,
                message: plain(&entry.message),
            }));
        }
        lines.retain(|line| line.at >= since && line.message.contains(text));
        lines.sort_by_key(|line| line.at);
        let keep = usize::try_from(limit).unwrap_or(usize::MAX);
        // The newest lines are the ones that are kept, as Railway itself does.
        Ok(lines.split_off(lines.len().saturating_sub(keep)))
    }

    /// Counts answered requests between two moments.
    pub(super) async fn traffic(
        &self,
        service_id: &str,
        since: Moment,
        until: Moment,
    ) -> Result<Tally, Failure> {
        let mut tally = Tally { requests: 0, failed: 0, extra: Vec::new() };
        for deployment in self.alive_since(service_id, since).await? {
            let variables = json!({ "deployment": deployment.id, "until": date(until), "limit": MOST_REQUESTS });
            let found: Vec<HttpEntry> = self.read(&documents::TRAFFIC, variables).await?;
            let full = found.len() >= usize::try_from(MOST_REQUESTS).unwrap_or(usize::MAX);
            let oldest = found.iter().map(|entry| moment(&entry.timestamp)).min();
            // Railway keeps the newest, so a full answer that begins after the window hides a part of it.
            if full && oldest.is_none_or(|oldest| oldest >= since) {
                let text = format!(
                    "more than {MOST_REQUESTS} requests were answered: count a shorter time"
                );
                return Err(Failure::permanent("railway:too-large", text));
            }
            let counted =
                found.iter().filter(|entry| (since..until).contains(&moment(&entry.timestamp)));
            for entry in counted {
                tally.requests += 1;
                tally.failed += u64::from(entry.http_status >= 500);
            }
        }
        Ok(tally)
    }

    /// Returns the deployments that may have run at or after `since`.
    async fn alive_since(
        &self,
        service_id: &str,
        since: Moment,
    ) -> Result<Vec<Deployment>, Failure> {
        let all = self.deployments(service_id, DEPLOYMENTS).await?;
        let over = ["FAILED", "CRASHED", "REMOVED", "SKIPPED"];
        let gone = |deployment: &Deployment| {
            let changed = deployment.status_updated_at.as_deref().map(moment);
            over.contains(&deployment.status.as_str())
                && changed.is_some_and(|changed| changed < since)
        };
        Ok(all.into_iter().filter(|deployment| !gone(deployment)).collect())
    }
}

/// Returns `text` without the escape sequences that colour a terminal.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            if characters.next() == Some('[') {
                for inside in characters.by_ref() {
                    if ('@'..='~').contains(&inside) {
                        break;
                    }
                }
            }
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out_of_log_lines() {
        assert_eq!(plain("\u{1b}[0;32m[ OK ]\u{1b}[0m done"), "[ OK ] done");
    }
}
