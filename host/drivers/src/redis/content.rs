//! The hash of one key's value: equal for equal values, whatever the encoding and the server's version.

use std::collections::HashSet;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisError, Value, cmd, from_redis_value};
use sha2::{Digest as _, Sha256};

use crate::secrets::{hex, keyed_bytes};

/// How many bytes of a string, or elements of anything else, are read at once.
const STRING_PAGE: usize = 64 << 10;
const PAGE: usize = 500;

/// Up to so many elements, one command answers with all of them.
const SMALL: u64 = 2000;

type Result<T> = std::result::Result<T, RedisError>;

/// Hashes the value of a key of this type; none if the key is gone or of another type by now, as keys of a live server may
/// be. A module's type has no common form, so its hash says only that.
pub(super) async fn content(
    connection: &mut MultiplexedConnection,
    key: &[u8],
    kind: &str,
    secret: &[u8; 32],
) -> Result<Option<String>> {
    let mut value = Hasher { secret, ordered: Sha256::new(), sum: [0; 2], elements: 0, bytes: 0 };
    let read = match kind {
        "string" => string(connection, key, &mut value).await,
        "list" => list(connection, key, &mut value).await,
        "set" => members(connection, key, Shape::Set, &mut value).await,
        "hash" => members(connection, key, Shape::Hash, &mut value).await,
        "zset" => zset(connection, key, &mut value).await,
        "stream" => stream(connection, key, &mut value).await,
        other => return Ok(Some(format!("unsupported:{other}"))),
    };
    match read {
        Ok(()) => {}
        Err(error) if is_of_another_type(&error) => return Ok(None),
        Err(error) => return Err(error),
    }
    // Reading a key that is gone answers as an empty one would; of all types only strings and streams may be empty.
    let exists = match kind {
        "string" if value.bytes == 0 => cmd("EXISTS").arg(key).query_async(connection).await?,
        "string" | "stream" => true,
        _ => value.elements > 0,
    };
    Ok(exists.then(|| value.end(kind)))
}

/// Returns whether the server refused to read a key because it is of another type, or (only `XINFO` says so) gone.
fn is_of_another_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE")
        || error.detail().is_some_and(|detail| detail.eq_ignore_ascii_case("no such key"))
}

struct Hasher<'a> {
    secret: &'a [u8; 32],
    ordered: Sha256,
    sum: [u128; 2],
    elements: u64,
    /// How long a string is.
    bytes: usize,
}

impl Hasher<'_> {
    /// Adds a part whose place matters.
    fn ordered(&mut self, part: &[u8]) {
        self.elements += 1;
        self.ordered.update((part.len() as u64).to_be_bytes());
        self.ordered.update(part);
    }

    /// Adds bytes that belong to the same part as those before.
    fn more(&mut self, bytes: &[u8]) {
        self.ordered.update(bytes);
    }

    /// Adds an element whose place does not matter.
    fn unordered(&mut self, parts: &[&[u8]]) -> [u8; 32] {
        let hash = keyed_bytes(self.secret, parts);
        self.elements += 1;
        add(&mut self.sum, &hash);
        hash
    }

    fn end(self, kind: &str) -> String {
        let [high, low] = self.sum.map(u128::to_be_bytes);
        let whole = keyed_bytes(
            self.secret,
            &[kind.as_bytes(), &self.elements.to_be_bytes(), &self.ordered.finalize(), &high, &low],
        );
        hex(whole.get(..16).unwrap_or_default())
    }
}

/// Adds a hash to a sum that does not depend on the order of what is added.
pub(super) fn add(sum: &mut [u128; 2], hash: &[u8; 32]) {
    for (total, half) in sum.iter_mut().zip(hash.chunks_exact(16)) {
        let half: [u8; 16] = half.try_into().unwrap_or_default();
        *total = total.wrapping_add(u128::from_be_bytes(half));
    }
}

async fn string(
    connection: &mut MultiplexedConnection,
    key: &[u8],
    value: &mut Hasher<'_>,
) -> Result<()> {
    let mut start = 0;
    loop {
        let page: Vec<u8> = cmd("GETRANGE")
            .arg(key)
            .arg(start)
            .arg(start + STRING_PAGE - 1)
            .query_async(connection)
            .await?;
        value.more(&page);
        start += page.len();
        value.bytes = start;
        if page.len() < STRING_PAGE {
            value.ordered(&(start as u64).to_be_bytes());
            return Ok(());
        }
    }
}

async fn list(
    connection: &mut MultiplexedConnection,
    key: &[u8],
    value: &mut Hasher<'_>,
) -> Result<()> {
    let mut start = 0;
    loop {
        let page: Vec<Vec<u8>> =
            cmd("LRANGE").arg(key).arg(start).arg(start + PAGE - 1).query_async(connection).await?;
        for element in &page {
            value.ordered(element);
        }
        start += page.len();
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

#[derive(Clone, Copy)]
enum Shape {
    Set,
    Hash,
}

/// Sets and hashes have no order. A large one is scanned, and what a scan shows twice counts once.
async fn members(
    connection: &mut MultiplexedConnection,
    key: &[u8],
    shape: Shape,
    value: &mut Hasher<'_>,
) -> Result<()> {
    let (length, all, scan, width) = match shape {
        Shape::Set => ("SCARD", "SMEMBERS", "SSCAN", 1),
        Shape::Hash => ("HLEN", "HGETALL", "HSCAN", 2),
    };
    let count: u64 = cmd(length).arg(key).query_async(connection).await?;
    let show = |value: &mut Hasher<'_>, words: &[Vec<u8>], seen: Option<&mut HashSet<[u8; 32]>>| {
        let mut seen = seen;
        for element in words.chunks(width) {
            let parts: Vec<&[u8]> = element.iter().map(Vec::as_slice).collect();
            let fresh =
                seen.as_mut().is_none_or(|seen| seen.insert(keyed_bytes(value.secret, &parts)));
            if fresh {
                value.unordered(&parts);
            }
        }
    };
    if count <= SMALL {
        let words: Vec<Vec<u8>> = cmd(all).arg(key).query_async(connection).await?;
        show(value, &words, None);
        return Ok(());
    }
    let (mut cursor, mut seen) = (0_u64, HashSet::new());
    loop {
        let (next, words): (u64, Vec<Vec<u8>>) =
            cmd(scan).arg(key).arg(cursor).arg("COUNT").arg(PAGE).query_async(connection).await?;
        show(value, &words, Some(&mut seen));
        cursor = next;
        if cursor == 0 {
            return Ok(());
        }
    }
}

/// Scores are compared as numbers: servers print the same number in different ways.
async fn zset(
    connection: &mut MultiplexedConnection,
    key: &[u8],
    value: &mut Hasher<'_>,
) -> Result<()> {
    let mut start = 0;
    loop {
        let page: Vec<(Vec<u8>, f64)> = cmd("ZRANGE")
            .arg(key)
            .arg(start)
            .arg(start + PAGE - 1)
            .arg("WITHSCORES")
            .query_async(connection)
            .await?;
        for (member, score) in &page {
            value.ordered(member);
            value.ordered(&score.to_be_bytes());
        }
        start += page.len();
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

type Entry = (Vec<u8>, Vec<Vec<u8>>);

/// Entries in order, the last id given out, and each group's place. Newer servers say more of a group; that is left out.
async fn stream(
    connection: &mut MultiplexedConnection,
    key: &[u8],
    value: &mut Hasher<'_>,
) -> Result<()> {
    let mut start = b"-".to_vec();
    loop {
        let page: Vec<Entry> = cmd("XRANGE")
            .arg(key)
            .arg(&start)
            .arg("+")
            .arg("COUNT")
            .arg(PAGE)
            .query_async(connection)
            .await?;
        for (id, fields) in &page {
            value.ordered(id);
            value.ordered(&(fields.len() as u64).to_be_bytes());
            for field in fields {
                value.ordered(field);
            }
        }
        match page.last() {
            Some((id, _)) if page.len() >= PAGE => start = [b"(", id.as_slice()].concat(),
            Some(_) | None => break,
        }
    }
    let about: Vec<Value> = cmd("XINFO").arg("STREAM").arg(key).query_async(connection).await?;
    value.ordered(&field::<Vec<u8>>(&about, "last-generated-id")?);
    let groups: Vec<Vec<Value>> =
        cmd("XINFO").arg("GROUPS").arg(key).query_async(connection).await?;
    for group in &groups {
        value.unordered(&[
            &field::<Vec<u8>>(group, "name")?,
            &field::<Vec<u8>>(group, "last-delivered-id")?,
            &field::<u64>(group, "pending")?.to_be_bytes(),
        ]);
    }
    Ok(())
}

/// Returns a field of a flat list of names and values.
fn field<T: FromRedisValue>(pairs: &[Value], name: &str) -> Result<T> {
    let named = |pair: &&[Value]| matches!(pair.first(), Some(Value::BulkString(found)) if found == name.as_bytes());
    let found =
        pairs.chunks(2).find(named).and_then(|pair| pair.get(1)).cloned().unwrap_or(Value::Nil);
    Ok(from_redis_value(found)?)
}
