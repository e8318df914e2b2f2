//! The process of a deployment: where it listens, what it is given.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};

use super::record::Step;
use crate::launcher::{self, Launch, Mounted, Running};
use crate::stack;
use crate::stand_in::langfuse::{FAULT_VARIABLE, TABLES_VARIABLE};
use crate::stand_in::litellm::DROPS_VARIABLE;
use crate::state::{Deployment, State};
use crate::twin::Twin;

/// Where a deployment listens.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// What the process binds.
    pub(super) address: Ipv4Addr,
    pub(super) port: Option<u16>,
    service: Ipv4Addr,
    volume: Option<(PathBuf, String)>,
}

/// What it takes to start a deployment's process, again and again.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) deployment: String,
    pub(super) service: String,
    pub(super) place: Place,
    image: String,
    name: String,
    variables: BTreeMap<String, String>,
    start_command: Option<String>,
}

impl Place {
    /// Finds the place of `deployment`.
    ///
    /// Overlapping needs an address of its own behind the service's, and a port to forward, so a service
    /// with a volume or without `PORT` is replaced only after its predecessor is gone.
    pub(super) fn of(twin: &Arc<Twin>, deployment: &Deployment) -> Result<Self, String> {
        let port = deployment.variables.get("PORT").and_then(|port| port.parse().ok());
        let (service, volume, block) = twin.read(|state| {
            let service = state.service(&deployment.service_id).map(|service| service.address);
            let volume = state.volume_of(&deployment.service_id);
            let volume = volume
                .map(|volume| (twin.volume_folder(&volume.instance_id), volume.mount.clone()));
            (service, volume, state.block)
        });
        let service = service.ok_or_else(|| "the service was deleted".to_owned())?;
        let address = match (&volume, port) {
            (None, Some(port)) => twin
                .fronts
                .take(block, port)
                .ok_or_else(|| "no address is free in the lab".to_owned())?,
            (Some(_), _) | (None, None) => service,
        };
        Ok(Self { address, port, service, volume })
    }

    pub(super) fn overlaps(&self) -> bool {
        self.address != self.service
    }

    /// Returns the service's own endpoint and the process's behind it.
    pub(super) fn front(&self) -> Option<(SocketAddr, SocketAddr)> {
        let port = self.port.filter(|_| self.overlaps())?;
        Some((SocketAddr::from((self.service, port)), SocketAddr::from((self.address, port))))
    }
}

impl Process {
    pub(super) fn new(
        twin: &Arc<Twin>,
        deployment: &Deployment,
        image: String,
        place: Place,
    ) -> Self {
        let mut variables = deployment.variables.clone();
        variables.insert("RAILWAY_DEPLOYMENT_ID".to_owned(), deployment.id.clone());
        if deployment.text("healthcheckPath").is_some() {
            variables.entry("PORT".to_owned()).or_insert_with(|| "8080".to_owned());
        }
        let name = twin.read(|state| {
            resolve_private_names(state, &mut variables);
            state.service(&deployment.service_id).map(|service| service.name.clone())
        });
        let name = name.unwrap_or_default();
        for unreachable in twin.faults(|faults| faults.unreachable(&name)) {
            let address = twin.read(|state| state.named(&unreachable).map(|it| it.address));
            let Some(address) = address else { continue };
            for value in variables.values_mut() {
                *value = led_nowhere(value, address);
            }
        }
        if twin.faults(|faults| faults.drops_foreign()) {
            variables.insert(DROPS_VARIABLE.to_owned(), "true".to_owned());
        }
        if let Some(how) = twin.faults(|faults| faults.langfuse_migration()) {
            variables.insert(FAULT_VARIABLE.to_owned(), how.name().to_owned());
        }
        if twin.read(|state| stack::has_langfuse_tables(&state.stack)) {
            variables.insert(TABLES_VARIABLE.to_owned(), "true".to_owned());
        }
        Self {
            deployment: deployment.id.clone(),
            service: deployment.service_id.clone(),
            place,
            image,
            name,
            variables,
            start_command: deployment.text("startCommand").map(str::to_owned),
        }
    }

    /// Starts the process; an error was told by an event already.
    pub(super) async fn start(&self, twin: &Arc<Twin>) -> Result<Running, String> {
        let volume = self.place.volume.clone().map(|(folder, mount)| Mounted { folder, mount });
        for folder in volume
            .iter()
            .map(|volume| &volume.folder)
            .chain(twin.log_file(&self.deployment).parent().map(ToOwned::to_owned).iter())
        {
            let made = tokio::fs::create_dir_all(folder).await;
            made.map_err(|error| {
                self.refused(twin, &format!("could not make `{}`: {error}", folder.display()))
            })?;
        }
        let launch = Launch {
            service: self.name.clone(),
            image: self.image.clone(),
            variables: self.variables.clone(),
            start_command: self.start_command.clone(),
            volume,
            address: self.place.address,
            log: twin.log_file(&self.deployment),
            scratch: twin.scratch_folder(&self.deployment),
            programs: twin.programs.clone(),
            stand_in: twin.stand_in.clone(),
        };
        let running =
            launcher::launch(&launch).await.map_err(|error| self.refused(twin, &chain(&error)))?;
        let pid = running.pid();
        let (image, digest) = twin.read(|state| {
            let deployment = state.deployment(&self.deployment);
            let image = deployment.and_then(Deployment::image).unwrap_or_default().to_owned();
            (image, deployment.and_then(|deployment| deployment.digest.clone()))
        });
        if twin.faults(|faults| faults.unhealthy(&image, digest.as_deref())) {
            freeze(pid);
        }
        let address = self.place.address;
        twin.write(|state| {
            if let Some(deployment) = state.deployment_mut(&self.deployment) {
                deployment.pid = Some(pid);
                deployment.address = Some(address);
            }
        });
        Ok(running)
    }

    /// Gives back what the process held; there is none any more.
    pub(super) fn release(&self, twin: &Arc<Twin>) {
        if self.place.overlaps() {
            twin.fronts.leave(&self.deployment);
            twin.fronts.give_back(self.place.address);
        }
        twin.write(|state| {
            if let Some(deployment) = state.deployment_mut(&self.deployment) {
                deployment.pid = None;
            }
        });
    }

    fn refused(&self, twin: &Arc<Twin>, reason: &str) -> String {
        Step::begin(twin, &self.deployment, "CREATE_CONTAINER").failed("START_FAILED", reason);
        reason.to_owned()
    }
}

/// Replaces `<service>.railway.internal`, which no resolver of this machine knows, with the service's address.
fn resolve_private_names(state: &State, variables: &mut BTreeMap<String, String>) {
    let mut services: Vec<_> = state.services.iter().collect();
    // A name may be the end of another's, so the longest comes first.
    services.sort_by_key(|service| std::cmp::Reverse(service.name.len()));
    for value in variables.values_mut().filter(|value| value.contains(".railway.internal")) {
        for service in &services {
            *value = value.replace(
                &format!("{}.railway.internal", service.name),
                &service.address.to_string(),
            );
        }
    }
}

/// Replaces an address by one of this machine where nobody listens.
fn led_nowhere(text: &str, address: Ipv4Addr) -> String {
    let (address, nowhere) = (address.to_string(), Ipv4Addr::new(127, 255, 255, 254));
    let mut parts = text.split(&address);
    let mut led = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Another address may begin like this one.
        if part.starts_with(|next: char| next.is_ascii_digit()) {
            led.push_str(&address);
        } else {
            led.push_str(&nowhere.to_string());
        }
        led.push_str(part);
    }
    led
}

fn freeze(pid: u32) {
    let sent =
        i32::try_from(pid).ok().and_then(Pid::from_raw).map(|pid| kill_process(pid, Signal::STOP));
    if let Some(Err(error)) = sent {
        tracing::warn!(pid, %error, "could not freeze a process that was to be unhealthy");
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_address_is_led_nowhere() {
        let address = Ipv4Addr::new(127, 1, 0, 4);
        let nowhere = "postgresql://u:p@127.255.255.254:5432/d";
        assert_eq!(led_nowhere("postgresql://u:p@127.1.0.4:5432/d", address), nowhere);
        assert_eq!(led_nowhere("127.1.0.41 127.1.0.4", address), "127.1.0.41 127.255.255.254");
    }
}
