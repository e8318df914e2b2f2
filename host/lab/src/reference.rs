//! References between variables: `${{service.NAME}}`, `${{NAME}}`, `${{shared.NAME}}`.

use std::collections::BTreeMap;

use crate::state::{Service, State};

/// References deeper than this are taken for a cycle.
const DEEPEST: usize = 16;

/// Who gets the rendered text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The API's caller, to whom a sealed value is never shown.
    Caller,
    /// The service's own process.
    Process,
}

/// Returns the variables of `service`, rendered, with those that Railway provides.
pub(crate) fn rendered(
    state: &State,
    service: &Service,
    reader: Reader,
) -> BTreeMap<String, String> {
    let mut variables = provided(state, service);
    for (name, variable) in &service.variables {
        if variable.sealed && reader == Reader::Caller {
            continue;
        }
        variables.insert(name.clone(), render(state, Some(service), &variable.value, reader, 0));
    }
    variables
}

/// Returns the environment's shared variables, rendered.
pub(crate) fn shared(state: &State, reader: Reader) -> BTreeMap<String, String> {
    let open =
        state.shared.iter().filter(|(_, variable)| !variable.sealed || reader == Reader::Process);
    open.map(|(name, variable)| (name.clone(), render(state, None, &variable.value, reader, 0)))
        .collect()
}

/// Returns the variables that Railway itself gives to `service`.
pub(crate) fn provided(state: &State, service: &Service) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = [
        ("RAILWAY_PRIVATE_DOMAIN", service.address.to_string()),
        ("RAILWAY_SERVICE_NAME", service.name.clone()),
        ("RAILWAY_SERVICE_ID", service.id.clone()),
        ("RAILWAY_PROJECT_NAME", state.project_name.clone()),
        ("RAILWAY_PROJECT_ID", state.project_id.clone()),
        ("RAILWAY_ENVIRONMENT", state.environment_name.clone()),
        ("RAILWAY_ENVIRONMENT_NAME", state.environment_name.clone()),
        ("RAILWAY_ENVIRONMENT_ID", state.environment_id.clone()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if let Some(port) = service.public_port {
        all.insert("RAILWAY_PUBLIC_DOMAIN".to_owned(), format!("{}:{port}", service.address));
    }
    if let Some(volume) = state.volume_of(&service.id) {
        all.insert("RAILWAY_VOLUME_MOUNT_PATH".to_owned(), volume.mount.clone());
        all.insert("RAILWAY_VOLUME_NAME".to_owned(), volume.name.clone());
    }
    if let Some(proxy) = service.proxies.first() {
        all.insert("RAILWAY_TCP_PROXY_DOMAIN".to_owned(), service.address.to_string());
        all.insert("RAILWAY_TCP_PROXY_PORT".to_owned(), proxy.application_port.to_string());
        all.insert("RAILWAY_TCP_APPLICATION_PORT".to_owned(), proxy.application_port.to_string());
    }
    all
}

/// Returns the `namespace.NAME` or `NAME` of each reference in `text`, in order.
pub(crate) fn references(text: &str) -> Vec<String> {
    pieces(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Reference(name) => Some(name.to_owned()),
            Piece::Text(_) => None,
        })
        .collect()
}

/// Returns the namespace and the name of one reference.
///
/// A service's name may hold dots no more than a variable's may, so the last dot parts them.
pub(crate) fn parts(reference: &str) -> (Option<&str>, &str) {
    match reference.rsplit_once('.') {
        Some((namespace, name)) => (Some(namespace.trim()), name.trim()),
        None => (None, reference.trim()),
    }
}

/// Replaces each `${{…}}` of `text` by what `replacement` makes of its inside.
pub(crate) fn replaced(
    text: &str,
    mut replacement: impl FnMut(&str) -> Result<String, String>,
) -> Result<String, String> {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => Ok(text.to_owned()),
            Piece::Reference(inside) => replacement(inside),
        })
        .collect()
}

enum Piece<'t> {
    Text(&'t str),
    Reference(&'t str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let Some((inside, following)) = after.split_once("}}") else { break };
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Reference(inside.trim()));
        rest = following;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn render(
    state: &State,
    service: Option<&Service>,
    text: &str,
    reader: Reader,
    depth: usize,
) -> String {
    if depth > DEEPEST {
        return String::new();
    }
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Reference(reference) => resolve(state, service, reference, reader, depth),
        })
        .collect()
}

/// Returns what a reference stands for; an unknown one is an empty string, as on Railway.
fn resolve(
    state: &State,
    service: Option<&Service>,
    reference: &str,
    reader: Reader,
    depth: usize,
) -> String {
    let (namespace, name) = parts(reference);
    let (owner, variable) = match namespace {
        Some("shared") => (None, state.shared.get(name)),
        Some(other) => {
            let owner = state.named(other);
            (owner, owner.and_then(|owner| owner.variables.get(name)))
        }
        None => (
            service,
            service
                .and_then(|service| service.variables.get(name))
                .or_else(|| state.shared.get(name)),
        ),
    };
    match variable {
        Some(variable) if variable.sealed && reader == Reader::Caller => String::new(),
        Some(variable) => render(state, owner, &variable.value, reader, depth + 1),
        None => owner.and_then(|owner| provided(state, owner).remove(name)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Source, Variable};

    fn service(state: &mut State, name: &str, variables: &[(&str, &str)]) {
        let address = state.free_address().unwrap();
        let now = state.created_at;
        let service = Service {
            id: state.id(),
            instance_id: state.id(),
            name: name.to_owned(),
            address,
            source: Source::default(),
            settings: serde_json::Map::new(),
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Variable::plain(*value)))
                .collect(),
            public_port: None,
            proxies: Vec::new(),
            cluster: None,
            created_at: now,
            updated_at: now,
        };
        state.services.push(service);
    }

    #[track_caller]
    fn check(value: &str, expected: &str) {
        let mut state = State::new("as-run", 1, 9, "2026-08-21T12:00:00Z".parse().unwrap());
        service(
            &mut state,
            "postgres",
            &[("USER", "ann"), ("URL", "pg://${{USER}}@${{RAILWAY_PRIVATE_DOMAIN}}:5432")],
        );
        service(&mut state, "web", &[("X", value), ("LOOP", "${{LOOP}}")]);
        state.shared.insert("DASHED-KEY".to_owned(), Variable::plain("both"));
        state
            .service_mut(&state.services[0].id.clone())
            .unwrap()
            .variables
            .insert("SECRET".to_owned(), Variable { value: "hidden".to_owned(), sealed: true });
        let web = state.named("web").unwrap();
        assert_eq!(rendered(&state, web, Reader::Caller)["X"], expected);
    }

    #[test]
    fn references_are_rendered_as_railway_does() {
        check("${{postgres.URL}}", "pg://ann@127.77.9.11:5432");
        check("${{ postgres.USER }}/${{shared.DASHED-KEY}}", "ann/both");
        check("${{RAILWAY_PRIVATE_DOMAIN}}", "127.77.9.12");
        check("${{postgres.RAILWAY_PRIVATE_DOMAIN}}", "127.77.9.11");
        check("unclosed ${{postgres.URL", "unclosed ${{postgres.URL");
    }

    #[test]
    fn an_unknown_reference_renders_to_an_empty_string() {
        check("<${{nobody.URL}}>", "<>");
        check("<${{postgres.NOTHING}}>", "<>");
        check("<${{Postgres.URL}}>", "<>");
        check("<${{LOOP}}>", "<>");
    }

    #[test]
    fn a_sealed_value_is_not_shown_through_a_reference() {
        check("<${{postgres.SECRET}}>", "<>");
    }
}
