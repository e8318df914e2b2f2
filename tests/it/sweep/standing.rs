//! What stands at the far side in the end, as far as it does not differ from run to run by itself.

use serde_json::{Value, json};

use crate::far_side::ask;
use crate::stage::Stage;

/// Ends the lab and returns images, settings, variables, volumes, backups, what is staged, and what runs; fails the test if
/// a key of the run's own is left.
#[track_caller]
pub(super) fn standing(stage: &Stage) -> Value {
    for key in ["lockstep:canary:redis", "lockstep:mark:redis"] {
        assert_eq!(ask(stage, &["EXISTS", key]), "0", "`{key}` is left");
    }
    let (run, block) = (stage.run(), stage.env("REDIS_ADDRESS"));
    let (network, _) = block.rsplit_once('.').unwrap();
    stage.lockstep(&["lab", "down"]).expect(0);
    let file = stage.folder().join(".lockstep/lab/state.json");
    let text = std::fs::read_to_string(file).unwrap();
    // The run's name and the lab's addresses are all that two runs may differ in.
    let lab: Value =
        serde_json::from_str(&text.replace(&run, "RUN").replace(network, "127.77.N")).unwrap();
    let mut shared = lab["shared"].clone();
    // The claim names the run's last process, and when it began.
    let claim = shared.as_object_mut().unwrap().remove("LOCKSTEP_RUN").unwrap().to_string();
    assert!(claim.contains(r#"\"over\":true"#), "the claim is not given back: {claim}");
    let services = list(&lab, "services").iter().map(|service| {
        let newest = list(&lab, "deployments").iter().rfind(|one| one["service_id"] == service["id"]);
        let newest = newest.map(|one| {
            json!({ "source": one["source"], "digest": one["digest"], "status": one["status"], "variables": one["unrendered"] })
        });
        json!({
            "name": service["name"], "source": service["source"], "settings": service["settings"],
            "variables": service["variables"], "proxies": service["proxies"], "newest": newest,
        })
    });
    let volumes = list(&lab, "volumes").iter().filter(|volume| volume["deleted_at"].is_null());
    let volumes = volumes.map(|volume| {
        let backups = list(&lab, "backups").iter();
        let backups = backups.filter(|backup| backup["volume_instance_id"] == volume["instance_id"]);
        let backups = backups.map(|backup| {
            json!({ "name": backup["name"], "locked": backup["locked"], "complete": backup["complete"], "expires": !backup["expires_at"].is_null() })
        });
        json!({
            "name": volume["name"], "mount": volume["mount"], "state": volume["state"],
            "of": name_of(&lab, &volume["service_id"]), "backups": backups.collect::<Vec<_>>(),
        })
    });
    json!({
        "services": services.collect::<Vec<_>>(),
        "volumes": volumes.collect::<Vec<_>>(),
        "shared": shared,
        "staged": lab["staged"],
        "patches": list(&lab, "patches").len(),
    })
}

fn list<'a>(state: &'a Value, name: &str) -> &'a Vec<Value> {
    state[name].as_array().unwrap_or_else(|| panic!("the lab's state has no {name}"))
}

fn name_of<'a>(state: &'a Value, id: &Value) -> Option<&'a Value> {
    list(state, "services")
        .iter()
        .find(|service| service["id"] == *id)
        .map(|service| &service["name"])
}
