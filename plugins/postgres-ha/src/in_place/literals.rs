//! Variables that lead to the server by its address instead of by a reference. Railway leads nothing but references to the
//! front, so the plan sets these anew.

use lockstep_sdk::{Location, TemplateService};

use super::references::moved_text;
use super::template;
use crate::account::URL;
use crate::references::is_named;

/// The port of the server, and of the front.
const PORT: u16 = 5432;

/// Such a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    /// The service.
    pub(super) service: String,
    /// The variable.
    pub(super) name: String,
    /// Its text; none where that holds a password, which only the host may put back.
    pub(super) former: Option<String>,
    /// The text that leads to the front.
    pub(super) wanted: String,
    /// Whether it is a whole URL, of which it can be read back where it leads.
    pub(super) is_url: bool,
}

/// What there is to know of the server and of the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'a> {
    /// The service that runs the server.
    pub(super) server: &'a str,
    /// Hosts that mean it inside the environment.
    pub(super) hosts: &'a [String],
    /// Where it is from outside, which Railway leads to the front by itself. Others have the same host with other ports.
    pub(super) public: &'a [Location],
    /// Where its own URL leads.
    pub(super) own: Option<&'a Location>,
    /// The front.
    pub(super) edge: &'a TemplateService,
}

/// Whether a text names the server by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// It does not.
    No,
    /// It names a host that others have too, and no port.
    Perhaps,
    /// It does.
    Yes,
}

impl Sides<'_> {
    /// Returns whether a location is the server.
    pub(super) fn are_at(&self, location: &Location) -> bool {
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(&location.host))
            || self.are_outside_at(location)
    }

    fn are_outside_at(&self, location: &Location) -> bool {
        let is_it = |known: &Location| {
            known.host.eq_ignore_ascii_case(&location.host) && port(known) == port(location)
        };
        self.public.iter().any(is_it)
    }

    /// Returns whether a text names the server by its address.
    pub(super) fn are_named(&self, text: &str) -> Named {
        if self.hosts.iter().any(|host| is_named(text, host)) {
            return Named::Yes;
        }
        self.are_outside(text)
    }

    fn are_outside(&self, text: &str) -> Named {
        let named = self.public.iter().map(|location| named_outside(text, location));
        named.max().unwrap_or(Named::No)
    }

    /// Returns the text that leads to the front, or why there is none. Before it stands the text as Railway leaves it.
    pub(super) fn seen(&self, text: &str, location: Option<&Location>) -> Result<String, String> {
        if self.are_outside(text) != Named::No {
            return Err("it leads to the server from outside, by an address that Railway itself leads to the front".to_owned());
        }
        if let Some(port) = location.and_then(|location| location.port).filter(|port| *port != PORT)
        {
            return Err(format!("it names the port {port}, and the front has none but {PORT}"));
        }
        let front = format!("${{{{{}.RAILWAY_PRIVATE_DOMAIN}}}}", self.edge.name);
        let moved = moved_text(text, self.server, &self.edge.name);
        let wanted = self.hosts.iter().fold(moved, |text, host| replaced(&text, host, &front));
        if self.are_named(&wanted) != Named::No {
            return Err(
                "it writes the server's address in another way than Railway does".to_owned()
            );
        }
        Ok(wanted)
    }

    /// Returns the text that leads to the front in place of one that holds a password, or why there is none.
    pub(super) fn hidden(&self, location: &Location) -> Result<String, String> {
        let has = |what: &str| location.extra.iter().any(|(name, _)| name == what);
        if self.are_outside_at(location) {
            return Err("it leads to the server from outside, by an address that Railway itself leads to the front".to_owned());
        }
        if has("references") {
            return Err("its text holds a password and references, so what Railway makes of it can't be foreseen".to_owned());
        }
        if has("query") {
            return Err("what it ends with after `?` can't be seen, and would be lost".to_owned());
        }
        let same = |own: &Location| {
            port(location) == PORT
                && (&own.scheme, &own.user, &own.path)
                    == (&location.scheme, &location.user, &location.path)
        };
        if !self.own.is_some_and(same) || template::variable(self.edge, URL).is_none() {
            return Err(format!(
                "it is not the URL of `{}` in another writing, so the front's can't stand for it",
                self.server
            ));
        }
        Ok(format!("${{{{{}.{URL}}}}}", self.edge.name))
    }
}

fn port(location: &Location) -> u16 {
    location.port.unwrap_or(PORT)
}

/// Returns whether a text names a location by its host and port.
fn named_outside(text: &str, location: &Location) -> Named {
    let (text, host) = (text.to_ascii_lowercase(), location.host.to_ascii_lowercase());
    let parts: Vec<&str> = text.split(host.as_str()).collect();
    let named = parts.windows(2).filter_map(|pair| {
        let [before, after] = pair else { return None };
        if before.chars().next_back().is_some_and(is_of_a_host)
            || after.chars().next().is_some_and(is_of_a_host)
        {
            return None;
        }
        let behind = after.strip_prefix(':').unwrap_or_default();
        let digits = behind.split(|next: char| !next.is_ascii_digit()).next().unwrap_or_default();
        Some(match digits.parse::<u16>() {
            Ok(found) if found == port(location) => Named::Yes,
            Ok(_) => Named::No,
            Err(_) => Named::Perhaps,
        })
    });
    named.max().unwrap_or(Named::No)
}

/// Returns a text in which a host stands for another, where it is named as a whole.
fn replaced(text: &str, host: &str, by: &str) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(host) {
        let whole = !before.chars().next_back().is_some_and(is_of_a_host)
            && !after.chars().next().is_some_and(is_of_a_host);
        done.push_str(before);
        done.push_str(if whole { by } else { host });
        rest = after;
    }
    done.push_str(rest);
    done
}

fn is_of_a_host(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-._".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "postgres.railway.internal";
    const EDGE: &str = "${{Postgres HA.RAILWAY_PRIVATE_DOMAIN}}";

    fn location(change: impl FnOnce(&mut Location)) -> Location {
        let own = |text: &str| text.to_owned();
        let mut location = Location {
            scheme: own("postgresql"),
            host: own(HOST),
            port: Some(PORT),
            user: Some(own("postgres")),
            path: own("/app"),
            extra: vec![(own("password"), own("plain"))],
        };
        change(&mut location);
        location
    }

    fn outside(location: &mut Location) {
        (location.host, location.port) = ("proxy.rlwy.net".to_owned(), Some(9999));
    }

    fn with<T>(look: impl FnOnce(Sides<'_>) -> T) -> T {
        let hosts = [HOST.to_owned()];
        let public = [location(outside)];
        let edge = TemplateService {
            name: "Postgres HA".to_owned(),
            role: None,
            image: None,
            mount: None,
            replicas: 1,
            variables: vec![(URL.to_owned(), String::new())],
            extra: Vec::new(),
        };
        let own = location(|_| {});
        let (server, own) = ("postgres", Some(&own));
        look(Sides { server, hosts: &hosts, public: &public, own, edge: &edge })
    }

    #[track_caller]
    fn seen(text: &str, expected: &str) {
        assert_eq!(with(|sides| sides.seen(text, None)).unwrap(), expected);
    }

    #[track_caller]
    fn breaks(change: impl FnOnce(&mut Location), part: &str) {
        let why = with(|sides| sides.hidden(&location(change))).unwrap_err();
        assert!(why.contains(part), "{why}");
    }

    #[test]
    fn an_address_becomes_a_reference_where_it_stands_as_a_whole() {
        seen(HOST, EDGE);
        let text = format!("jdbc:postgresql://{HOST}:5432/app,my-{HOST}");
        seen(&text, &format!("jdbc:postgresql://{EDGE}:5432/app,my-{HOST}"));
        seen(
            &format!("postgres://a:${{{{postgres.POSTGRES_PASSWORD}}}}@{HOST}/app?x=1"),
            &format!("postgres://a:${{{{Postgres HA.POSTGRES_PASSWORD}}}}@{EDGE}/app?x=1"),
        );
        assert!(with(|sides| sides.seen("proxy.rlwy.net:9999", None)).is_err());
        let odd = location(|it| it.port = Some(6432));
        assert!(with(|sides| sides.seen(HOST, Some(&odd))).unwrap_err().contains("6432"));
    }

    #[test]
    fn a_host_that_others_have_too_is_the_server_only_with_its_port() {
        for (text, expected) in [
            ("redis://a:b@proxy.rlwy.net:9999/0", Named::Yes),
            ("redis://a:b@proxy.rlwy.net:9998", Named::No),
            ("proxy.rlwy.net:999", Named::No),
            ("a-proxy.rlwy.net:9999", Named::No),
            ("proxy.rlwy.net:1,PROXY.rlwy.net:9999", Named::Yes),
            ("proxy.rlwy.net:1,proxy.rlwy.net", Named::Perhaps),
            ("host=proxy.rlwy.net port=9999", Named::Perhaps),
            ("proxy.rlwy.net:${{shared.PORT}}", Named::Perhaps),
        ] {
            assert_eq!(with(|sides| sides.are_named(text)), expected, "{text}");
        }
        let at = |port| {
            let location = location(|it| (it.host, it.port) = ("proxy.rlwy.net".to_owned(), port));
            with(|sides| sides.are_at(&location))
        };
        assert!(at(Some(9999)) && !at(Some(9998)) && !at(None));
    }

    #[test]
    fn a_text_that_nobody_may_see_is_set_anew_only_where_the_fronts_own_url_means_the_same() {
        let whole = with(|sides| sides.hidden(&location(|it| it.port = None)));
        assert_eq!(whole.unwrap(), "${{Postgres HA.DATABASE_URL}}");
        breaks(|it| it.user = Some("app".to_owned()), "in another writing");
        breaks(|it| it.path = "/other".to_owned(), "in another writing");
        breaks(|it| it.port = Some(6432), "in another writing");
        breaks(outside, "from outside");
        breaks(|it| it.extra.push(("query".to_owned(), "some".to_owned())), "after `?`");
        breaks(|it| it.extra.push(("references".to_owned(), "some".to_owned())), "and references");
    }
}
