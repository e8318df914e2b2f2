//! The order of stages.

use crate::error::CliError;
use crate::exit::Exit;
use crate::render::tame;

/// A component that is planned, and those whose upgrades come before its own if they are planned too.
#[derive(Debug)]
pub(super) struct Following<'a> {
    /// The component.
    pub(super) component: &'a str,
    /// The components before it, as its plugin says.
    pub(super) after: &'a [String],
}

/// Returns the indices of components in the order of their stages: each after those that it follows, otherwise as given.
///
/// # Errors
/// Some follow each other.
pub(super) fn order(planned: &[Following<'_>]) -> Result<Vec<usize>, CliError> {
    let mut ordered = Vec::new();
    while ordered.len() < planned.len() {
        let waiting = |index: &usize| !ordered.contains(index);
        let free = |index: &usize| before(planned, *index).all(|other| !waiting(&other));
        match (0..planned.len()).filter(waiting).find(free) {
            Some(index) => ordered.push(index),
            None => return Err(circle(planned, &ordered)),
        }
    }
    Ok(ordered)
}

/// Returns those that come before a component. A plugin of several components names all of them for all, so one that names
/// the component itself means the others.
fn before<'a>(planned: &'a [Following<'_>], index: usize) -> impl Iterator<Item = usize> + 'a {
    let own = planned.get(index);
    let named = move |other: &&str| own.is_some_and(|own| own.after.iter().any(|it| it == other));
    planned
        .iter()
        .enumerate()
        .filter(move |(other, follows)| *other != index && named(&follows.component))
        .map(|(other, _)| other)
}

/// Names the components that follow each other.
fn circle(planned: &[Following<'_>], ordered: &[usize]) -> CliError {
    let waiting = |index: &usize| !ordered.contains(index);
    let mut way: Vec<usize> = Vec::new();
    let mut next = (0..planned.len()).find(waiting);
    // Whoever waits follows one that waits too, so this comes back to where it was.
    while let Some(index) = next.filter(|index| !way.contains(index)) {
        way.push(index);
        next = before(planned, index).find(waiting);
    }
    let round = way.iter().skip_while(|index| Some(**index) != next).chain(next.iter());
    let names: Vec<String> = round
        .filter_map(|index| planned.get(*index))
        .map(|it| format!("`{}`", tame(it.component)))
        .collect();
    let words = format!("the components follow each other: {}", names.join(" after "));
    CliError::words(Exit::Usage, words)
        .hint("their plugins say so; plan them one at a time, in the order that you want")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(planned: &[(&str, &[&str])]) -> Result<String, CliError> {
        let after: Vec<Vec<String>> = planned
            .iter()
            .map(|(_, after)| after.iter().map(|it| (*it).to_owned()).collect())
            .collect();
        let following: Vec<Following<'_>> = planned
            .iter()
            .zip(&after)
            .map(|((component, _), after)| Following { component, after })
            .collect();
        let names = order(&following)?.into_iter().map(|index| planned[index].0);
        Ok(names.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn stages_come_as_typed_but_for_those_that_follow_others() {
        assert_eq!(ordered(&[("b", &[]), ("a", &[])]).unwrap(), "b a");
        assert_eq!(ordered(&[("b", &["a"]), ("a", &[])]).unwrap(), "a b");
        assert_eq!(
            ordered(&[("c", &["b"]), ("d", &[]), ("b", &["a"]), ("a", &[])]).unwrap(),
            "d a b c"
        );
        assert_eq!(ordered(&[("b", &["not-planned", "b"]), ("a", &[])]).unwrap(), "b a");
    }

    #[test]
    fn a_circle_is_refused_by_name() {
        let refused = ordered(&[("d", &["a"]), ("a", &["c"]), ("b", &["a"]), ("c", &["b"])]);
        let said = refused.unwrap_err().error.to_string();
        assert_eq!(said, "the components follow each other: `a` after `c` after `b` after `a`");
    }
}
