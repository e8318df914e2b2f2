use lockstep_engine::run::{AppendError, Journal};

use crate::support::{Place, Session, begin, event, id, on_both};

on_both! {
    a_thousand_runs_share_a_handful_of_commits,
    in_one_group_only_the_conflicting_appends_fail,
    in_one_group_an_append_that_does_not_fit_fails_alone,
}

/// Polls every future once, so that each has handed over its change, while the file is locked.
async fn queued<F: Future + Unpin>(futures: &mut [F]) {
    std::future::poll_fn(|context| {
        for future in futures.iter_mut() {
            assert!(std::pin::Pin::new(future).poll(context).is_pending());
        }
        std::task::Poll::Ready(())
    })
    .await;
}

async fn a_thousand_runs_share_a_handful_of_commits(place: Place) {
    let lock = place.lock().await;
    let names: Vec<(String, String)> =
        (0..1000).map(|n| (format!("r-{n}"), format!("e-{n}"))).collect();
    let mut begun: Vec<_> = names
        .iter()
        .map(|(run, environment)| Box::pin(begin(&place.store, run, environment)))
        .collect();
    queued(&mut begun).await;
    lock.let_go().await;
    let mut sessions: Vec<Session> = Vec::new();
    for session in begun {
        sessions.push(session.await);
    }
    let before = place.store.commits();
    let lock = place.lock().await;
    let mut appends: Vec<_> = sessions
        .iter_mut()
        .map(|session| Box::pin(session.append(&place.store, vec![event("a")])))
        .collect();
    queued(&mut appends).await;
    lock.let_go().await;
    for append in &mut appends {
        append.as_mut().await.unwrap();
    }
    drop(appends);
    let commits = place.store.commits() - before;
    assert!(commits <= 3, "{commits} commits for 1000 appends");
    let place = place.reopen().await;
    for (run, _environment) in &names {
        assert_eq!(place.store.records(&id(run)).await.unwrap().len(), 2);
    }
}

async fn in_one_group_only_the_conflicting_appends_fail(place: Place) {
    let good = begin(&place.store, "r-1", "e-1").await;
    let lost = begin(&place.store, "r-2", "e-2").await;
    place.store.release(&lost.lease).await.unwrap();
    let (records, _head) = good.next(vec![event("a")]);
    let (late, _head) = lost.next(vec![event("b")]);
    let lock = place.lock().await;
    let append = |session: &Session, records: &[_]| {
        let (store, lease, head, records) =
            (place.store.clone(), session.lease.clone(), session.head, records.to_vec());
        Box::pin(async move { store.append(&lease.run, lease.epoch, &head, &records).await })
    };
    // The first is alone in its group, because the writer takes it at once; the twins and the late one share the next.
    let mut all = [
        append(&good, &[]),
        append(&good, &records),
        append(&lost, &late),
        append(&good, &records),
    ];
    queued(&mut all).await;
    lock.let_go().await;
    let [first, second, third, fourth] = all;
    assert_eq!(first.await, Ok(()));
    assert_eq!(second.await, Ok(()));
    assert_eq!(third.await, Err(AppendError::Superseded { epoch: lost.lease.epoch }));
    assert_eq!(fourth.await, Err(AppendError::Diverged));
    assert_eq!(place.store.records(&id("r-1")).await.unwrap().len(), 2);
    assert_eq!(place.store.records(&id("r-2")).await.unwrap().len(), 1);
}

async fn in_one_group_an_append_that_does_not_fit_fails_alone(place: Place) {
    let mut large = begin(&place.store, "r-0", "e-0").await;
    let mut small = Vec::new();
    for n in 1..6 {
        small.push(begin(&place.store, &format!("r-{n}"), &format!("e-{n}")).await);
    }
    let store = place.narrow().await;
    let lock = place.lock().await;
    let mut all = Vec::new();
    for session in &mut small {
        all.push(Box::pin(session.append(&store, vec![event("small")])));
    }
    all.insert(2, Box::pin(large.append(&store, vec![event(&"x".repeat(1 << 20))])));
    queued(&mut all).await;
    lock.let_go().await;
    for (position, append) in all.into_iter().enumerate() {
        let appended = append.await;
        match appended {
            Ok(()) => assert_ne!(position, 2),
            Err(error) => {
                let fails = matches!(error, AppendError::Store(_));
                assert!(position == 2 && fails, "{position}: {error}");
            }
        }
    }
    assert_eq!(place.store.records(&id("r-0")).await.unwrap().len(), 1);
    large.append(&store, vec![event("y")]).await.unwrap();
}
