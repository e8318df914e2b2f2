//! Those who are told of a run get no secret, and the URL that makes them a secret themselves is nowhere.

use std::net::TcpListener;

use super::Search;
use super::hook::{Hook, TOKEN};
use crate::guests;
use crate::stage::{Done, Stage};

/// Returns a URL at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!("http://{}/services/{TOKEN}", listener.local_addr().unwrap())
}

/// A lab whose runs are told of, at a server and at a place where nobody listens.
fn stage() -> Stage {
    let stage = Stage::up(&["--only", "redis", "--only", "postgres"]);
    let notify = |kind: &str, variable: &str, more: &str| {
        format!("[[environments.lab.notify]]\nkind = \"{kind}\"\nvariable = \"{variable}\"\n{more}")
    };
    let toml = guests::toml("minimal", &[("redis", "redis", "command", "")])
        + &notify("webhook", "GOOD_HOOK_URL", "")
        + &notify("slack", "BAD_HOOK_URL", "on = [\"done\", \"rolled-back\"]\n");
    guests::write(&stage, &toml);
    stage
}

impl Search<'_> {
    fn call_with(&mut self, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
        let arguments = [arguments, &["--json", "--log", "trace"]].concat();
        let done = self.stage.lockstep_with(&arguments, variables);
        self.said.push_str(&done.out);
        self.said.push_str(&done.err);
        done
    }
}

#[test]
fn whoever_is_named_is_told_and_nothing_shows_where_that_is() {
    let (stage, hook, nobody) = (stage(), Hook::up(), nobody());
    let mut search = Search::new(&stage);
    search.secrets.extend([TOKEN.to_owned(), hook.url.clone(), nobody.clone()]);
    let variables = [("GOOD_HOOK_URL", hook.url.as_str()), ("BAD_HOOK_URL", nobody.as_str())];
    let undelivered = "the notice to slack (BAD_HOOK_URL) was not delivered";
    let apply = ["apply", "minimal", "-e", "lab", "--yes"];
    search.call_with(&apply, &variables).expect(0).says(undelivered);
    search.show();
    let told = hook.told();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    let run = stage.run();
    assert_eq!((&told["lockstep_notice"], &told["kind"]), (&1.into(), &"done".into()));
    assert_eq!((&told["run"], &told["environment"]), (&run.into(), &"lab".into()));
    assert_eq!((&told["from"], &told["to"]), (&"1.0.0".into(), &"2.0.0".into()));
    // The notice names the last record that there is.
    let shown = stage.lockstep(&["show", &stage.run(), "--json"]).expect(0).json();
    let last = shown["run"]["records"].as_array().unwrap().last().unwrap()["sequence"].clone();
    assert_eq!(told["head"]["sequence"], last);
    search.finds_nothing();
}

#[test]
fn whoever_can_not_be_told_refuses_a_run_but_not_its_way_back() {
    let (stage, hook, nobody) = (stage(), Hook::up(), nobody());
    let mut search = Search::new(&stage);
    search.secrets.extend([TOKEN.to_owned(), hook.url.clone(), nobody.clone()]);
    let apply = ["apply", "minimal", "-e", "lab", "--yes"];
    let good = ("GOOD_HOOK_URL", hook.url.as_str());
    let missing = "BAD_HOOK_URL, which is not set";
    search.call_with(&apply, &[good]).expect(2).says(missing).says("export BAD_HOOK_URL=");
    let wrong = format!("https//h.example/{TOKEN}");
    let malformed = [good, ("BAD_HOOK_URL", wrong.as_str())];
    search.call_with(&apply, &malformed).expect(2).says("is not a URL");
    assert!(stage.mutations().is_empty());
    stage.lockstep(&["runs"]).expect(0).says("No runs yet");
    let all = [good, ("BAD_HOOK_URL", nobody.as_str())];
    let killed = search.call_with(&[&apply[..], &["--die-after-record", "6"]].concat(), &all);
    assert_eq!(killed.code, -1, "{killed:?}");
    search.call_with(&["resume", "--yes"], &[good]).expect(2).says(missing);
    search.call_with(&["rollback", "--yes"], &[good]).expect(11).says(missing);
    let told = hook.told();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(told["kind"], "rolled-back");
    search.finds_nothing();
}

#[test]
fn doctor_looks_at_the_variables_and_sends_a_test_only_when_asked() {
    let (stage, hook, nobody) = (stage(), Hook::up(), nobody());
    let mut search = Search::new(&stage);
    search.secrets.extend([TOKEN.to_owned(), hook.url.clone(), nobody.clone()]);
    let doctor = ["doctor", "-e", "lab"];
    let good = ("GOOD_HOOK_URL", hook.url.as_str());
    search.call_with(&doctor, &[good]).expect(1).says("BAD_HOOK_URL, which is not set");
    let all = [good, ("BAD_HOOK_URL", nobody.as_str())];
    search.call_with(&doctor, &all).expect(0).says("its variable is set");
    assert!(hook.told().is_empty());
    let tested = search.call_with(&[&doctor[..], &["--notify"]].concat(), &all).expect(1);
    tested.says("took a test notice").says("did not take a test notice");
    assert_eq!(hook.told()[0]["kind"], "test");
    // Nothing was kept that could be searched.
    assert!(!search.said.contains(TOKEN), "{}", search.said);
}
