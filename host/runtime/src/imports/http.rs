//! `http`: reading over HTTP.

use lockstep_engine::model::{HttpMethod, Read, Reading};

use super::ask::{Answered, only};
use crate::bindings::lockstep::plugin::http::{Host, Request, Response};
use crate::convert::Inward as _;
use crate::instance::Instance;

impl Host for Instance {
    async fn get(&mut self, request: Request) -> Answered<Response> {
        self.read(request.inward().map(|request| Read::Http(HttpMethod::Get, request)), only!(Http))
            .await
    }

    async fn head(&mut self, request: Request) -> Answered<Response> {
        self.read(
            request.inward().map(|request| Read::Http(HttpMethod::Head, request)),
            only!(Http),
        )
        .await
    }
}
