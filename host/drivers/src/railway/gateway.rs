//! Railway's API for one environment: what reads, effects and connections share.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lockstep_engine::journal::{Fate, Intent};
use lockstep_engine::model::{Failure, Millis, ServiceRef, Survey};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::client::{CallError, Client, Deadline};
use super::documents::{self, Document};
use super::estate::Estate;
use super::variables::Configured;
use super::wire::{ConfigHolder, EstatePage, Instance, Proxy, SealedHolder, VariableMap};
use crate::drivers::OpenError;
use crate::order::Order;
use crate::secrets::{Redactor, secrets_of};
use crate::settings::{Now, Settings};

/// The variable that says which effect made a service.
pub(super) const MADE_BY: &str = "LOCKSTEP_EFFECT";

/// The variable that says under which alias.
pub(super) const MADE_AS: &str = "LOCKSTEP_ALIAS";

/// How long one look at the environment serves the reads that follow it. Effects look again each time.
const FRESH: Duration = Duration::from_secs(1);

/// How many quiet times work in the background may take before anything shows of it.
const IN_THE_MAKING: u64 = 4;

/// How long a service's address and password are taken for what they were. A connection that fails asks again.
const DIALLED: Duration = Duration::from_mins(1);

/// One Railway environment.
pub(crate) struct Railway {
    client: Client,
    pub(super) project_id: String,
    pub(super) environment_id: String,
    pub(super) key: [u8; 32],
    pub(super) poll: Millis,
    pub(super) quiet: Millis,
    pub(super) now: Now,
    redactor: Redactor,
    looked: Mutex<Looked>,
    recent: Mutex<BTreeMap<String, Recent>>,
}

/// What the newest look at the environment found, as far as it was asked.
#[derive(Default)]
struct Looked {
    estate: Option<(Instant, Estate)>,
    /// Sealed variables by service and name; never older than the estate.
    sealed: Option<BTreeSet<(String, String)>>,
}

/// A service's rendered variables, and when they were read.
type Recent = (Instant, BTreeMap<String, String>);

/// The service that an effect is about.
pub(crate) struct Scope {
    pub(crate) instance: Instance,
    pub(crate) estate: Estate,
}

impl Scope {
    pub(crate) fn service_id(&self) -> &str {
        &self.instance.service_id
    }
}

impl Railway {
    pub(crate) fn new(settings: &Settings, redactor: Redactor) -> Result<Self, OpenError> {
        Ok(Self {
            client: Client::new(settings)?,
            project_id: settings.project_id.clone(),
            environment_id: settings.environment_id.clone(),
            key: settings.fingerprint_key,
            poll: settings.poll,
            quiet: settings.quiet,
            now: settings.now.clone(),
            redactor,
            looked: Mutex::default(),
            recent: Mutex::new(BTreeMap::new()),
        })
    }

    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        document: &Document,
        variables: Value,
    ) -> Result<T, Failure> {
        self.client.read(document, variables).await
    }

    /// Sends a mutation, once, and forgets what the environment looked like.
    pub(super) async fn mutate<T: DeserializeOwned>(
        &self,
        document: &Document,
        variables: Value,
        deadline: Deadline<'_>,
    ) -> Result<T, CallError> {
        let answer = self.client.mutate(document, variables, deadline).await;
        *self.looked.lock().await = Looked::default();
        self.forget_addresses().await;
        answer
    }

    /// Sends a mutation that answers with a truth value. `false` means that Railway applied nothing.
    pub(super) async fn mutate_bool(
        &self,
        document: &Document,
        variables: Value,
        deadline: Deadline<'_>,
    ) -> Result<(), CallError> {
        if self.mutate::<bool>(document, variables, deadline).await? {
            return Ok(());
        }
        let name = document.name;
        Err(CallError::Unknown(Failure::permanent(
            "railway:not-applied",
            format!("Railway answered `{name}` with false"),
        )))
    }

    /// Looks at all services and volumes, or returns a look that is younger than a moment.
    pub(crate) async fn estate(&self) -> Result<Estate, Failure> {
        let mut looked = self.looked.lock().await;
        if let Some((at, estate)) = looked.estate.as_ref()
            && at.elapsed() < FRESH
        {
            return Ok(estate.clone());
        }
        let estate = self.look().await?;
        *looked = Looked { estate: Some((Instant::now(), estate.clone())), sealed: None };
        Ok(estate)
    }

    /// Looks at all services and volumes now.
    pub(crate) async fn fresh_estate(&self) -> Result<Estate, Failure> {
        *self.looked.lock().await = Looked::default();
        self.estate().await
    }

    async fn look(&self) -> Result<Estate, Failure> {
        let mut estate = Estate { instances: Vec::new(), volumes: Vec::new() };
        let (mut services, mut volumes) = (None, None);
        let (mut more_services, mut more_volumes) = (true, true);
        while more_services || more_volumes {
            let variables = json!({
                "environment": self.environment_id, "project": self.project_id, "services": services, "volumes": volumes,
            });
            let page: EstatePage = self.read(&documents::ESTATE, variables).await?;
            let (next_service, next_volume) =
                (page.service_instances.next(), page.volume_instances.next());
            if more_services {
                estate.instances.extend(page.service_instances.nodes());
            }
            if more_volumes {
                let there = page.volume_instances.nodes();
                estate.volumes.extend(
                    there.filter(|volume| {
                        !volume.is_pending_deletion && volume.deleted_at.is_none()
                    }),
                );
            }
            (more_services, more_volumes) = (next_service.is_some(), next_volume.is_some());
            services = next_service.or(services);
            volumes = next_volume.or(volumes);
        }
        Ok(estate)
    }

    pub(crate) async fn survey(&self) -> Result<Survey, Failure> {
        Ok(self.fresh_estate().await?.survey(&self.project_id, &self.environment_id))
    }

    /// Returns the service that a read names.
    pub(crate) async fn named(&self, service: &ServiceRef) -> Result<Scope, Failure> {
        let estate = self.estate().await?;
        let instance = match service {
            ServiceRef::Named(name) => estate.by_name(name)?.clone(),
            ServiceRef::Made(alias) => self.made(&estate, alias, "lockstep-").await?,
        };
        Ok(Scope { instance, estate })
    }

    /// Returns the service that an effect is about, as it is now.
    pub(crate) async fn scope(&self, order: &Order<'_>) -> Result<Scope, Failure> {
        let estate = self.fresh_estate().await?;
        let instance = match order.effect.kind.service() {
            Some(ServiceRef::Named(name)) => estate.pinned(name, order.pin)?.clone(),
            Some(ServiceRef::Made(alias)) => self.made(&estate, alias, order.run_prefix()).await?,
            None => {
                let function = order.effect.kind.function();
                return Err(Failure::permanent(
                    "railway:no-service",
                    format!("effect `{function}` names no service"),
                ));
            }
        };
        Ok(Scope { instance, estate })
    }

    /// Finds the service that an effect of a run made under `alias`: it carries the effect's marker.
    pub(crate) async fn made(
        &self,
        estate: &Estate,
        alias: &str,
        prefix: &str,
    ) -> Result<Instance, Failure> {
        let mut found = None;
        for instance in &estate.instances {
            let variables = self.variable_map(&instance.service_id, true).await?;
            let is = |name: &str| variables.get(name).cloned().flatten().unwrap_or_default();
            if is(MADE_AS) == alias
                && is(MADE_BY).starts_with(prefix)
                && found.replace(instance).is_some()
            {
                let text = format!("two services of the environment were made as `{alias}`");
                return Err(Failure::permanent("railway:two-services", text));
            }
        }
        found.cloned().ok_or_else(|| {
            Failure::permanent(
                "railway:no-service",
                format!("no service of the environment was made as `{alias}`"),
            )
        })
    }

    /// Returns one service's variables, references unrendered or rendered.
    pub(super) async fn variable_map(
        &self,
        service_id: &str,
        unrendered: bool,
    ) -> Result<VariableMap, Failure> {
        let variables = json!({
            "project": self.project_id, "environment": self.environment_id, "service": service_id, "unrendered": unrendered,
        });
        self.read(&documents::VARIABLES, variables).await
    }

    /// Returns one service's variables as configured, with the names of sealed ones.
    pub(crate) async fn configured(&self, instance: &Instance) -> Result<Configured, Failure> {
        let map = self.variable_map(&instance.service_id, true).await?;
        let sealed = self.sealed(&instance.service_id).await?;
        let values: BTreeMap<String, String> =
            map.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let sealed = sealed.into_iter().filter(|name| !values.contains_key(name)).collect();
        let service = instance.service_name.clone();
        self.redactor
            .learn(values.iter().flat_map(|(name, value)| secrets_of(&service, name, value)));
        Ok(Configured { service, values, sealed })
    }

    /// Returns the names of a service's sealed variables. One query tells those of all services, and serves as long as the
    /// look that it belongs to.
    async fn sealed(&self, service_id: &str) -> Result<BTreeSet<String>, Failure> {
        let mut looked = self.looked.lock().await;
        let all = match &looked.sealed {
            Some(all) => all,
            None => looked.sealed.insert(self.all_sealed().await?),
        };
        let ours = all.iter().filter(|(service, _)| service == service_id);
        Ok(ours.map(|(_, name)| name.clone()).collect())
    }

    async fn all_sealed(&self) -> Result<BTreeSet<(String, String)>, Failure> {
        let mut sealed = BTreeSet::new();
        let mut after = None;
        loop {
            let variables = json!({ "environment": self.environment_id, "after": after });
            let holder: SealedHolder = self.read(&documents::SEALED, variables).await?;
            after = holder.variables.next();
            let found = holder.variables.nodes().filter(|variable| variable.is_sealed);
            sealed.extend(found.filter_map(|variable| Some((variable.service_id?, variable.name))));
            if after.is_none() {
                return Ok(sealed);
            }
        }
    }

    /// Returns one service's variables as rendered. What looks secret among them is searched for from now on.
    pub(crate) async fn rendered(
        &self,
        instance: &Instance,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let map = self.variable_map(&instance.service_id, false).await?;
        let values: BTreeMap<String, String> =
            map.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let service = &instance.service_name;
        self.redactor
            .learn(values.iter().flat_map(|(name, value)| secrets_of(service, name, value)));
        Ok(values)
    }

    /// Returns a service's rendered variables as they were a moment ago: what dialling it takes, without asking Railway
    /// each time.
    pub(crate) async fn dialled(
        &self,
        service: &ServiceRef,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let key = format!("{service:?}");
        if let Some((at, values)) = self.recent.lock().await.get(&key)
            && at.elapsed() < DIALLED
        {
            return Ok(values.clone());
        }
        let scope = self.named(service).await?;
        let values = self.rendered(&scope.instance).await?;
        self.recent.lock().await.insert(key, (Instant::now(), values.clone()));
        Ok(values)
    }

    /// Forgets what dialling services takes: something was changed, or a connection failed.
    pub(crate) async fn forget_addresses(&self) {
        self.recent.lock().await.clear();
    }

    /// Returns the environment's configuration document.
    pub(super) async fn config(&self) -> Result<Value, Failure> {
        let variables = json!({ "environment": self.environment_id });
        Ok(self.read::<ConfigHolder>(&documents::CONFIG, variables).await?.config)
    }

    /// Returns where an existing TCP proxy leads to `port` of a service.
    pub(crate) async fn proxy(
        &self,
        service_id: &str,
        port: u16,
    ) -> Result<Option<(String, u16)>, Failure> {
        let variables = json!({ "environment": self.environment_id, "service": service_id });
        let proxies: Vec<Proxy> = self.read(&documents::PROXIES, variables).await?;
        let mut fitting = proxies
            .into_iter()
            .filter(|proxy| proxy.application_port == port && proxy.deleted_at.is_none());
        Ok(fitting.next().map(|proxy| (proxy.domain, proxy.port)))
    }

    /// Returns whether a request of this intent may still be under way: it may have left as late as the intent allows.
    pub(super) fn may_be_under_way(&self, intent: &Intent) -> bool {
        (self.now)() < intent.not_after.plus(self.quiet)
    }

    /// Returns whether Railway may still be making what a request of this intent asked for, although nothing shows of it:
    /// what it makes in the background is listed only once it is whole.
    pub(super) fn may_be_in_the_making(&self, intent: &Intent) -> bool {
        let patience = Millis(self.quiet.0.saturating_mul(IN_THE_MAKING));
        (self.now)() < intent.not_after.plus(patience)
    }

    /// Takes what does not show yet for undone only once no request of the intent can still bring it about.
    pub(super) fn unless_under_way(&self, intent: &Intent, fate: Fate) -> Fate {
        match fate {
            Fate::DidNot | Fate::Partly if self.may_be_under_way(intent) => Fate::StillGoing,
            Fate::Happened(_)
            | Fate::DidNot
            | Fate::Partly
            | Fate::StillGoing
            | Fate::CannotTell(_) => fate,
        }
    }
}
