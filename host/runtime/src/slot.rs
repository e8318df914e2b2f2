//! Where an instance leaves what it asks, and finds the answer.
//!
//! The engine's host is borrowed and can't live in a store. So an import leaves its call here and waits, the loop that
//! polls the instance sees the call, has it answered and polls again. Only one side ever runs, so one place is enough,
//! and no waker is needed.

use std::future::poll_fn;
use std::mem;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use lockstep_engine::model::{Answer, Call};
use lockstep_engine::run::Host;
use tokio::time::Sleep;

use crate::trap::Fault;

#[derive(Debug, Default)]
enum Content {
    #[default]
    Nothing,
    Asked(Call),
    Answered(Answer),
}

/// The place that an instance and its driving loop share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot(Arc<Mutex<Content>>);

impl Slot {
    /// Leaves `call` and waits until it is answered.
    pub(crate) async fn ask(&self, call: Call) -> Answer {
        *self.content() = Content::Asked(call);
        poll_fn(|_| {
            let mut content = self.content();
            match mem::take(&mut *content) {
                Content::Answered(answer) => Poll::Ready(answer),
                unanswered @ (Content::Nothing | Content::Asked(_)) => {
                    *content = unanswered;
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Runs `guest` to its end and has `host` answer what it asks meanwhile.
    ///
    /// # Errors
    /// The guest waited for something else than the host for as long as `patience`.
    pub(crate) async fn drive<T>(
        &self,
        guest: impl Future<Output = T>,
        host: &mut impl Host,
        patience: Duration,
    ) -> Result<T, Fault> {
        let mut guest = pin!(guest);
        let mut waiting: Option<Pin<Box<Sleep>>> = None;
        loop {
            let turn = poll_fn(|context| {
                if let Poll::Ready(end) = guest.as_mut().poll(context) {
                    return Poll::Ready(ControlFlow::Break(Ok(end)));
                }
                if let Some(call) = self.take_call() {
                    return Poll::Ready(ControlFlow::Continue(call));
                }
                // Without a call the instance only let others run for a moment, and has already woken this task. No
                // part of WASI that is linked makes it wait longer; if one did, the epoch could not end it.
                if waiting.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready()) {
                    return Poll::Ready(ControlFlow::Break(Err(Fault(format!(
                        "it waited for more than {} s for something that is not the host",
                        patience.as_secs_f32()
                    )))));
                }
                let sleep = waiting.insert(Box::pin(tokio::time::sleep(patience)));
                // Polled once so that it wakes this task; that it is over already is seen at the next turn.
                if sleep.as_mut().poll(context).is_ready() {
                    context.waker().wake_by_ref();
                }
                Poll::Pending
            })
            .await;
            waiting = None;
            match turn {
                ControlFlow::Break(end) => return end,
                ControlFlow::Continue(call) => {
                    let answer = host.answer(call).await;
                    *self.content() = Content::Answered(answer);
                }
            }
        }
    }

    fn take_call(&self) -> Option<Call> {
        let mut content = self.content();
        match mem::take(&mut *content) {
            Content::Asked(call) => Some(call),
            other @ (Content::Nothing | Content::Answered(_)) => {
                *content = other;
                None
            }
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
