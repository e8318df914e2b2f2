//! What a plan can't keep or check, in plain words.

use crate::findings::Seen;
use crate::route::Route;

/// Returns a line for each.
pub(crate) fn lines(seen: Seen<'_>) -> Vec<String> {
    let mut lines = vec![
        "what a migration does with rows, and how long it takes: it is not rehearsed here, and the new web service runs it".to_owned(),
        "whether the former version can live with what a migration has made: tables and columns that it needs are compared by name \
         afterwards, and nothing else of them"
            .to_owned(),
        "what a restored volume would lose: going back by images alone loses nothing, and where something was taken away that the former \
         version needs, only the backups bring it back"
            .to_owned(),
        "the backups themselves: they are those of volumes, and none is restored to prove it".to_owned(),
        "whether the bucket of raw events can be read by everybody: its policy can't be asked here".to_owned(),
        "what stands in secrets: the keys are compared by fingerprints, and not looked at".to_owned(),
        "exports, prompts, evaluations and the pages: one trace is written and read back".to_owned(),
    ];
    if seen.survey.storage.is_none() {
        lines.push("the object storage, which is none of this environment's services".to_owned());
    }
    if seen.route == Route::ToFour {
        lines.push("clients that post to paths which version 4 no longer has: nobody's requests are looked at".to_owned());
        lines.push("the step from the mode `dual` to `events_only`: it is yours, and there is no way back from it".to_owned());
    }
    lines
}
