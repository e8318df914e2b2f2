//! `http-effects`: declaring HTTP requests that change something.

use lockstep_engine::model::Kind;

use super::ask::Answered;
use crate::bindings::lockstep::plugin::http_effects::{ArgumentRule, Host, Message, Proof, Times};
use crate::convert::Inward as _;
use crate::instance::Instance;

impl Host for Instance {
    async fn send(
        &mut self,
        label: String,
        endpoint: String,
        message: Message,
        rules: Vec<ArgumentRule>,
        times: Times,
        proof: Proof,
    ) -> Answered<()> {
        let kind = || Ok(Kind::HttpSend { endpoint, message: message.inward()? });
        self.declare_ruled(&label, rules, times, proof, kind).await
    }
}
