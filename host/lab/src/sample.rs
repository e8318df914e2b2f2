//! Data of every type for a Redis server, and a census of everything in one: what a rehearsal is proved with.
//!
//! The census reads every key by the commands of its type and shares no code with the drivers, so that it can
//! contradict them.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value, cmd};
use sha2::{Digest as _, Sha256};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a Redis server is.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// Its password, if it has one.
    pub password: Option<String>,
}

/// Everything in a server.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Census {
    /// What the server calls its version.
    pub version: String,
    /// Keys by type.
    pub kinds: BTreeMap<String, u64>,
    /// Keys that expire.
    pub expiring: u64,
    /// A SHA-256 over every key, its type, its value, and whether it expires and when, in order of the keys.
    pub digest: String,
    /// The same over the keys that [`fill`] wrote, which nobody else changes.
    pub samples: String,
}

impl Census {
    /// Returns how many keys there are.
    pub fn keys(&self) -> u64 {
        self.kinds.values().sum()
    }
}

/// A server could not be filled or counted.
#[derive(Debug, thiserror::Error)]
#[error("could not {what} Redis at {address}:{port}")]
pub struct SampleError {
    what: &'static str,
    address: String,
    port: u16,
    source: RedisError,
}

impl SampleError {
    fn new(what: &'static str, server: &Server, source: RedisError) -> Self {
        Self { what, address: server.address.clone(), port: server.port, source }
    }
}

async fn connect(server: &Server) -> Result<MultiplexedConnection, RedisError> {
    let address = redis::ConnectionAddr::Tcp(server.address.clone(), server.port);
    let info = redis::IntoConnectionInfo::into_connection_info(address)?;
    let mut settings = redis::RedisConnectionInfo::default();
    if let Some(password) = &server.password {
        settings = settings.set_password(password);
    }
    // A large server takes its time, and so does one that shares two processors with a whole lab.
    let patience = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let client = redis::Client::open(info.set_redis_settings(settings))?;
    client.get_multiplexed_async_connection_with_config(&patience).await
}

/// Writes `strings` strings and some of every other type, some of them expiring in a day or more.
///
/// # Errors
/// The server can't be reached or refuses.
pub async fn fill(server: &Server, strings: u32) -> Result<(), SampleError> {
    write(server, strings).await.map_err(|error| SampleError::new("fill", server, error))
}

async fn write(server: &Server, strings: u32) -> Result<(), RedisError> {
    let mut connection = connect(server).await?;
    // One refusal reads better than one for each command of the pipeline.
    cmd("PING").query_async::<()>(&mut connection).await?;
    let (now, _): (i64, i64) = cmd("TIME").query_async(&mut connection).await?;
    // Half-way between two seconds, so that a census rounds each moment of expiry in the same way whenever it is taken.
    let expiry = |number: u32| (now + 100_000 + i64::from(number % 50) * 3600) * 1000 + 500;
    let mut pipe = redis::pipe();
    for number in 0..strings {
        pipe.cmd("SET")
            .arg(format!("sample:string:{number}"))
            .arg(format!("value {number} – ünïcode ✓"))
            .ignore();
        if number % 4 == 0 {
            pipe.cmd("PEXPIREAT")
                .arg(format!("sample:string:{number}"))
                .arg(expiry(number))
                .ignore();
        }
        if number % 1000 == 999 {
            pipe.query_async::<()>(&mut connection).await?;
            pipe.clear();
        }
    }
    pipe.cmd("SET").arg("sample:binary").arg(&[0_u8, 255, 10, 13, 0][..]).ignore();
    pipe.cmd("SET").arg("sample:empty").arg("").ignore();
    pipe.cmd("SET").arg("sample:number").arg(i64::MIN).ignore();
    for number in 0..300 {
        pipe.cmd("RPUSH").arg("sample:list").arg(format!("element {number}")).ignore();
        pipe.cmd("SADD").arg("sample:set").arg(format!("member {number}")).ignore();
        pipe.cmd("SADD").arg("sample:intset").arg(number).ignore();
        pipe.cmd("HSET").arg("sample:hash").arg(format!("field {number}")).arg(number).ignore();
        pipe.cmd("ZADD")
            .arg("sample:zset")
            .arg(f64::from(number) / 8.0)
            .arg(format!("member {number}"))
            .ignore();
        pipe.cmd("XADD")
            .arg("sample:stream")
            .arg(format!("{}-0", number + 1))
            .arg("n")
            .arg(number)
            .ignore();
    }
    pipe.cmd("XGROUP").arg("CREATE").arg("sample:stream").arg("readers").arg("100-0").ignore();
    pipe.cmd("PFADD").arg("sample:hyperloglog").arg("a").arg("b").arg("c").ignore();
    pipe.cmd("SETBIT").arg("sample:bitmap").arg(12_345).arg(1).ignore();
    pipe.cmd("GEOADD").arg("sample:geo").arg(13.4).arg(52.5).arg("Berlin").ignore();
    pipe.cmd("PEXPIREAT").arg("sample:hash").arg(expiry(7)).ignore();
    pipe.query_async::<()>(&mut connection).await
}

/// Reads everything.
///
/// # Errors
/// The server can't be reached or refuses.
pub async fn census(server: &Server) -> Result<Census, SampleError> {
    read(server).await.map_err(|error| SampleError::new("count what is in", server, error))
}

async fn read(server: &Server) -> Result<Census, RedisError> {
    let mut connection = connect(server).await?;
    let info: String = cmd("INFO").arg("server").query_async(&mut connection).await?;
    let version = info
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"))
        .unwrap_or_default()
        .to_owned();
    let mut kinds = BTreeMap::new();
    let mut expiring = 0;
    let (mut all, mut samples) = (Sha256::new(), Sha256::new());
    for key in keys(&mut connection).await? {
        let kind: String = cmd("TYPE").arg(&key).query_async(&mut connection).await?;
        // A list that the stack emptied or a key that expired since the scan is no longer in.
        let Some(value) = value(&mut connection, &kind, &key).await? else { continue };
        let expiry = expiry(&mut connection, &key).await?;
        expiring += u64::from(expiry.is_some());
        let expiry = expiry.unwrap_or_default();
        let line = format!("{}:{kind}:{expiry}:{value}\n", hex(&key));
        all.update(&line);
        if key.starts_with(b"sample:") {
            samples.update(&line);
        }
        *kinds.entry(kind).or_insert(0) += 1;
    }
    Ok(Census {
        version,
        kinds,
        expiring,
        digest: hex(&all.finalize()),
        samples: hex(&samples.finalize()),
    })
}

async fn keys(connection: &mut MultiplexedConnection) -> Result<Vec<Vec<u8>>, RedisError> {
    let mut found = std::collections::BTreeSet::new();
    let mut cursor = 0_u64;
    loop {
        let (next, batch): (u64, Vec<Vec<u8>>) =
            cmd("SCAN").arg(cursor).arg("COUNT").arg(1000).query_async(connection).await?;
        found.extend(batch);
        if next == 0 {
            return Ok(found.into_iter().collect());
        }
        cursor = next;
    }
}

/// Returns the second in which a key expires.
///
/// The moment stays the same while the time to live shrinks; both are read at once, because servers before 7.0 tell only the latter.
async fn expiry(
    connection: &mut MultiplexedConnection,
    key: &[u8],
) -> Result<Option<i64>, RedisError> {
    let ((seconds, micros), left): ((i64, i64), i64) =
        redis::pipe().atomic().cmd("TIME").cmd("PTTL").arg(key).query_async(connection).await?;
    let now = seconds * 1000 + micros / 1000;
    Ok((left >= 0).then(|| (now + left) / 1000))
}

/// Returns a key's value as text that is the same for equal values, whatever the server's version; `None` without the key.
async fn value(
    connection: &mut MultiplexedConnection,
    kind: &str,
    key: &[u8],
) -> Result<Option<String>, RedisError> {
    let read = |name: &str, rest: &[&str]| -> Cmd {
        let mut command = cmd(name);
        command.arg(key);
        for word in rest {
            command.arg(*word);
        }
        command
    };
    let (command, sorted) = match kind {
        "string" => (read("GET", &[]), false),
        "list" => (read("LRANGE", &["0", "-1"]), false),
        "set" => (read("SMEMBERS", &[]), true),
        "hash" => (read("HGETALL", &[]), true),
        "zset" => (read("ZRANGE", &["0", "-1", "WITHSCORES"]), false),
        "stream" => return stream(connection, key).await.map(Some),
        "none" => return Ok(None),
        _ => (read("DUMP", &[]), false),
    };
    let answer: Value = command.query_async(connection).await?;
    if let (true, Value::Array(items) | Value::Set(items)) = (sorted, &answer) {
        let width = if kind == "hash" { 2 } else { 1 };
        let mut items: Vec<String> =
            items.chunks(width).map(|chunk| format!("{chunk:?}")).collect();
        items.sort();
        return Ok(Some(items.join(",")));
    }
    Ok(Some(format!("{answer:?}")))
}

/// Returns a stream's entries, then its groups by name, each with what it has read and what waits to be acknowledged.
async fn stream(connection: &mut MultiplexedConnection, key: &[u8]) -> Result<String, RedisError> {
    let entries: Value = cmd("XRANGE").arg(key).arg("-").arg("+").query_async(connection).await?;
    let groups: Vec<BTreeMap<String, Value>> =
        cmd("XINFO").arg("GROUPS").arg(key).query_async(connection).await?;
    // Newer servers tell more of a group; these three every server tells.
    let told = |group: &BTreeMap<String, Value>| {
        ["name", "last-delivered-id", "pending"]
            .map(|field| format!("{field}={:?}", group.get(field)))
            .join(" ")
    };
    let groups: Vec<String> = groups.iter().map(told).collect();
    Ok(format!("{entries:?};{}", groups.join(";")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
