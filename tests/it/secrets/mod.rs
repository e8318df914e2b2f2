//! L3: no secret of the stack is in anything that Lockstep gives to anybody.

use base64::Engine as _;
use lockstep_lab::Control;

use crate::stage::Stage;

#[test]
fn no_secret_is_in_a_plan_the_journal_a_log_or_any_output() {
    let stage = Stage::redis_6_with_data();
    let text = std::fs::read_to_string(stage.folder().join(".lockstep/lab/state.json")).unwrap();
    let lab: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut secrets = vec![stage.env("RAILWAY_TOKEN")];
    collect(&lab, "", &mut secrets);
    assert!(secrets.len() > 8, "only {} secrets were found in the lab", secrets.len());
    let mut said = String::new();
    for arguments in [
        &["plan", "redis@7.0.15", "-e", "lab", "--out", "p.plan.json", "--json", "--log", "trace"]
            [..],
        &["apply", "redis@7.0.15", "-e", "lab", "--yes", "--json", "--log", "trace"],
        &["show", "--plan", "--json"],
        &["status", "-e", "lab", "--json"],
    ] {
        let mut arguments = arguments.to_vec();
        let run = stage.lockstep(&["runs", "--json"]).json()["runs"]["runs"][0]["run"]
            .as_str()
            .map(str::to_owned);
        if let (true, Some(run)) = (arguments[0] == "show", &run) {
            arguments.insert(1, run);
        }
        let done = stage.lockstep(&arguments).expect(0);
        said.push_str(&done.out);
        said.push_str(&done.err);
    }
    let mut kept = said.into_bytes();
    kept.extend(std::fs::read(stage.folder().join("p.plan.json")).unwrap());
    for entry in walk(&stage.folder().join(".lockstep")) {
        if !entry.components().any(|part| part.as_os_str() == "lab" || part.as_os_str() == "cache")
        {
            kept.extend(std::fs::read(entry).unwrap());
        }
    }
    let kept = String::from_utf8_lossy(&kept);
    for secret in &secrets {
        let encoded = base64::engine::general_purpose::STANDARD.encode(secret);
        assert!(!kept.contains(secret.as_str()), "a secret of {} characters leaked", secret.len());
        assert!(!kept.contains(encoded.trim_end_matches('=')), "a secret leaked in base64");
    }
    drop(stage.control(&Control::Mend));
}

/// Collects the values of variables that hold generated secrets.
fn collect(value: &serde_json::Value, name: &str, secrets: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => {
            let secret =
                ["PASSWORD", "SECRET", "SALT", "KEY"].iter().any(|word| name.contains(word));
            if secret && text.len() >= 8 && !text.contains("${{") {
                secrets.push(text.clone());
            }
        }
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                let name = if key == "value" { name } else { key };
                collect(value, name, secrets);
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                collect(item, name, secrets);
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with("lab") => {}
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}
