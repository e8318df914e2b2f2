use std::collections::BTreeMap;

use lockstep_engine::journal::Head;
use lockstep_engine::model::Digest;
use lockstep_store::Store;

use crate::child::Child;
use crate::support::{create, id};

/// Reads acknowledgements until there are `count`, kills the child, and returns the last one of each run.
fn kill_after(child: &mut Child, count: usize) -> BTreeMap<String, (u64, Digest)> {
    let mut acknowledged = BTreeMap::new();
    let mut note = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        // The kill may cut the last line.
        if let ["ack", run, next, digest] = words.as_slice()
            && let (Ok(next), Ok(digest)) = (next.parse(), digest.parse())
        {
            acknowledged.insert((*run).to_owned(), (next, digest));
        }
    };
    for _ in 0..count {
        note(&child.line().unwrap());
    }
    child.kill();
    while let Some(line) = child.line() {
        note(&line);
    }
    acknowledged
}

#[tokio::test]
async fn a_killed_process_leaves_every_acknowledged_record_and_no_half_of_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = Store::open(folder.path()).unwrap();
        for number in 0..3 {
            create(&store, &format!("r-{number}"), &format!("e-{number}")).await;
        }
    }
    for count in [1, 37, 150, 400, 777, 1200] {
        let mut child = Child::start("append", folder.path());
        let acknowledged = kill_after(&mut child, count);
        let store = Store::open(folder.path()).unwrap();
        store.inspect().await.unwrap();
        for (run, (next, digest)) in acknowledged {
            let run = id(&run);
            let records = store.records(&run).await.unwrap();
            let kept = u64::try_from(records.len()).unwrap();
            // One batch may have become durable without being acknowledged, and then the whole of it.
            assert!(
                kept == next || kept == next + next % 3 + 1,
                "{run}: {kept} kept, {next} acknowledged"
            );
            let position = usize::try_from(next).unwrap();
            let head = records
                .iter()
                .take(position)
                .try_fold(Head::start(&run), |head, record| head.after(record));
            assert_eq!(head.unwrap(), Head { next, digest });
        }
    }
}
