//! Finding the address at which Lockstep dials a service.

use std::collections::BTreeMap;
use std::sync::Arc;

use lockstep_engine::model::{Failure, ServiceRef};
use tokio::sync::Mutex;

use super::tunnel::Tunnel;
use crate::railway::{Railway, spoken};
use crate::settings::{Ssh, Via};

/// The variable that holds a service's private name.
const PRIVATE_DOMAIN: &str = "RAILWAY_PRIVATE_DOMAIN";

/// Where to dial.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether bytes cross the internet as they are.
    pub(crate) open: bool,
    /// Kept open as long as anybody holds the address.
    _tunnel: Option<Arc<Tunnel>>,
}

/// Finds addresses and keeps tunnels.
pub(crate) struct Reach {
    railway: Arc<Railway>,
    ssh: Ssh,
    tunnels: Mutex<BTreeMap<(String, u16), Arc<Tunnel>>>,
}

impl Reach {
    pub(crate) fn new(railway: Arc<Railway>, ssh: Ssh) -> Self {
        Self { railway, ssh, tunnels: Mutex::new(BTreeMap::new()) }
    }

    /// Returns where to dial `port` of `service`.
    pub(crate) async fn dial(
        &self,
        service: &str,
        port: u16,
        via: Via,
    ) -> Result<Address, Failure> {
        match via {
            Via::Private => {
                let host = self.private_domain(&ServiceRef::Named(service.to_owned())).await?;
                Ok(Address { host, port, open: false, _tunnel: None })
            }
            Via::TcpProxy { .. } => {
                let scope = self.railway.named(&ServiceRef::Named(service.to_owned())).await?;
                let found = self.railway.proxy(scope.service_id(), port).await?;
                let (host, port) = found.ok_or_else(|| {
                    let text = format!("service `{service}` has no TCP proxy to port {port}, and opening one would need a redeploy");
                    Failure::permanent("via:no-proxy", text)
                })?;
                Ok(Address { host, port, open: true, _tunnel: None })
            }
            Via::Ssh => self.tunnel(service, port).await,
        }
    }

    /// Returns a service's name in the private network: what another server dials.
    pub(crate) async fn private_domain(&self, service: &ServiceRef) -> Result<String, Failure> {
        let rendered = self.railway.dialled(service).await?;
        rendered.get(PRIVATE_DOMAIN).filter(|host| !host.is_empty()).cloned().ok_or_else(|| {
            let text = format!("service `{}` has no private domain", spoken(service));
            Failure::permanent("via:no-private-domain", text)
        })
    }

    async fn tunnel(&self, service: &str, port: u16) -> Result<Address, Failure> {
        let scope = self.railway.named(&ServiceRef::Named(service.to_owned())).await?;
        // A tunnel ends in one container, so each deployment needs a new one.
        let running = scope.instance.active_deployments.iter().find(|one| one.status == "SUCCESS");
        let identity = format!(
            "{}/{}",
            scope.instance.id,
            running.map(|one| one.id.as_str()).unwrap_or_default()
        );
        let mut tunnels = self.tunnels.lock().await;
        let key = (service.to_owned(), port);
        let mut found = None;
        if let Some(tunnel) = tunnels.get(&key)
            && tunnel.leads_to(&identity).await
        {
            found = Some(tunnel.clone());
        }
        let tunnel = match found {
            Some(tunnel) => tunnel,
            None => Arc::new(Tunnel::open(&self.ssh, &scope.instance.id, identity, port).await?),
        };
        tunnels.insert(key, tunnel.clone());
        Ok(Address {
            host: "127.0.0.1".to_owned(),
            port: tunnel.port,
            open: false,
            _tunnel: Some(tunnel),
        })
    }
}
