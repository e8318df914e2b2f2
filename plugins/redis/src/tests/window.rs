//! Railway's patch window: told, and no part of what is approved.

use lockstep_sdk::Target;
use lockstep_sdk::testing::Tested;

use super::stack::{Stack, target};

#[test]
fn railways_patch_window_is_told_and_changes_nothing_of_the_plan() {
    // Saturday 2024-01-06 at 09:59 and 10:00, Sunday 2024-01-07 at 17:59 and 18:00, all UTC.
    let moments = [
        (1_704_535_140_000, false),
        (1_704_535_200_000, true),
        (1_704_650_340_000, true),
        (1_704_650_400_000, false),
    ];
    for (stack, desired) in [
        (Stack::official("6.2.14"), Some("7.0.15")),
        (Stack::official("7.2.3"), Some("7.2.4")),
        (Stack::bitnami(), None),
    ] {
        let at = |now| {
            let (draft, declared) = stack.drafted(&Target { now, ..target(desired, &[]) });
            (draft, declared.lines())
        };
        let (usual, effects) = at(1_700_000_000_000);
        for (now, inside) in moments {
            let (draft, declared) = at(now);
            let told = draft.findings.iter().find(|finding| finding.id == "patch-window");
            assert_eq!(told.is_some(), inside, "{now}");
            assert!(told.is_none_or(|finding| !finding.refuses() && finding.remedy.is_some()));
            assert_eq!(format!("{:?}", draft.steps), format!("{:?}", usual.steps));
            assert_eq!(format!("{:?}", draft.undo), format!("{:?}", usual.undo));
            assert_eq!(draft.parameters, usual.parameters);
            assert_eq!(declared, effects);
        }
    }
}
