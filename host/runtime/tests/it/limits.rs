//! What a plugin can't use up, and what people are told.

use std::time::Duration;

use lockstep_engine::model::{Call, Level, Observation};
use lockstep_engine::run::{Guest as _, GuestError, TrapKind};

use crate::desk::{Desk, Script, call, half_done, trap};

#[track_caller]
fn check((kind, message): (TrapKind, String), expected: TrapKind, words: &str) {
    assert_eq!(kind, expected, "{message}");
    assert!(message.contains(words), "{message}");
}

#[tokio::test]
async fn an_endless_loop_ends_with_the_fuel() {
    let mut desk = Desk::new();
    desk.limits.fuel = 20_000_000;
    check(desk.stopped("spin").await, TrapKind::Fuel, "loops without end");
}

#[tokio::test]
async fn the_time_limit_is_the_hosts_fault_and_not_a_breach() {
    let mut desk = Desk::new();
    (desk.limits.fuel, desk.limits.wall) = (u64::MAX, Duration::from_millis(50));
    let fault = desk.observe("spin").await.unwrap_err();
    assert!(matches!(fault, GuestError::Host { .. }), "{fault}");
    assert!(fault.to_string().contains("more than 0.05 s"), "{fault}");
}

#[tokio::test]
async fn time_in_the_host_does_not_count() {
    let mut desk = Desk::new();
    desk.limits.wall = Duration::from_millis(100);
    let mut plugin = desk.plugin();
    let slow = |call: &Call| {
        std::thread::sleep(Duration::from_millis(30));
        half_done(call)
    };
    let answer = plugin.observe(&call("calls", 20), &[], &mut Script::new(slow)).await;
    assert_eq!(answer.unwrap().unwrap(), Observation::Ready(Vec::new()));
}

#[tokio::test]
async fn memory_ends_at_the_limit_and_says_so() {
    check(Desk::new().stopped("greedy").await, TrapKind::Memory, "64 MiB");
}

#[tokio::test]
async fn a_table_ends_at_the_limit_and_says_so() {
    let mut desk = Desk::new();
    desk.limits.table = 1;
    check(desk.stopped("anything").await, TrapKind::Memory, "and 1 are allowed");
}

#[tokio::test]
async fn a_plugin_of_too_many_parts_is_told_how_many_it_may_have() {
    let mut desk = Desk::new();
    desk.limits.instances = 1;
    let (kind, message) = desk.stopped("anything").await;
    assert!(!message.contains("resource limit"), "{message}");
    check((kind, message), TrapKind::Memory, "more parts than the 1 core instances");
}

#[tokio::test]
async fn recursion_is_called_what_it_is() {
    check(Desk::new().stopped("recurse").await, TrapKind::Stack, "recursed too deep");
}

#[tokio::test]
async fn a_panic_shows_its_words_and_place() {
    let desk = Desk::new();
    let (kind, message) = desk.stopped("panic").await;
    assert_eq!(kind, TrapKind::Panic);
    assert!(message.starts_with("it panicked: no such service (at src/misdeeds.rs:"), "{message}");
    check(desk.stopped("noisy-panic").await, TrapKind::Panic, "after much noise");
}

#[tokio::test]
async fn an_exit_shows_its_code_and_last_words() {
    check(Desk::new().stopped("exit").await, TrapKind::Panic, "exit code");
    check(Desk::new().stopped("exit").await, TrapKind::Panic, "had enough");
}

#[tokio::test]
async fn the_host_is_called_so_often_and_no_more() {
    let mut desk = Desk::new();
    desk.limits.calls = 50;
    let mut plugin = desk.plugin();
    let mut host = Script::new(half_done);
    plugin.observe(&call("calls", 50), &[], &mut host).await.unwrap().unwrap();
    assert_eq!(host.asked.len(), 50);
    let mut host = Script::new(half_done);
    check(
        trap(plugin.observe(&call("calls", 51), &[], &mut host).await),
        TrapKind::Calls,
        "more than 50 times",
    );
    assert_eq!(host.asked.len(), 50);
}

#[tokio::test]
async fn neither_an_answer_nor_an_argument_fills_the_hosts_memory() {
    let desk = Desk::new();
    check(desk.stopped("huge").await, TrapKind::Answer, "4096 KiB");
    check(desk.stopped("many-parts").await, TrapKind::Answer, "4096 KiB");
    check(desk.stopped("huge-argument").await, TrapKind::Answer, "4096 KiB");
}

#[tokio::test]
async fn long_logs_are_cut_and_the_cut_is_said() {
    let mut plugin = Desk::new().plugin();
    let mut host = Script::silent();
    plugin.observe(&call("logs", 1), &[], &mut host).await.unwrap().unwrap();
    let said = |call: &Call| match call {
        Call::Log(level, text) => (*level, text.len()),
        other => panic!("{other:?}"),
    };
    let lines: Vec<_> = host.asked.iter().map(said).collect();
    let (note, kept) = lines.split_last().unwrap();
    assert_eq!(note.0, Level::Warn);
    assert_eq!(kept.iter().map(|(_, length)| length).sum::<usize>(), 64 << 10);
}

#[tokio::test]
async fn a_stopped_or_dropped_call_does_not_harm_the_next() {
    let desk = Desk::new();
    let mut plugin = desk.plugin();
    assert!(plugin.observe(&call("panic", 1), &[], &mut Script::silent()).await.is_err());
    let mut polls = 0;
    {
        let mut host = Script::new(half_done);
        let step = call("calls", 100);
        let mut future = std::pin::pin!(plugin.observe(&step, &[], &mut host));
        // Let it get into a host call, then drop it there.
        std::future::poll_fn(|context| {
            assert!(future.as_mut().poll(context).is_pending());
            polls += 1;
            if polls == 3 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
    let answer =
        plugin.observe(&call("anything", 1), &[], &mut Script::silent()).await.unwrap().unwrap();
    assert_eq!(answer, Observation::Ready(call("anything", 1).facts));
}
