//! A plugin that blocks the writes of a database in a critical section, and waits in it for what a table says.
//!
//! The schema `app` is what it blocks writes to. In `play.word` stands what its step `switch` finds: `go` is the end,
//! `fail` a failure, anything else to be looked at again. The option `max-outage` is the section's deadline in milliseconds.

use lockstep_sdk::bindings::lockstep::plugin::sql_effects;
use lockstep_sdk::outside::Sql;
use lockstep_sdk::{
    DeclareBlocks, Description, Draft, Fact, Failure, Guest, Live, Observation, Pending, Piece,
    Progress, Proof, Request, Sample, Step, StepCall, Target, Times, Value, Verdict, Version,
};

/// The plugin.
#[derive(Debug)]
pub struct Holder;

/// The connection.
const POSTGRES: &str = "postgres";

/// How often it looks in the section.
const LOOK: u64 = 20;

fn request(access: &str) -> Request {
    Request {
        capability: "sql".to_owned(),
        name: POSTGRES.to_owned(),
        access: access.to_owned(),
        paths: Vec::new(),
        why: "blocks writes".to_owned(),
    }
}

/// Declares one statement that may be repeated.
fn sql(label: &str, text: &str) -> Result<(), Failure> {
    let statement = sql_effects::Statement {
        text: vec![Piece::Text(text.to_owned())],
        parameters: Vec::new(),
        affects: None,
    };
    let atomicity = sql_effects::Atomicity::Transaction;
    sql_effects::execute(
        label,
        POSTGRES,
        &[statement],
        &atomicity,
        &[],
        &Times::Once,
        &Proof::ByKind,
    )
}

impl Guest for Holder {
    fn describe() -> Description {
        Description {
            name: "holder".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["holder".to_owned()],
            requests: ["read", "execute", "hold-writes", "release-writes"].map(request).to_vec(),
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        let longest = target.options.iter().find(|(name, _)| name == "max-outage");
        let longest = longest.and_then(|(_, value)| value.parse().ok()).unwrap_or(60_000);
        sql("mark", "CREATE TABLE play.mark()")?;
        sql("unmark", "DROP TABLE play.mark")?;
        Live.hold_writes("hold", POSTGRES, &["app"], longest, longest.min(2_000))?;
        sql("switch", "CREATE TABLE play.switched()")?;
        sql("unswitch", "DROP TABLE play.switched")?;
        Live.release_writes("release", POSTGRES, "hold")?;
        Ok(Draft {
            current: Version::exact("1.0.0", &[1, 0, 0]),
            desired: Version::exact("2.0.0", &[2, 0, 0]),
            findings: Vec::new(),
            steps: vec![
                Step::new("mark", "Make a table", "to be undone with the rest")
                    .effects(&["mark"])
                    .undone_by(&["unmark"]),
                Step::new("hold", "Block writes", "to switch while nothing changes")
                    .effects(&["hold"])
                    .beginning_section("cut", longest)
                    .restored(),
                Step::new("switch", "Switch", "what the section is for")
                    .effects(&["switch"])
                    .in_section("cut")
                    .undone_by(&["unswitch"]),
                Step::new("release", "Let writes flow", "it is switched")
                    .effects(&["release"])
                    .in_section("cut"),
            ],
            undo: vec![
                Step::new("unmark", "Drop the table", "as it was")
                    .effects(&["unmark"])
                    .reverses(&[("unmark", "mark")]),
                Step::new("unswitch", "Switch back", "as it was")
                    .effects(&["unswitch"])
                    .reverses(&[("unswitch", "switch")]),
            ],
            watches: Vec::new(),
            uncovered: Vec::new(),
            parameters: Vec::new(),
            extra: Vec::new(),
        })
    }

    fn observe(_: StepCall, _: Vec<Fact>) -> Result<Observation, Failure> {
        Ok(Observation::Ready(Vec::new()))
    }

    fn apply(_: StepCall) -> Result<Vec<Fact>, Failure> {
        Ok(Vec::new())
    }

    fn check(call: StepCall, _: Vec<Fact>) -> Result<Progress, Failure> {
        if call.step != "switch" {
            return Ok(Progress::Done(Vec::new()));
        }
        let rows = Live.query(POSTGRES, "SELECT word FROM play.word", &[])?;
        let word = rows.rows.first().and_then(|row| row.first());
        Ok(match word {
            Some(Value::Text(word)) if word == "go" => Progress::Done(Vec::new()),
            Some(Value::Text(word)) if word == "fail" => {
                Progress::Failed("the other side is not equal".to_owned())
            }
            Some(_) | None => Pending::after(LOOK, "waiting for a word").into(),
        })
    }

    fn probe(_: String, _: StepCall) -> Result<Sample, Failure> {
        Ok(Sample {
            verdict: Verdict::Pass,
            evidence: "fine".to_owned(),
            figure: None,
            extra: Vec::new(),
        })
    }
}

lockstep_sdk::export!(Holder);
