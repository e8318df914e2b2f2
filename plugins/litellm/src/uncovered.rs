//! What a plan can't keep or check, in plain words.

use crate::findings::Seen;

/// Returns a line for each.
pub(crate) fn lines(seen: Seen<'_>) -> Vec<String> {
    let proxy = &seen.survey.proxy;
    let mut lines = vec![
        "what a migration does with rows, and how long it takes on full tables: the copy on which it is rehearsed has none".to_owned(),
        "how long a new index of the log of spend takes: the job makes it too, and waits for it".to_owned(),
        "spend that the old proxy holds in memory when it ends: it is given the time to write it, and what a version does not write \
         when it is told to end is lost"
            .to_owned(),
        "whether the old proxy still writes spend once the database is migrated: what the rehearsal shows of it is asked before the \
         migration, and which statements it sends can't be seen"
            .to_owned(),
        "how much memory and time the new version takes for a call: neither can be read here, so look at Railway's own figures while \
         it is watched"
            .to_owned(),
        "a dump of the database: the backup is one of its volume, and is not restored to prove it".to_owned(),
        "whether the trace of a call arrives in Langfuse".to_owned(),
        "whether providers' credentials can still be read: that would take a call that a provider bills".to_owned(),
    ];
    if seen.from < crate::version::NEW_CONTRACT || !seen.goal.release.is_new_contract() {
        lines.push(
            "a database that is away for a moment: until 1.83 the proxy calls itself healthy all the same, and only what it says of its \
             database tells"
                .to_owned(),
        );
    }
    if proxy.variable("LITELLM_CONFIG_PATH").is_some() || proxy.setting("start-command").is_some() {
        lines.push(
            "what a file of settings in the image or a start command says: only the database's own settings are read".to_owned(),
        );
    }
    if seen.options.model.as_deref().or_else(|| seen.inside.model()).is_none() {
        lines.push("whether calls are answered and spend is written: no model is known that could be asked".to_owned());
    }
    lines
}
