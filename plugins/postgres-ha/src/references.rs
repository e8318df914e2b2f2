//! Variables that lead to the old server, and the texts with which they lead to the new one.

use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, Location, Variable, VariableValue};

use crate::account::URL;
use crate::seal;

/// The port of both servers and of PgPool.
const PORT: &str = "5432";

/// A variable that is set anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The service.
    pub(crate) service: String,
    /// The variable.
    pub(crate) variable: String,
    /// Its text.
    pub(crate) former: String,
    /// The text that leads to the new server.
    pub(crate) wanted: String,
}

impl Reference {
    /// Returns whether it is a whole URL, whose destination can be read back.
    pub(crate) fn is_url(&self) -> bool {
        is_whole(&self.wanted)
    }
}

/// What there is to know about both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides<'a> {
    /// The service that runs the old server.
    pub(crate) old: &'a str,
    /// Hosts that mean it.
    pub(crate) hosts: &'a [String],
    /// The service that runs PgPool.
    pub(crate) front: &'a str,
    /// The service that is dialled: PgPool's, or a front before both sides.
    pub(crate) dialled: &'a str,
    /// The user at the new side.
    pub(crate) user: &'a str,
    /// The database, of the same name at both sides.
    pub(crate) database: &'a str,
    /// Whether the password at the new side must be escaped in a URL, so that only PgPool's own URL has it.
    pub(crate) escaped: bool,
}

/// What was found in the variables of all services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// What the plan sets anew.
    pub(crate) references: Vec<Reference>,
    /// What leads to the old server and can't be set anew: the service, the variable and why.
    pub(crate) stuck: Vec<(String, String, String)>,
    /// What may lead there; nothing can be seen of it.
    pub(crate) unclear: Vec<(String, String)>,
    /// Users that variables name, each with its service.
    pub(crate) users: Vec<(String, String)>,
    /// Variables by which clients set for themselves whether their transactions only read: the service and the variable.
    pub(crate) unsealed: Vec<(String, String)>,
}

impl Found {
    /// Looks whether a service's variables set what the seal of the old database sets. A client's own word beats a default.
    pub(crate) fn look_for_unsealed(&mut self, service: &str, variables: &[Variable]) {
        let sets = |variable: &&Variable| matches!(&variable.value, VariableValue::Shown(text) if text.contains(seal::DEFAULT));
        let own = variables.iter().filter(sets);
        self.unsealed.extend(own.map(|variable| (service.to_owned(), variable.name.clone())));
    }

    /// Looks at the variables of one service.
    pub(crate) fn look<O: Railway>(
        &mut self,
        outside: &O,
        service: &str,
        variables: &[Variable],
        sides: Sides<'_>,
    ) -> Result<(), Failure> {
        for variable in variables {
            self.one(outside, service, variable, sides)?;
        }
        Ok(())
    }

    fn one<O: Railway>(
        &mut self,
        outside: &O,
        service: &str,
        variable: &Variable,
        sides: Sides<'_>,
    ) -> Result<(), Failure> {
        let name = variable.name.as_str();
        let stuck = |why: &str| (service.to_owned(), name.to_owned(), why.to_owned());
        let text = match &variable.value {
            VariableValue::Shown(text) => Some(text.as_str()),
            VariableValue::Masked(_) | VariableValue::Unreadable | VariableValue::Other(_) => None,
        };
        let refers = text.is_some_and(|text| sides.are_in(text));
        let may_lead = speaks_of_databases(name) && text.is_none_or(may_lead_anywhere);
        if !refers && !may_lead {
            return Ok(());
        }
        let location = match outside.destination(service, name) {
            Ok(location) => location,
            Err(failure) if failure.is_denied() || failure.may_pass() => return Err(failure),
            // Whoever can't take its URL apart now would not be found at the new side, and not be led back to anything.
            Err(failure) if refers && text.is_some_and(is_whole) => {
                self.stuck.push(stuck(&failure.line()));
                return Ok(());
            }
            // A host or a password of its own is no URL.
            Err(_) => None,
        };
        let leads = location.as_ref().is_some_and(|location| sides.host_is_old(&location.host));
        if !refers && !leads {
            if location.is_none() && text.is_none() {
                self.unclear.push((service.to_owned(), name.to_owned()));
            }
            return Ok(());
        }
        if let Some(location) = location.as_ref().filter(|_| leads) {
            if !sides.is_database(location) {
                self.stuck.push(stuck(
                    "it leads to another database of the old server, which this plan does not move",
                ));
                return Ok(());
            }
            if let Some(user) = &location.user {
                self.users.push((service.to_owned(), user.clone()));
            }
        }
        let Some(text) = text else {
            self.stuck.push(stuck(
                "it leads to the old server with a text that holds a password, and what can't be read can't be put back on the way back",
            ));
            return Ok(());
        };
        match sides.rewritten(text, leads) {
            Ok(wanted) => self.references.push(Reference {
                service: service.to_owned(),
                variable: name.to_owned(),
                former: text.to_owned(),
                wanted,
            }),
            Err(why) => self.stuck.push(stuck(&why)),
        }
        Ok(())
    }

    /// Returns the services with references, each once.
    pub(crate) fn services(&self) -> Vec<&str> {
        let mut services: Vec<&str> =
            self.references.iter().map(|reference| reference.service.as_str()).collect();
        services.dedup();
        services
    }
}

impl Sides<'_> {
    fn host_is_old(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    fn are_in(&self, text: &str) -> bool {
        references(text).any(|(owner, _)| owner == self.old)
            || self.hosts.iter().any(|host| text.contains(host.as_str()))
    }

    fn is_database(&self, location: &Location) -> bool {
        let name = location.path.trim_start_matches('/');
        name.split(['?', '#']).next() == Some(self.database)
    }

    /// Returns the URL of the new side, or why there is none.
    fn url(&self, scheme: &str, query: &str) -> Result<String, String> {
        let Self { front, dialled, user, database, .. } = self;
        if !self.escaped {
            return Ok(format!("{}{query}", url(scheme, user, front, dialled, database)));
        }
        if query.is_empty() {
            Ok(format!("${{{{{front}.{URL}}}}}"))
        } else {
            Err(format!(
                "it ends with `{query}`, and the password at the cluster must be escaped: only `{URL}` of `{front}` has it so, and what \
                 that ends with can't be seen"
            ))
        }
    }

    /// Returns the text that leads to the new side, or why there is none.
    fn rewritten(&self, text: &str, leads: bool) -> Result<String, String> {
        let query = text.find('?').and_then(|at| text.get(at..)).unwrap_or("");
        if let Some((scheme, _)) = text.split_once("://") {
            return if ["postgres", "postgresql"].contains(&scheme) {
                self.url(scheme, query)
            } else {
                Err(format!(
                    "its scheme is `{scheme}`, of which this plugin does not know how it names a user and a database"
                ))
            };
        }
        let mut whole = references(text);
        if let (Some((owner, name)), None) = (whole.next(), whole.next())
            && text.starts_with("${{")
            && text
                .split_once("}}")
                .is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('?'))
            && (name.ends_with("_URL") || (leads && owner != self.old))
        {
            return if owner == self.old && !["DATABASE_URL", "DATABASE_PRIVATE_URL"].contains(&name)
            {
                Err(format!(
                    "it refers to `{name}`, which leads there by another way, and the cluster has none like it"
                ))
            } else {
                self.url("postgresql", query)
            };
        }
        self.parts(text)
    }

    /// Replaces each part that means the old side.
    fn parts(&self, text: &str) -> Result<String, String> {
        let host = format!("${{{{{}.RAILWAY_PRIVATE_DOMAIN}}}}", self.dialled);
        let mut wanted = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let Some((inner, behind)) = after.split_once("}}") else { break };
            wanted.push_str(before);
            let (owner, name) = inner.split_once('.').unwrap_or(("", inner));
            let part = match (owner.trim() == self.old, name.trim()) {
                (false, _) => format!("${{{{{inner}}}}}"),
                (true, "RAILWAY_PRIVATE_DOMAIN" | "PGHOST") => host.clone(),
                (true, "POSTGRES_PASSWORD" | "PGPASSWORD") => {
                    format!("${{{{{}.PGPOOL_POSTGRES_PASSWORD}}}}", self.front)
                }
                (true, "POSTGRES_USER" | "PGUSER") => self.user.to_owned(),
                (true, "POSTGRES_DB" | "PGDATABASE") => self.database.to_owned(),
                (true, "PGPORT") => PORT.to_owned(),
                (true, other) => {
                    return Err(format!(
                        "it refers to `{other}`, for which the cluster has no counterpart"
                    ));
                }
            };
            wanted.push_str(&part);
            rest = behind;
        }
        wanted.push_str(rest);
        Ok(self.hosts.iter().fold(wanted, |text, old| text.replace(old.as_str(), &host)))
    }
}

/// Returns the URL of a database at the new side, where `host` is dialled with the password that PgPool's service holds.
pub(crate) fn url(scheme: &str, user: &str, front: &str, host: &str, database: &str) -> String {
    format!(
        "{scheme}://{user}:${{{{{front}.PGPOOL_POSTGRES_PASSWORD}}}}@${{{{{host}.RAILWAY_PRIVATE_DOMAIN}}}}:{PORT}/{database}"
    )
}

/// Returns whether a text is a whole URL, or a reference to one.
fn is_whole(text: &str) -> bool {
    let mut all = references(text);
    text.contains("://")
        || matches!((all.next(), all.next()), (Some((_, name)), None) if name.ends_with("_URL") && text.starts_with("${{"))
}

/// Returns whether a text names a host, and not another one that begins or ends like it.
pub(crate) fn is_named(text: &str, host: &str) -> bool {
    let (text, host) = (text.to_ascii_lowercase(), host.to_ascii_lowercase());
    let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    text.match_indices(&host).any(|(at, found)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_of_a_name) && !after.is_some_and(is_of_a_name)
    })
}

/// Returns the references in a text: whose variable, and which.
pub(crate) fn references(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("${{").skip(1).filter_map(|part| {
        let (inner, _) = part.split_once("}}")?;
        let (owner, name) = inner.split_once('.')?;
        Some((owner.trim(), name.trim()))
    })
}

/// Returns whether a text may lead anywhere: by a reference to what services share, or by an id instead of a name.
pub(crate) fn may_lead_anywhere(text: &str) -> bool {
    let is_id = |owner: &str| {
        owner.len() == 36 && owner.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    references(text).any(|(owner, _)| owner == "shared" || is_id(owner))
}

/// Returns whether a variable's name says that it leads to a database.
pub(crate) fn speaks_of_databases(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words = ["DATABASE", "POSTGRES", "DIRECT_URL", "PGHOST", "PG_", "DB_", "DSN"];
    words.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: fn() -> Vec<String> =
        || ["postgres.railway.internal", "127.77.0.4"].map(str::to_owned).to_vec();
    const URL: &str = "postgresql://postgres:${{pgpool.PGPOOL_POSTGRES_PASSWORD}}@${{pgpool.RAILWAY_PRIVATE_DOMAIN}}:5432/litellm_langfuse";

    #[track_caller]
    fn rewritten(text: &str, expected: Result<&str, &str>) {
        written(text, false, expected);
    }

    #[track_caller]
    fn written(text: &str, escaped: bool, expected: Result<&str, &str>) {
        let hosts = HOSTS();
        let sides = Sides {
            old: "postgres",
            hosts: &hosts,
            front: "pgpool",
            dialled: "pgpool",
            user: "postgres",
            database: "litellm_langfuse",
            escaped,
        };
        match (sides.rewritten(text, true), expected) {
            (Ok(wanted), Ok(expected)) => assert_eq!(wanted, expected),
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn whole_urls_are_written_anew_and_keep_their_query() {
        rewritten("${{postgres.DATABASE_URL}}", Ok(URL));
        rewritten(
            "${{ postgres.DATABASE_URL }}?connection_limit=5",
            Ok(&format!("{URL}?connection_limit=5")),
        );
        rewritten("${{shared.DATABASE_URL}}", Ok(URL));
        rewritten("${{0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f.DATABASE_URL}}", Ok(URL));
        rewritten(
            "postgres://${{postgres.PGUSER}}:${{postgres.PGPASSWORD}}@postgres.railway.internal:5432/litellm_langfuse",
            Ok(&URL.replacen("postgresql", "postgres", 1)),
        );
        rewritten("${{postgres.DATABASE_PUBLIC_URL}}", Err("another way"));
        rewritten("jdbc:postgresql://${{postgres.PGHOST}}/x", Err("scheme"));
    }

    #[test]
    fn where_the_password_must_be_escaped_the_fronts_own_url_is_referred_to() {
        let whole = "${{pgpool.DATABASE_URL}}";
        written("${{postgres.DATABASE_URL}}", true, Ok(whole));
        written("postgres://${{postgres.PGUSER}}:x@${{postgres.PGHOST}}/y", true, Ok(whole));
        written("${{postgres.DATABASE_URL}}?pgbouncer=true", true, Err("`?pgbouncer=true`"));
        let alone = "${{pgpool.PGPOOL_POSTGRES_PASSWORD}}";
        written("${{postgres.POSTGRES_PASSWORD}}", true, Ok(alone));
        assert!(is_whole(whole) && !is_whole(alone) && !is_whole("${{postgres.PGHOST}}"));
    }

    #[test]
    fn parts_are_replaced_where_they_stand() {
        rewritten(
            "${{postgres.RAILWAY_PRIVATE_DOMAIN}}:5432",
            Ok("${{pgpool.RAILWAY_PRIVATE_DOMAIN}}:5432"),
        );
        rewritten("postgres.railway.internal", Ok("${{pgpool.RAILWAY_PRIVATE_DOMAIN}}"));
        rewritten("${{postgres.POSTGRES_PASSWORD}}", Ok("${{pgpool.PGPOOL_POSTGRES_PASSWORD}}"));
        rewritten(
            "${{redis.REDIS_HOST}} ${{postgres.PGDATABASE}}",
            Ok("${{redis.REDIS_HOST}} litellm_langfuse"),
        );
        rewritten("${{postgres.RAILWAY_TCP_PROXY_DOMAIN}}", Err("no counterpart"));
    }
}
