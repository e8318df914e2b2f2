//! A look at every key of a server, in pages that hold nobody up.

use std::collections::{BTreeMap, HashSet};

use futures_util::StreamExt as _;
use futures_util::stream;
use lockstep_engine::model::{Failure, Keyspace, Millis, Print};
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, cmd};

use super::client::{Servers, failure};
use super::content::{add, content};
use super::sample::{Chosen, Sample};
use crate::secrets::{hex, keyed_bytes};

/// How many keys one `SCAN` looks at.
const PAGE: u32 = 1000;

/// The largest sample.
const MOST_SAMPLE: u32 = 500;

/// How many values are read at the same time.
const AT_ONCE: usize = 64;

/// A scan may show a key twice while the server resizes its table. Up to so many keys all are remembered, by eight
/// bytes each; beyond, only those of the same page are told apart.
const REMEMBERED: u64 = 4_000_000;

/// What a look has found so far.
struct Found {
    keys: u64,
    expiring: u64,
    kinds: BTreeMap<String, u64>,
    sum: [u128; 2],
    sample: Sample,
}

/// One key of a page.
struct Key {
    id: [u8; 32],
    name: Vec<u8>,
    kind: String,
    ttl: Option<u64>,
}

impl Servers {
    /// Looks at every key of every database, and with `with_content` at every value.
    pub(crate) async fn keyspace(
        &self,
        name: &str,
        sample: u32,
        with_content: bool,
    ) -> Result<Keyspace, Failure> {
        if sample > MOST_SAMPLE {
            return Err(Failure::denied(
                "redis:sample",
                format!("a sample has at most {MOST_SAMPLE} keys"),
            ));
        }
        // A connection of its own: it selects databases, which other reads must not see.
        let mut open = self.open(name, "lockstep:keyspace").await?;
        let failed = |error: RedisError| self.redactor.failure(failure(name, &error));
        let server: String = cmd("INFO").query_async(&mut open.connection).await.map_err(failed)?;
        let says = |what: &str| server.lines().any(|line| line.trim() == what);
        // A server that loads answers `INFO`, and lists only the databases that it has loaded so far.
        if says("loading:1") || says("async_loading:1") {
            let text = format!("connection `{name}` is loading its data");
            return Err(Failure::transient("redis:loading", text));
        }
        if says("cluster_enabled:1") {
            let text = format!(
                "connection `{name}` is one node of a cluster, and its keys are a part of all"
            );
            return Err(Failure::permanent("redis:cluster", text));
        }
        self.look(&mut open.connection, &server, sample, with_content).await.map_err(failed)
    }

    async fn look(
        &self,
        connection: &mut MultiplexedConnection,
        server: &str,
        sample: u32,
        with_content: bool,
    ) -> Result<Keyspace, RedisError> {
        let mut found = Found {
            keys: 0,
            expiring: 0,
            kinds: BTreeMap::new(),
            sum: [0; 2],
            sample: Sample::new(usize::try_from(sample).unwrap_or(usize::MAX)),
        };
        for (database, keys) in databases(server) {
            select(connection, database).await?;
            self.look_at(connection, database, keys, with_content, &mut found).await?;
        }
        let prints = self.prints(connection, found.sample.into_chosen()).await?;
        let [high, low] = found.sum.map(u128::to_be_bytes);
        Ok(Keyspace {
            keys: found.keys,
            expiring: found.expiring,
            kinds: found.kinds.into_iter().collect(),
            content: with_content.then(|| hex(&[high, low].concat())),
            sample: prints,
        })
    }

    /// Reads the keys of the sample, several at a time over the one connection, and returns them in the order of their ids.
    async fn prints(
        &self,
        connection: &mut MultiplexedConnection,
        sample: impl IntoIterator<Item = ([u8; 16], Chosen)>,
    ) -> Result<Vec<Print>, RedisError> {
        let mut by_database: BTreeMap<u32, Vec<([u8; 16], Chosen)>> = BTreeMap::new();
        for (id, chosen) in sample {
            by_database.entry(chosen.database).or_default().push((id, chosen));
        }
        let mut prints: Vec<Print> = Vec::new();
        for (database, sample) in by_database {
            select(connection, database).await?;
            let print = |(id, chosen)| {
                let mut connection = connection.clone();
                async move { self.print(&mut connection, &id, chosen).await }
            };
            let read: Vec<_> =
                stream::iter(sample.into_iter().map(print)).buffered(AT_ONCE).collect().await;
            for print in read {
                prints.extend(print?);
            }
        }
        prints.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(prints)
    }

    /// Reads a key of the sample; none if it is gone by now. One that became another type meanwhile is asked for again,
    /// once: a key that changes all the time is as good as gone.
    async fn print(
        &self,
        connection: &mut MultiplexedConnection,
        id: &[u8; 16],
        chosen: Chosen,
    ) -> Result<Option<Print>, RedisError> {
        let Chosen { key, mut kind, mut ttl, .. } = chosen;
        let mut found = content(connection, &key, &kind, &self.key).await?;
        if found.is_none() {
            let again = describe(connection, vec![([0; 32], key.clone())]).await?.pop();
            let Some(again) = again else { return Ok(None) };
            (kind, ttl) = (again.kind, again.ttl);
            found = content(connection, &key, &kind, &self.key).await?;
        }
        Ok(found.map(|content| Print { id: hex(id), content, kind, ttl: ttl.map(Millis) }))
    }

    async fn look_at(
        &self,
        connection: &mut MultiplexedConnection,
        database: u32,
        keys: u64,
        with_content: bool,
        found: &mut Found,
    ) -> Result<(), RedisError> {
        let mut seen: HashSet<u64> = HashSet::new();
        let mut cursor = 0_u64;
        loop {
            let (next, page): (u64, Vec<Vec<u8>>) =
                cmd("SCAN").arg(cursor).arg("COUNT").arg(PAGE).query_async(connection).await?;
            if keys > REMEMBERED {
                seen.clear();
            }
            let fresh: Vec<([u8; 32], Vec<u8>)> = page
                .into_iter()
                .map(|key| (keyed_bytes(&self.key, &[&database.to_be_bytes(), &key]), key))
                .filter(|(id, _)| seen.insert(head(id)))
                .collect();
            let page = describe(connection, fresh).await?;
            let hashes = if with_content {
                self.contents(connection, &page).await?
            } else {
                vec![Some([0; 32]); page.len()]
            };
            // What is gone or became something else by now is not counted, so that counts and hash are of the same keys.
            for (key, hash) in page.into_iter().zip(hashes) {
                let Some(hash) = hash else { continue };
                add(&mut found.sum, &hash);
                found.keys += 1;
                found.expiring += u64::from(key.ttl.is_some());
                let id = half(&key.id);
                found.sample.show(id, || Chosen {
                    database,
                    key: key.name,
                    kind: key.kind.clone(),
                    ttl: key.ttl,
                });
                *found.kinds.entry(key.kind).or_default() += 1;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// Hashes the values of a page, in its order, several at a time over the one connection; none for a key that is gone.
    async fn contents(
        &self,
        connection: &MultiplexedConnection,
        page: &[Key],
    ) -> Result<Vec<Option<[u8; 32]>>, RedisError> {
        let hash = |key: &Key| {
            let (mut connection, id, name, kind) =
                (connection.clone(), key.id, key.name.clone(), key.kind.clone());
            let secret = self.key;
            async move {
                let content = content(&mut connection, &name, &kind, &secret).await?;
                let hash = |content: String| {
                    keyed_bytes(&secret, &[&id, kind.as_bytes(), content.as_bytes()])
                };
                Ok::<_, RedisError>(content.map(hash))
            }
        };
        let hashes: Vec<_> = stream::iter(page.iter().map(hash)).buffered(AT_ONCE).collect().await;
        hashes.into_iter().collect()
    }
}

/// What `PTTL` answers for a key that is gone. For one that does not expire it is -1.
const GONE: i64 = -2;

/// Asks for the type and the time to live of each key. One that is gone by either answer is left out.
async fn describe(
    connection: &mut MultiplexedConnection,
    keys: Vec<([u8; 32], Vec<u8>)>,
) -> Result<Vec<Key>, RedisError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = Pipeline::with_capacity(keys.len() * 2);
    for (_, key) in &keys {
        pipeline.cmd("TYPE").arg(key).cmd("PTTL").arg(key);
    }
    let answers: Vec<redis::Value> = pipeline.query_async(connection).await?;
    let mut described = Vec::with_capacity(keys.len());
    for ((id, key), pair) in keys.into_iter().zip(answers.chunks(2)) {
        let (Some(kind), Some(ttl)) = (pair.first(), pair.get(1)) else { continue };
        let kind: String = redis::from_redis_value(kind.clone())?;
        let ttl: i64 = redis::from_redis_value(ttl.clone())?;
        if kind != "none" && ttl != GONE {
            described.push(Key { id, name: key, kind, ttl: u64::try_from(ttl).ok() });
        }
    }
    Ok(described)
}

async fn select(connection: &mut MultiplexedConnection, database: u32) -> Result<(), RedisError> {
    cmd("SELECT").arg(database).query_async(connection).await
}

/// Returns the databases that hold keys, and how many.
fn databases(server: &str) -> Vec<(u32, u64)> {
    let database = |line: &str| {
        let (number, rest) = line.trim().strip_prefix("db")?.split_once(":keys=")?;
        Some((number.parse().ok()?, rest.split(',').next()?.parse().ok()?))
    };
    server.lines().filter_map(database).collect()
}

fn head(id: &[u8; 32]) -> u64 {
    id.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn half(id: &[u8; 32]) -> [u8; 16] {
    id.first_chunk::<16>().copied().unwrap_or_default()
}
