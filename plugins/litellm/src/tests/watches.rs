//! What is looked at meanwhile.

use lockstep_sdk::{Failure, Verdict};

use super::checks::switched;
use super::given::kept;
use super::stack::Stack;

#[track_caller]
fn sees(stack: &Stack, watch: &str, verdict: &Verdict, part: &str) {
    let sample = kept(&Stack::healthy()).probe(stack, watch, "soak");
    assert_eq!(sample.verdict, *verdict, "{}", sample.evidence);
    assert!(sample.evidence.contains(part), "{}", sample.evidence);
}

#[test]
fn a_proxy_without_its_database_does_not_serve() {
    let mut stack = Stack::healthy();
    sees(&stack, "serving", &Verdict::Pass, "ready");
    stack.proxy.db = "disconnected";
    sees(&stack, "serving", &Verdict::Fail, "`disconnected`");
    stack.proxy.status = 503;
    sees(&stack, "serving", &Verdict::Fail, "503");
    stack.proxy.down = Some(Failure::transiently("http:connection", "refused"));
    sees(&stack, "serving", &Verdict::Fail, "refused");
    let denied = Failure::Denied(Failure::permanently("grant", "not granted").problem().clone());
    stack.proxy.down = Some(denied);
    sees(&stack, "serving", &Verdict::Unknown, "not granted");
}

#[test]
fn a_schema_that_does_not_fit_is_seen() {
    let mut stack = switched();
    sees(&stack, "schema", &Verdict::Pass, "no statement");
    stack.wrote(&["relation \"LiteLLM_X\" does not exist"]);
    sees(&stack, "schema", &Verdict::Fail, "LiteLLM_X");
    stack.databases.unended.push(("half", ""));
    sees(&stack, "schema", &Verdict::Fail, "half");
    let sample = kept(&Stack::healthy()).probe(&stack, "schema", "migrate");
    assert!(!sample.evidence.contains("half"), "while the job works it is as it should be");
    stack.databases.down = Some(Failure::transiently("sql:connection", "refused"));
    sees(&stack, "schema", &Verdict::Unknown, "refused");
}

#[test]
fn calls_without_spend_are_told() {
    let mut stack = Stack::healthy();
    sees(&stack, "spend", &Verdict::Pass, "0 requests");
    stack.counted(500);
    sees(&stack, "spend", &Verdict::Fail, "500 requests and 0 rows");
    stack.databases.recent = 3;
    sees(&stack, "spend", &Verdict::Pass, "3 rows");
    stack.databases.down = Some(Failure::transiently("sql:connection", "refused"));
    sees(&stack, "spend", &Verdict::Unknown, "refused");
}
