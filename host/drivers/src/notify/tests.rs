//! Notices against a real server on loopback.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockstep_engine::journal::Head;
use lockstep_engine::model::{Digest, Moment};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Channel, Notice, Notifier, Occasion, Patience, Recipient, Undelivered};
use crate::secrets::Redactor;

const ALL: [Occasion; 6] = [
    Occasion::Gate,
    Occasion::Window,
    Occasion::Moved,
    Occasion::Done,
    Occasion::RolledBack,
    Occasion::Stuck,
];

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const BUSY: &str = "HTTP/1.1 429 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n";

/// What makes a recipient's URL a secret.
const TOKEN: &str = "T0K3N-0123456789-abcdef";

/// A server that gives one answer of a list to each request, and then never answers again.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn up(answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut answers) = (seen.clone(), VecDeque::from(answers.to_vec()));
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = request(&mut stream).await;
                kept.lock().unwrap().push(request);
                match answers.pop_front() {
                    Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                    None => held.push(stream),
                }
            }
        });
        Self { port, seen, task }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/services/{TOKEN}", self.port)
    }

    fn recipient(&self, channel: Channel) -> Recipient {
        Recipient::new(channel, "HOOK_URL", self.url().into(), ALL).unwrap()
    }

    fn pagerduty(&self, on: &[Occasion]) -> Recipient {
        let endpoint = format!("http://127.0.0.1:{}/v2/enqueue", self.port).parse().unwrap();
        let channel = Channel::PagerDuty { endpoint };
        Recipient::new(channel, "PAGER_KEY", ROUTING_KEY.into(), on.iter().copied()).unwrap()
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Returns the bodies of all requests so far.
    fn bodies(&self) -> Vec<Value> {
        let seen = self.seen.lock().unwrap();
        let body = |request: &String| {
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            serde_json::from_str(body).unwrap()
        };
        seen.iter().map(body).collect()
    }
}

const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

async fn request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.unwrap_or(0);
        bytes.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let mut lines = head.lines();
            let wanted = lines.find_map(|line| line.strip_prefix("content-length: "));
            body.len() >= wanted.map_or(0, |length| length.parse().unwrap())
        });
        if whole || length == 0 {
            return text;
        }
    }
}

fn notice(occasion: Occasion) -> Notice {
    Notice {
        occasion,
        run: "r-3f9a".to_owned(),
        environment: "production".to_owned(),
        component: "redis".to_owned(),
        from: "6.2.14".to_owned(),
        to: "7.0.15".to_owned(),
        message: "did <!channel> & @everyone see *this*?".to_owned(),
        hint: Some("`lockstep show r-3f9a`".to_owned()),
        head: Some(Head { next: 42, digest: Digest::of(b"x") }),
        at: Moment(1_780_000_000_123),
    }
}

fn notifier(recipient: Recipient) -> Notifier {
    patient(recipient, Duration::from_mins(1))
}

fn patient(recipient: Recipient, total: Duration) -> Notifier {
    let patience = Patience { total, pause: Duration::ZERO };
    Notifier::new(vec![recipient], Redactor::default(), patience).unwrap()
}

/// Sends one notice and returns what became of it.
async fn sent(notifier: &Notifier, notice: &Notice) -> Result<(), Undelivered> {
    let mut sent = notifier.send(notice).await;
    sent.pop().expect("somebody wants to hear of it").1
}

/// Sends one notice to a server that takes it, and returns the body.
async fn taken(channel: Channel, notice: &Notice) -> Value {
    let server = Server::up(&[OK]).await;
    assert_eq!(sent(&notifier(server.recipient(channel)), notice).await, Ok(()));
    let request = server.seen.lock().unwrap()[0].clone();
    assert!(request.starts_with(&format!("POST /services/{TOKEN} HTTP/1.1\r\n")), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    server.bodies().remove(0)
}

fn digest() -> String {
    Digest::of(b"x").to_string()
}

#[tokio::test]
async fn slack_is_told_in_its_own_markup() {
    let body = taken(Channel::Slack, &notice(Occasion::Stuck)).await;
    let headline = "Run r-3f9a is stuck: redis 6.2.14 → 7.0.15 in production";
    let words = |text: String| json!({ "type": "mrkdwn", "text": text, "verbatim": true });
    let text = format!(
        "*{headline}*\ndid &lt;!channel&gt; &amp; @everyone see *this*?\n`lockstep show r-3f9a`"
    );
    assert_eq!(
        body,
        json!({
            "text": headline,
            "blocks": [
                { "type": "section", "text": words(text) },
                { "type": "context", "elements": [words(format!("record 41, {}", digest()))] },
            ],
            "unfurl_links": false,
            "unfurl_media": false,
        })
    );
}

#[tokio::test]
async fn discord_is_told_in_its_own_markup_and_mentions_nobody() {
    let body = taken(Channel::Discord, &notice(Occasion::Gate)).await;
    let content = format!(
        "**Run r\\-3f9a waits at a gate\\: redis 6.2.14 → 7.0.15 in production**\n\
         did \\<!channel\\> & \\@everyone see \\*this\\*?\n\
         \\`lockstep show r\\-3f9a\\`\n-# record 41, {}",
        digest()
    );
    assert_eq!(
        body,
        json!({ "content": content, "allowed_mentions": { "parse": [] }, "flags": 4 })
    );
}

#[tokio::test]
async fn a_webhook_is_told_in_json_with_a_version() {
    let body = taken(Channel::Webhook, &notice(Occasion::RolledBack)).await;
    let told = json!({
        "lockstep_notice": 1,
        "kind": "rolled-back",
        "run": "r-3f9a",
        "environment": "production",
        "component": "redis",
        "from": "6.2.14",
        "to": "7.0.15",
        "message": "did <!channel> & @everyone see *this*?",
        "hint": "`lockstep show r-3f9a`",
        "head": { "sequence": 41, "digest": digest() },
        "at": "2026-05-28T20:26:40.123Z",
    });
    assert_eq!(body, told);
    let test = taken(Channel::Webhook, &Notice::test("production", Moment(0))).await;
    assert_eq!(
        (&test["kind"], &test["hint"], &test["head"]),
        (&json!("test"), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn pagerduty_opens_one_incident_a_run_and_closes_it() {
    let server = Server::up(&[OK; 4]).await;
    let pages = notifier(server.pagerduty(&[Occasion::Stuck, Occasion::RolledBack]));
    assert_eq!(sent(&pages, &notice(Occasion::Stuck)).await, Ok(()));
    assert_eq!(sent(&pages, &notice(Occasion::Done)).await, Ok(()));
    assert_eq!(sent(&pages, &notice(Occasion::RolledBack)).await, Ok(()));
    assert!(pages.send(&notice(Occasion::Gate)).await.is_empty());
    let only_stuck = notifier(server.pagerduty(&[Occasion::Stuck]));
    assert_eq!(sent(&only_stuck, &notice(Occasion::RolledBack)).await, Ok(()));
    let bodies = server.bodies();
    let resolve =
        json!({ "routing_key": ROUTING_KEY, "event_action": "resolve", "dedup_key": "r-3f9a" });
    let stuck = json!({
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": "r-3f9a",
        "client": "Lockstep",
        "payload": {
            "summary": "Run r-3f9a is stuck: redis 6.2.14 → 7.0.15 in production. did <!channel> & @everyone see *this*?",
            "severity": "critical",
            "source": "production",
            "component": "redis",
            "timestamp": "2026-05-28T20:26:40.123Z",
            "custom_details": super::webhook::body(&notice(Occasion::Stuck)),
        },
    });
    assert_eq!(bodies[0], stuck);
    assert_eq!(bodies[1], resolve);
    assert_eq!(bodies[2]["event_action"], "trigger");
    assert_eq!(bodies[2]["payload"]["severity"], "error");
    assert_eq!(bodies[3], resolve);
}

#[tokio::test]
async fn nobody_is_told_what_they_do_not_want_to_hear_but_everybody_gets_a_test() {
    let server = Server::up(&[OK]).await;
    let recipient = Recipient::new(Channel::Slack, "HOOK_URL", server.url().into(), []).unwrap();
    let notifier = notifier(recipient);
    for occasion in ALL {
        assert!(notifier.send(&notice(occasion)).await.is_empty());
    }
    assert_eq!(sent(&notifier, &Notice::test("lab", Moment(0))).await, Ok(()));
}

#[tokio::test]
async fn a_recipient_that_hangs_is_given_up() {
    let server = Server::up(&[]).await;
    let total = Duration::from_millis(300);
    let notifier = patient(server.recipient(Channel::Webhook), total);
    assert_eq!(sent(&notifier, &notice(Occasion::Done)).await, Err(Undelivered::Late(total)));
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_recipient_that_is_busy_or_broken_is_tried_three_times() {
    for (answers, outcome, tries) in [
        (&[BUSY, OK][..], Ok(()), 2),
        (&[BROKEN, BUSY, OK], Ok(()), 3),
        (&[BROKEN, BROKEN, BROKEN, OK], Err(Undelivered::Status(500)), 3),
        (&["HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", OK], Err(Undelivered::Status(404)), 1),
    ] {
        let server = Server::up(answers).await;
        let notifier = notifier(server.recipient(Channel::Discord));
        assert_eq!(sent(&notifier, &notice(Occasion::Done)).await, outcome);
        assert_eq!(server.count(), tries);
    }
}

#[tokio::test]
async fn a_recipient_that_asks_for_more_patience_than_there_is_is_given_up_at_once() {
    let later = "HTTP/1.1 429 Busy\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n";
    let server = Server::up(&[later, OK]).await;
    let notifier = notifier(server.recipient(Channel::Slack));
    assert_eq!(sent(&notifier, &notice(Occasion::Done)).await, Err(Undelivered::Status(429)));
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::up(&[OK]).await;
    let answer =
        format!("HTTP/1.1 307 Away\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
    let server = Server::up(&[answer.leak()]).await;
    let notifier = notifier(server.recipient(Channel::Webhook));
    assert_eq!(sent(&notifier, &notice(Occasion::Done)).await, Err(Undelivered::Status(307)));
    assert_eq!((server.count(), elsewhere.count()), (1, 0));
}

#[tokio::test]
async fn what_can_not_be_reached_is_told_without_its_url() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://127.0.0.1:{port}/services/{TOKEN}");
    let recipient = Recipient::new(Channel::Slack, "HOOK_URL", url.into(), ALL).unwrap();
    let notifier = notifier(recipient);
    let failure = sent(&notifier, &notice(Occasion::Done)).await.unwrap_err();
    let text = format!("{failure} {failure:?} {notifier:?}");
    assert!(text.contains("refused"), "{text}");
    assert!(!text.contains(TOKEN) && !text.contains("http://"), "{text}");
}

#[tokio::test]
async fn one_recipient_that_fails_keeps_no_other_from_hearing() {
    let (good, bad) = (Server::up(&[OK]).await, Server::up(&[BROKEN; 3]).await);
    let recipients = vec![bad.recipient(Channel::Slack), good.recipient(Channel::Webhook)];
    let patience = Patience { pause: Duration::ZERO, ..Patience::default() };
    let notifier = Notifier::new(recipients, Redactor::default(), patience).unwrap();
    let outcomes = notifier.send(&notice(Occasion::Done)).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [Err(Undelivered::Status(500)), Ok(())]);
    assert_eq!(good.count(), 1);
}

#[tokio::test]
async fn a_secret_in_a_message_is_taken_out_and_a_flood_is_cut() {
    let redactor = Redactor::default();
    redactor.learn([("redis.REDIS_PASSWORD".to_owned(), "s3cr3t-s3cr3t".to_owned())]);
    for channel in [Channel::Slack, Channel::Discord, Channel::Webhook] {
        let server = Server::up(&[OK]).await;
        let recipient = server.recipient(channel);
        let notifier =
            Notifier::new(vec![recipient], redactor.clone(), Patience::default()).unwrap();
        let message =
            format!("it was s3cr3t-s3cr3t, said {} {}", server.url(), "<*".repeat(1 << 16));
        let flood = Notice { message, hint: Some("&".repeat(1 << 16)), ..notice(Occasion::Stuck) };
        assert_eq!(sent(&notifier, &flood).await, Ok(()));
        let request = server.seen.lock().unwrap()[0].clone();
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(!body.contains("s3cr3t") && !body.contains(TOKEN), "{body}");
        let content = server.bodies().remove(0)["content"].clone();
        assert!(content.as_str().is_none_or(|text| text.chars().count() <= 2000), "{content}");
        assert!(body.len() < 20_000, "{}", body.len());
    }
}
