//! The queue between Langfuse's web service and its worker, laid out as BullMQ lays it out.
//!
//! An event is in the queue's lists until it is in PostgreSQL: the worker moves it from `wait` to `active`, writes the
//! row, and only then removes it.

use redis::{RedisResult, cmd};

use super::super::cache::Cache;

const QUEUE: &str = "bull:ingestion-queue";

/// A job that the worker has taken: the queue's number for it and the event that it carries.
#[derive(Debug)]
pub(crate) struct Job {
    number: String,
    pub(crate) event: String,
}

/// Adds an event to the queue.
pub(crate) async fn add(cache: &Cache, event: &str) -> RedisResult<()> {
    let number: i64 = cache.send(cmd("INCR").arg(format!("{QUEUE}:id"))).await?;
    let job = format!("{QUEUE}:{number}");
    let _: i64 = cache
        .send(cmd("HSET").arg(&job).arg("name").arg("ingestion-job").arg("data").arg(event))
        .await?;
    let _: i64 = cache.send(cmd("LPUSH").arg(format!("{QUEUE}:wait")).arg(number)).await?;
    Ok(())
}

/// Takes the oldest waiting job.
pub(crate) async fn take(cache: &Cache) -> RedisResult<Option<Job>> {
    let moved =
        cmd("RPOPLPUSH").arg(format!("{QUEUE}:wait")).arg(format!("{QUEUE}:active")).clone();
    let Some(number) = cache.send::<Option<String>>(&moved).await? else { return Ok(None) };
    let event = cache
        .send::<Option<String>>(cmd("HGET").arg(format!("{QUEUE}:{number}")).arg("data"))
        .await?;
    // A job without its data was lost by the Redis that held it; an empty event is written nowhere.
    Ok(Some(Job { number, event: event.unwrap_or_default() }))
}

/// Removes a job that is done.
pub(crate) async fn remove(cache: &Cache, job: &Job) -> RedisResult<()> {
    let _: i64 =
        cache.send(cmd("LREM").arg(format!("{QUEUE}:active")).arg(0).arg(&job.number)).await?;
    let _: i64 = cache.send(cmd("DEL").arg(format!("{QUEUE}:{}", job.number))).await?;
    Ok(())
}

/// Puts jobs that were taken and not done back to where they are taken from next.
pub(crate) async fn give_back(cache: &Cache) -> RedisResult<u64> {
    let mut count = 0;
    loop {
        let moved = cmd("LPOP").arg(format!("{QUEUE}:active")).clone();
        let Some(number) = cache.send::<Option<String>>(&moved).await? else { return Ok(count) };
        let _: i64 = cache.send(cmd("RPUSH").arg(format!("{QUEUE}:wait")).arg(&number)).await?;
        count += 1;
    }
}
