//! Bitnami's variables for PgPool, as PgPool's own settings.

use std::fmt::Write as _;

use super::Launch;

/// The folder of its sockets, relative to where it starts.
pub(crate) const SOCKETS: &str = "sockets";

/// Whom PgPool lets in, and how.
#[derive(Debug)]
pub(crate) struct Users {
    pub(crate) method: String,
    /// Each user that may log in; PgPool needs the password itself to log in to the servers.
    pub(crate) passwords: Vec<(String, String)>,
    pub(crate) admin: (String, String),
}

/// One server behind PgPool.
#[derive(Debug, PartialEq, Eq)]
struct Backend<'t> {
    number: &'t str,
    host: &'t str,
    port: &'t str,
    weight: &'t str,
    flag: &'t str,
}

/// Settings with a variable of their own: the setting, its variable, and the image's default.
const PLAIN: &[(&str, &str, &str)] = &[
    ("num_init_children", "PGPOOL_NUM_INIT_CHILDREN", "32"),
    ("reserved_connections", "PGPOOL_RESERVED_CONNECTIONS", "1"),
    ("max_pool", "PGPOOL_MAX_POOL", "15"),
    ("child_life_time", "PGPOOL_CHILD_LIFE_TIME", ""),
    ("child_max_connections", "PGPOOL_CHILD_MAX_CONNECTIONS", ""),
    ("connection_life_time", "PGPOOL_CONNECTION_LIFE_TIME", ""),
    ("client_idle_limit", "PGPOOL_CLIENT_IDLE_LIMIT", ""),
    ("authentication_timeout", "PGPOOL_AUTHENTICATION_TIMEOUT", "30"),
    ("connect_timeout", "PGPOOL_HEALTH_CHECK_CONNECT_TIMEOUT", "10000"),
    ("sr_check_period", "PGPOOL_SR_CHECK_PERIOD", "30"),
    ("health_check_period", "PGPOOL_HEALTH_CHECK_PERIOD", "30"),
    ("health_check_timeout", "PGPOOL_HEALTH_CHECK_TIMEOUT", "10"),
    ("health_check_max_retries", "PGPOOL_HEALTH_CHECK_MAX_RETRIES", "5"),
    ("health_check_retry_delay", "PGPOOL_HEALTH_CHECK_RETRY_DELAY", "5"),
];

/// Switches: the setting, its variable, and the image's default.
const SWITCHES: &[(&str, &str, bool)] = &[
    ("load_balance_mode", "PGPOOL_ENABLE_LOAD_BALANCING", true),
    ("statement_level_load_balance", "PGPOOL_ENABLE_STATEMENT_LOAD_BALANCING", false),
    ("auto_failback", "PGPOOL_AUTO_FAILBACK", false),
    ("failover_on_backend_error", "PGPOOL_FAILOVER_ON_BACKEND_ERROR", false),
    ("failover_on_backend_shutdown", "PGPOOL_FAILOVER_ON_BACKEND_SHUTDOWN", true),
    ("log_connections", "PGPOOL_ENABLE_LOG_CONNECTIONS", false),
    ("log_per_node_statement", "PGPOOL_ENABLE_LOG_PER_NODE_STATEMENT", false),
];

/// Reads the variables, or says as the image does what is wrong with them.
pub(crate) fn read(launch: &Launch) -> Result<(String, Users), String> {
    let required = |name: &str| {
        launch
            .variable(name)
            .ok_or_else(|| format!("The {name} environment variable is empty or not set."))
    };
    let nodes = required("PGPOOL_BACKEND_NODES")?;
    let check = (required("PGPOOL_SR_CHECK_USER")?, required("PGPOOL_SR_CHECK_PASSWORD")?);
    let users = users(launch)?;
    let mut text = String::new();
    let mut set = |name: &str, value: &str| {
        // PgPool knows no escapes, so a value with a quote is refused by PgPool itself, as in the image. Writing to a
        // string can't fail.
        writeln!(text, "{name} = '{value}'").unwrap_or_default();
    };
    let or = |name: &str, usual: &str| launch.variable(name).unwrap_or(usual).to_owned();
    set("backend_clustering_mode", "streaming_replication");
    set("listen_addresses", &launch.address.to_string());
    set("port", &or("PGPOOL_PORT_NUMBER", "5432"));
    set("pcp_listen_addresses", &launch.address.to_string());
    // The name of this setting changed; each version passes over the other's.
    set("socket_dir", SOCKETS);
    set("unix_socket_directories", SOCKETS);
    set("pcp_socket_dir", SOCKETS);
    set("pid_file_name", "pgpool.pid");
    set("logdir", ".");
    set("work_dir", ".");
    set(
        "enable_pool_hba",
        if launch.says_yes("PGPOOL_ENABLE_POOL_HBA", true) { "on" } else { "off" },
    );
    set("pool_passwd", "pool_passwd");
    set("allow_clear_text_frontend_auth", "off");
    for (setting, variable, usual) in PLAIN {
        let value = or(variable, usual);
        if !value.is_empty() {
            if value.parse::<u64>().is_err() {
                return Err(format!("{variable} is not a number: {value}"));
            }
            set(setting, &value);
        }
    }
    for (setting, variable, usual) in SWITCHES {
        set(setting, if switched(launch, variable, *usual) { "on" } else { "off" });
    }
    set(
        "disable_load_balance_on_write",
        &or("PGPOOL_DISABLE_LOAD_BALANCE_ON_WRITE", "transaction"),
    );
    set("sr_check_user", check.0);
    set("sr_check_password", check.1);
    set("sr_check_database", &or("PGPOOL_SR_CHECK_DATABASE", "postgres"));
    set("health_check_user", &or("PGPOOL_HEALTH_CHECK_USER", check.0));
    set("health_check_password", &or("PGPOOL_HEALTH_CHECK_PASSWORD", check.1));
    // Nothing is promoted from here: repmgr does that, and PgPool looks for the outcome, for ever.
    set(
        "failover_command",
        "echo \">>> Failover - that will initialize new primary node search!\"",
    );
    set("search_primary_node_timeout", "0");
    let named = or("PGPOOL_BACKEND_APPLICATION_NAMES", "");
    let mut applications = list(&named);
    for backend in list(nodes).map(backend) {
        let Backend { number, host, port, weight, flag } = backend?;
        set(&format!("backend_hostname{number}"), host);
        set(&format!("backend_port{number}"), port);
        set(&format!("backend_weight{number}"), weight);
        set(&format!("backend_flag{number}"), flag);
        if let Some(application) = applications.next() {
            set(&format!("backend_application_name{number}"), application);
        }
    }
    Ok((text, users))
}

/// Lets users in from everywhere by `method`.
pub(crate) fn access(method: &str) -> String {
    format!("local all all {method}\nhost all all all {method}\n")
}

fn users(launch: &Launch) -> Result<Users, String> {
    let required = |name: &str| {
        let value = launch.variable(name).map(str::to_owned);
        value.ok_or_else(|| format!("The {name} environment variable is empty or not set."))
    };
    let admin = (required("PGPOOL_ADMIN_USERNAME")?, required("PGPOOL_ADMIN_PASSWORD")?);
    let user = launch.variable("PGPOOL_POSTGRES_USERNAME").unwrap_or("postgres").to_owned();
    let mut passwords = vec![(user, required("PGPOOL_POSTGRES_PASSWORD")?)];
    let [more, their] = ["PGPOOL_POSTGRES_CUSTOM_USERS", "PGPOOL_POSTGRES_CUSTOM_PASSWORDS"]
        .map(|name| launch.variable(name).unwrap_or_default());
    if list(more).count() != list(their).count() {
        return Err("Specify the same number of passwords on PGPOOL_POSTGRES_CUSTOM_PASSWORDS as the number of users \
                    in PGPOOL_POSTGRES_CUSTOM_USERS"
            .to_owned());
    }
    passwords.extend(
        list(more).zip(list(their)).map(|(name, password)| (name.to_owned(), password.to_owned())),
    );
    let method =
        launch.variable("PGPOOL_AUTHENTICATION_METHOD").unwrap_or("scram-sha-256").to_owned();
    Ok(Users { method, passwords, admin })
}

/// Whether a switch is on: the image takes `on` and `off` here beside its usual spellings.
fn switched(launch: &Launch, variable: &str, usual: bool) -> bool {
    match launch.variable(variable) {
        Some(value) if value.eq_ignore_ascii_case("on") => true,
        Some(_) | None => launch.says_yes(variable, usual),
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty())
}

/// `number:host`, then as much as is wanted of `:port:weight:folder:flag`.
fn backend(text: &str) -> Result<Backend<'_>, String> {
    let fields: Vec<&str> = text.split(':').collect();
    let field = |at: usize| fields.get(at).copied().filter(|field| !field.is_empty());
    let wrong =
        || format!("Error checking entry '{text}', the field 'backend number' must be set!");
    let number = field(0).filter(|number| number.parse::<u8>().is_ok()).ok_or_else(wrong)?;
    let host = field(1)
        .ok_or_else(|| format!("Error checking entry '{text}', the field 'host' must be set!"))?;
    Ok(Backend {
        number,
        host,
        port: field(2).unwrap_or("5432"),
        weight: field(3).unwrap_or("1"),
        flag: field(5).unwrap_or("ALLOW_TO_FAILOVER"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_read_with_the_images_defaults() {
        let read = backend("1:127.77.1.12").unwrap();
        assert_eq!((read.number, read.port, read.weight), ("1", "5432", "1"));
        let read = backend("2:h:5433:3:/data:DISALLOW_TO_FAILOVER").unwrap();
        assert_eq!((read.port, read.weight, read.flag), ("5433", "3", "DISALLOW_TO_FAILOVER"));
        assert!(backend("pg-0:5432").is_err() && backend("0:").is_err());
    }
}
