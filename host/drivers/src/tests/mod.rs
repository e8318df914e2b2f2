//! The drivers against the lab: Railway's API as it answers, and real PostgreSQL, Redis and `sshd`.

mod backups;
mod canaries;
mod conversions;
mod deploys;
mod failures;
mod forgets;
mod forward;
mod holds;
mod http;
mod keyspaces;
mod passwords;
mod pins;
mod proxies;
mod queries;
mod redis;
mod services;
mod statements;
mod transfers;
mod tunnels;
mod variables;
mod world;
