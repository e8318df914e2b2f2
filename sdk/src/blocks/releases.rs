//! REVIEW: every release that an upgrade passes, with the lines that speak of what breaks.
//!
//! Release notes are written by other people. They are searched for words and shown, in one line each and bounded; nothing
//! in them decides anything.

use crate::json::Json;
use crate::outside::Http;
use crate::text::tame;
use crate::{Failure, Finding};

/// Releases of one page, and the parts in which it is read where their notes are too long for one answer.
const PAGE: usize = 30;
const PARTS: usize = 3;

/// The code of the failure that an answer is too long.
const TOO_LARGE: &str = "http:too-large";

/// The code of the failure that the configuration knows no such endpoint.
const NO_ENDPOINT: &str = "http:endpoint";

/// The most pages that are read: who has no token is answered a few times an hour only.
const PAGES: usize = 10;

/// The most lines that are shown of one release, and of all of them.
const LINES: usize = 3;
const ALL_LINES: usize = 40;

/// The longest line that is shown.
const LINE: usize = 160;

/// Beginnings of words that announce what breaks, and words that do so only as they are.
const BEGINNINGS: [&str; 4] = ["breaking", "deprecat", "migrat", "remov"];
const WORDS: [&str; 4] = ["drop", "drops", "dropped", "dropping"];

/// A release as its project publishes it, drafts and pre-releases left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its tag.
    pub tag: String,
    /// The day on which it was published.
    pub day: String,
    /// The lines of its notes that announce what breaks.
    pub flagged: Vec<String>,
}

/// Reads the releases of a project, newest first, from an endpoint that pages as GitHub does, until `enough` says so.
///
/// None of them, and why, where they can't be read; a call that the host does not allow is a failure.
pub fn read<O: Http>(
    outside: &O,
    endpoint: &str,
    path: &str,
    enough: impl Fn(&[Release]) -> bool,
) -> Result<Result<Vec<Release>, String>, Failure> {
    let mut releases = Vec::new();
    for page in 1..=PAGES {
        let items = match whole(outside, endpoint, path, page)? {
            Ok(items) => items,
            Err(why) => return Ok(Err(why)),
        };
        let last = items.len() < PAGE;
        let found: Vec<Release> = items.iter().filter_map(release).collect();
        let done = last || enough(&found);
        releases.extend(found);
        if done {
            return Ok(Ok(releases));
        }
    }
    Ok(Err(format!("there are more than {} releases in between", PAGE * PAGES)))
}

/// Why something can't be read.
type Why = String;

/// Reads one page, in parts where the whole is too large for an answer.
fn whole<O: Http>(
    outside: &O,
    endpoint: &str,
    path: &str,
    page: usize,
) -> Result<Result<Vec<Json>, Why>, Failure> {
    match items(outside, endpoint, path, (PAGE, page)) {
        Err(failure) if failure.problem().has(TOO_LARGE) => {}
        Err(failure) if is_refused(&failure) => return Err(failure),
        Err(failure) => return Ok(Err(failure.line())),
        Ok(found) => return Ok(found),
    }
    let mut all = Vec::new();
    for part in (page - 1) * PARTS + 1..=page * PARTS {
        match items(outside, endpoint, path, (PAGE / PARTS, part)) {
            Err(failure) if is_refused(&failure) => return Err(failure),
            Err(failure) => return Ok(Err(failure.line())),
            Ok(Err(why)) => return Ok(Err(why)),
            Ok(Ok(found)) => all.extend(found),
        }
    }
    Ok(Ok(all))
}

/// What is not granted must be granted. That nothing is configured to read from is only a reason why nothing is read.
fn is_refused(failure: &Failure) -> bool {
    failure.is_denied() && !failure.problem().has(NO_ENDPOINT)
}

fn items<O: Http>(
    outside: &O,
    endpoint: &str,
    path: &str,
    (size, page): (usize, usize),
) -> Result<Result<Vec<Json>, Why>, Failure> {
    let answer = outside.get(endpoint, &format!("{path}?per_page={size}&page={page}"))?;
    if answer.status != 200 {
        return Ok(Err(format!("{endpoint} answered {}", answer.status)));
    }
    Ok(match Json::parse(&answer.body) {
        Some(Json::List(items)) => Ok(items),
        Some(_) | None => Err(format!("{endpoint} did not answer with a list of releases")),
    })
}

fn release(item: &Json) -> Option<Release> {
    let text = |name: &str| item.get(name).and_then(Json::text);
    let is = |name: &str| item.get(name).and_then(Json::truth) == Some(true);
    if is("draft") || is("prerelease") {
        return None;
    }
    let body = text("body").unwrap_or_default();
    let flagged = body.lines().filter(|line| is_flagged(line));
    Some(Release {
        tag: tame(text("tag_name")?, 64),
        day: tame(text("published_at")?, 10).trim_end_matches('…').to_owned(),
        flagged: flagged.map(|line| tame(line, LINE)).collect(),
    })
}

fn is_flagged(line: &str) -> bool {
    line.split(|letter: char| !letter.is_alphanumeric()).any(|word| {
        let word = word.to_lowercase();
        BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))
            || WORDS.contains(&word.as_str())
    })
}

/// Returns what a plan says about the releases that it passes.
pub fn finding(id: &str, releases: &[Release]) -> Finding {
    let flagged = releases.iter().filter(|release| !release.flagged.is_empty()).count();
    let title = format!(
        "{} releases in between, of which {flagged} speak of what breaks, moves or is gone",
        releases.len()
    );
    let finding = if flagged == 0 {
        Finding::note(id, title)
    } else {
        Finding::warning(id, title).remedy("read their notes before you approve the step")
    };
    let lines: Vec<String> = releases.iter().flat_map(lines).collect();
    let more = lines.len().saturating_sub(ALL_LINES);
    let finding = lines.into_iter().take(ALL_LINES).fold(finding, Finding::evidence);
    if more == 0 { finding } else { finding.evidence(format!("{more} more lines")) }
}

fn lines(release: &Release) -> Vec<String> {
    let Release { tag, day, flagged } = release;
    let mut lines = vec![format!("{tag} ({day})")];
    lines.extend(flagged.iter().take(LINES).map(|line| format!("{tag}: {line}")));
    let more = flagged.len().saturating_sub(LINES);
    lines.extend((more > 0).then(|| format!("{tag}: {more} more such lines")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Response;

    /// Answers with pages.
    struct Pages(Vec<(u16, String)>);

    impl Http for Pages {
        fn get(&self, _: &str, path: &str) -> Result<Response, Failure> {
            if path.contains("per_page=10&") {
                return Ok(Response {
                    status: 200,
                    headers: Vec::new(),
                    body: parts(path).into_bytes(),
                });
            }
            let page: usize = path.rsplit_once('=').unwrap().1.parse().unwrap();
            if self.0.get(page - 1).is_some_and(|(status, _)| *status == 0) {
                return Err(Failure::permanently(TOO_LARGE, "more than a mebibyte"));
            }
            let (status, body) = self.0.get(page - 1).cloned().unwrap_or((200, "[]".to_owned()));
            Ok(Response { status, headers: Vec::new(), body: body.into_bytes() })
        }
    }

    /// Answers with a part of a page that is too large.
    fn parts(path: &str) -> String {
        let tag = format!("v{}", path.rsplit_once('=').unwrap().1);
        format!("[{}]", vec![item(&tag, ""); PAGE / PARTS].join(","))
    }

    fn item(tag: &str, rest: &str) -> String {
        format!(r#"{{"tag_name":"{tag}","published_at":"2026-02-03T04:05:06Z"{rest}}}"#)
    }

    fn all(pages: Vec<(u16, String)>) -> Result<Vec<Release>, String> {
        read(&Pages(pages), "releases", "/r", |_| false).unwrap()
    }

    #[test]
    fn drafts_and_pre_releases_are_left_out_and_lines_that_matter_are_kept() {
        let body =
            r#","body":"\u001b[2J## BREAKING: keys\nnicer dropdown\n- Dropped `x`\nwe migrate it""#;
        let page = [
            item("v2", body),
            item("v2-rc", r#","prerelease":true"#),
            item("v1", r#","draft":true"#),
        ];
        let found = all(vec![(200, format!("[{}]", page.join(",")))]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].tag.as_str(), found[0].day.as_str()), ("v2", "2026-02-03"));
        assert_eq!(found[0].flagged, ["[2J## BREAKING: keys", "- Dropped `x`", "we migrate it"]);
    }

    #[test]
    fn pages_are_read_until_one_is_not_full_or_enough_is_known() {
        let full = format!("[{}]", vec![item("v1", ""); PAGE].join(","));
        let pages = vec![(200, full.clone()), (200, format!("[{}]", item("v0", "")))];
        assert_eq!(all(pages.clone()).unwrap().len(), PAGE + 1);
        let some = read(&Pages(pages), "releases", "/r", |page| page.len() == PAGE).unwrap();
        assert_eq!(some.unwrap().len(), PAGE);
        assert!(all(vec![(200, full); PAGES]).unwrap_err().contains("more than"));
    }

    #[test]
    fn a_page_that_is_too_large_is_read_in_parts() {
        let full = format!("[{}]", vec![item("v1", ""); PAGE].join(","));
        let found = all(vec![(200, full), (0, String::new())]).unwrap();
        let tags: Vec<&str> = found[PAGE..].iter().map(|release| release.tag.as_str()).collect();
        assert_eq!(tags.len(), PAGE);
        assert_eq!((tags[0], tags[PAGE / 2], tags[PAGE - 1]), ("v4", "v5", "v6"));
    }

    #[test]
    fn what_can_not_be_read_says_why() {
        assert!(all(vec![(403, String::new())]).unwrap_err().contains("403"));
        assert!(all(vec![(200, "{}".to_owned())]).unwrap_err().contains("list"));
    }

    /// Refuses with a code.
    struct Refusing(&'static str);

    impl Http for Refusing {
        fn get(&self, _: &str, _: &str) -> Result<Response, Failure> {
            Err(Failure::Denied(Failure::permanently(self.0, "no").problem().clone()))
        }
    }

    #[test]
    fn what_is_not_granted_is_a_failure_and_what_is_not_there_is_only_not_read() {
        let read = |code| read(&Refusing(code), "releases", "/r", |_| true);
        assert!(read("grant").is_err());
        assert!(matches!(read("http:endpoint"), Ok(Err(_))));
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let flagged = vec!["removed".to_owned(); 9];
        let one = |tag: usize| Release {
            tag: tag.to_string(),
            day: String::new(),
            flagged: flagged.clone(),
        };
        let many: Vec<Release> = (0..100).map(one).collect();
        let finding = finding("releases", &many);
        assert_eq!(finding.evidence.len(), ALL_LINES + 1);
        assert!(finding.evidence[4].contains("6 more such lines"));
        assert!(!finding.refuses());
    }
}
