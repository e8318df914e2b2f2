//! What nodes see of each other, and what follows from it. All nodes decide by the same rules.

/// What a node was seen to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It did not answer.
    Nothing,
    /// It follows somebody, and has received so much.
    Standby { received: i64 },
    /// It takes writes, on this timeline.
    Primary { timeline: i64 },
}

/// A node of the cluster and what it was seen to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Its position in the list of partners.
    pub(super) rank: usize,
    pub(super) seen: Seen,
}

/// The rank of the primary to follow: of several the one on the newest timeline, because it was promoted last.
pub(super) fn primary(others: &[Node]) -> Option<usize> {
    let primaries = others.iter().filter_map(|node| match node.seen {
        Seen::Primary { timeline } => Some((timeline, usize::MAX - node.rank, node.rank)),
        Seen::Nothing | Seen::Standby { .. } => None,
    });
    primaries.max().map(|(_, _, rank)| rank)
}

/// Whether another primary was promoted later than this one, which then must not go on taking writes.
pub(super) fn is_outdated(own_rank: usize, own_timeline: i64, others: &[Node]) -> bool {
    others.iter().any(|node| match node.seen {
        Seen::Primary { timeline } => {
            timeline > own_timeline || (timeline == own_timeline && node.rank < own_rank)
        }
        Seen::Nothing | Seen::Standby { .. } => false,
    })
}

/// Whether of all standbys that can be seen this one is to be promoted: it has received most.
pub(super) fn is_chosen(own_rank: usize, own_received: i64, others: &[Node]) -> bool {
    others.iter().all(|node| match node.seen {
        Seen::Nothing => true,
        Seen::Standby { received } => {
            received < own_received || (received == own_received && own_rank < node.rank)
        }
        Seen::Primary { .. } => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(rank: usize, seen: Seen) -> Node {
        Node { rank, seen }
    }

    #[test]
    fn of_two_primaries_the_one_promoted_last_is_followed_and_the_other_steps_back() {
        let (old, new) = (Seen::Primary { timeline: 1 }, Seen::Primary { timeline: 2 });
        assert_eq!(primary(&[node(0, old), node(1, new)]), Some(1));
        assert!(is_outdated(0, 1, &[node(1, new)]));
        assert!(!is_outdated(1, 2, &[node(0, old)]));
    }

    #[test]
    fn of_two_primaries_on_one_timeline_exactly_one_steps_back() {
        let same = Seen::Primary { timeline: 2 };
        assert!(is_outdated(1, 2, &[node(0, same)]));
        assert!(!is_outdated(0, 2, &[node(1, same)]));
        assert_eq!(primary(&[node(1, same), node(0, same)]), Some(0));
    }

    #[test]
    fn the_standby_that_received_most_is_promoted_and_exactly_one() {
        let at = |received| Seen::Standby { received };
        assert!(is_chosen(2, 20, &[node(0, Seen::Nothing), node(1, at(10))]));
        assert!(!is_chosen(1, 10, &[node(0, Seen::Nothing), node(2, at(20))]));
        assert!(is_chosen(1, 20, &[node(2, at(20))]));
        assert!(!is_chosen(2, 20, &[node(1, at(20))]));
        assert!(!is_chosen(1, 20, &[node(2, Seen::Primary { timeline: 3 })]));
    }
}
