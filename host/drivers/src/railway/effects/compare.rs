//! Settling by comparing: what was wanted, what stood there before, and what stands there now.

use lockstep_engine::journal::{Fate, Standing};

/// Tells the fate of an effect that sets values, each of which can be set again without harm.
///
/// Values that stand as wanted beside others that stand as before are a write that was cut in the middle, so sending it
/// again ends it. Anything else is somebody else's change.
pub(super) fn fate(what: &str, before: &Standing, wanted: &Standing, now: &Standing) -> Fate {
    let (mut happened, mut begun) = (true, false);
    for (name, value) in wanted {
        let found = now.get(name).cloned().flatten();
        let former = before.get(name).cloned().flatten();
        if found == *value {
            begun |= found != former;
            continue;
        }
        if found != former {
            return Fate::CannotTell(format!(
                "`{name}` of {what} is neither what stood there before nor what was to be set: somebody else changed it; \
                 did the effect happen?"
            ));
        }
        happened = false;
    }
    match (happened, begun) {
        (true, _) => Fate::Happened(Vec::new()),
        (false, true) => Fate::Partly,
        (false, false) => Fate::DidNot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(values: &[(&str, &str)]) -> Standing {
        values.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect()
    }

    #[test]
    fn a_value_is_settled_by_what_stands_there() {
        let (before, wanted) =
            (standing(&[("A", "1"), ("B", "1")]), standing(&[("A", "2"), ("B", "2")]));
        assert_eq!(fate("x", &before, &wanted, &wanted), Fate::Happened(Vec::new()));
        assert_eq!(fate("x", &before, &wanted, &before), Fate::DidNot);
        assert_eq!(fate("x", &before, &wanted, &standing(&[("A", "2"), ("B", "1")])), Fate::Partly);
        assert!(matches!(
            fate("x", &before, &wanted, &standing(&[("A", "3"), ("B", "1")])),
            Fate::CannotTell(_)
        ));
        assert!(matches!(fate("x", &before, &wanted, &Standing::new()), Fate::CannotTell(_)));
    }
}
