//! `railway`: reading one Railway environment.

use lockstep_engine::model::{Call, Moment, Read, Reading};

use super::ask::{Answered, only, refusal};
use crate::bindings::lockstep::plugin::railway::{
    Backup, Deployment, Host, Location, LogLine, Publication, Service, ServiceRef, Tally, Template,
    Variable,
};
use crate::convert::{Inward as _, name};
use crate::instance::Instance;

impl Host for Instance {
    async fn services(&mut self) -> Answered<Vec<Service>> {
        self.read(Ok(Read::Services), only!(Services)).await
    }

    async fn variables(&mut self, service: ServiceRef) -> Answered<Vec<Variable>> {
        self.read(service.inward().map(Read::Variables), only!(Variables)).await
    }

    async fn destination(
        &mut self,
        service: ServiceRef,
        name: String,
    ) -> Answered<Option<Location>> {
        self.read(
            service.inward().map(|service| Read::Destination(service, name)),
            only!(Destination),
        )
        .await
    }

    async fn deployments(&mut self, service: ServiceRef, limit: u32) -> Answered<Vec<Deployment>> {
        self.read(
            service.inward().map(|service| Read::Deployments(service, limit)),
            only!(Deployments),
        )
        .await
    }

    async fn deployment_of(&mut self, effect: String) -> Answered<Option<Deployment>> {
        match name(&effect) {
            Ok(label) => self.reading(Call::DeploymentOf(label), only!(Deployment)).await,
            Err(refused) => Ok(Err(refusal(refused))),
        }
    }

    async fn logs(
        &mut self,
        service: ServiceRef,
        since: u64,
        filter: String,
        limit: u32,
    ) -> Answered<Vec<LogLine>> {
        let read =
            service.inward().map(|service| Read::Logs(service, Moment(since), filter, limit));
        self.read(read, only!(Logs)).await
    }

    async fn traffic(&mut self, service: ServiceRef, since: u64, until: u64) -> Answered<Tally> {
        let read =
            service.inward().map(|service| Read::Traffic(service, Moment(since), Moment(until)));
        self.read(read, only!(Traffic)).await
    }

    async fn backups(&mut self, service: ServiceRef) -> Answered<Vec<Backup>> {
        self.read(service.inward().map(Read::Backups), only!(Backups)).await
    }

    async fn staged(&mut self) -> Answered<Vec<String>> {
        self.read(Ok(Read::Staged), only!(Staged)).await
    }

    async fn published(&mut self, image: String) -> Answered<Option<Publication>> {
        self.read(Ok(Read::Published(image)), only!(Published)).await
    }

    async fn published_template(&mut self, code: String) -> Answered<Option<Template>> {
        self.read(Ok(Read::Template(code)), only!(Template)).await
    }
}
