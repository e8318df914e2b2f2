//! What a node's server is told by files: settings that `ALTER SYSTEM` may overrule, and who may connect.

use std::fmt::Write as _;

use super::cluster::{Cluster, Place};

/// The file that the node writes anew at each start; the server's own file includes it.
pub(super) const FILE: &str = "lockstep.conf";

/// The settings of a node that follows `upstream`, or nobody.
pub(super) fn settings(cluster: &Cluster, address: &str, upstream: Option<&Place>) -> String {
    let mut text = format!(
        "listen_addresses = {}\nport = {}\nunix_socket_directories = ''\n\
         max_connections = {}\nwal_level = {}\nwal_log_hints = on\nhot_standby = on\n\
         wal_retrieve_retry_interval = '1s'\nmax_wal_senders = 16\nmax_replication_slots = 16\npassword_encryption = 'scram-sha-256'\n\
         cluster_name = {}\nsynchronous_standby_names = {}\n",
        quoted(address),
        cluster.place.port,
        cluster.max_connections,
        quoted(&cluster.wal_level),
        quoted(&cluster.node),
        quoted(&cluster.synchronous),
    );
    if let Some(upstream) = upstream {
        let connection = format!(
            "host={} port={} user={} password={} application_name={} connect_timeout=5",
            word(&upstream.host),
            upstream.port,
            word(&cluster.repmgr.name),
            word(&cluster.repmgr.password),
            word(&cluster.node),
        );
        // Writing to a string can't fail.
        write!(
            text,
            "primary_conninfo = {}\nprimary_slot_name = {}\n",
            quoted(&connection),
            quoted(&cluster.slot())
        )
        .unwrap_or_default();
    }
    text
}

/// Lets everybody in who has a password: the lab's other services come from loopback too.
pub(super) const ACCESS: &str =
    "host all all all scram-sha-256\nhost replication all all scram-sha-256\n";

/// A value in the server's configuration.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A value in a connection string.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_with_quotes_stays_one_value_in_a_connection_string_in_a_file() {
        assert_eq!(word(r"a'b\c d"), r"'a\'b\\c d'");
        assert_eq!(quoted(&word("a'b")), r"'''a\\''b'''");
    }
}
