//! The engine's port to the outside. Everything that leaves it has been searched for secrets.

use std::collections::BTreeMap;

use lockstep_engine::journal::{Fate, Intent, Sent, Standing};
use lockstep_engine::model::{
    Canary, CanaryTally, Composed as Pieces, Fact, Failure, Kind, Message, Moment, Numbers, Placed,
    Read, Reading, Statement, Survey,
};
use lockstep_engine::policy::Admitted;
use lockstep_engine::run::{Follow, World};
use tracing::Instrument as _;

use crate::compose::Spot;
use crate::drivers::Drivers;
use crate::http::Ready;
use crate::order::Order;
use crate::railway::{Deadline, is_railway, spoken};
use crate::span;
use crate::sql::{Block, Composed};

/// Commands of Redis that take a credential, by their first two words.
const TAKES_CREDENTIAL: [(&str, &str); 3] =
    [("CONFIG", "SET"), ("ACL", "SETUSER"), ("SENTINEL", "SET")];

impl World for Drivers {
    async fn survey(&self) -> Result<Survey, Failure> {
        let found = self.railway.survey().await;
        let survey = found.map_err(|failure| self.redactor.failure(failure))?;
        Ok(Survey { connections: self.composer.served_by(), ..survey })
    }

    async fn read(&self, read: &Read) -> Result<Reading, Failure> {
        match self.answer(read).instrument(span::read(read)).await {
            Ok(reading) => Ok(self.redactor.reading(reading)),
            Err(failure) => Err(self.redactor.failure(failure)),
        }
    }

    async fn schema(&self, connection: &str) -> Result<BTreeMap<String, String>, Failure> {
        let found = self.sql.schema(connection).await;
        let objects = found.map_err(|failure| self.redactor.failure(failure))?;
        Ok(objects.into_iter().map(|(object, hash)| (self.redactor.text(&object), hash)).collect())
    }

    async fn claim(&self) -> Result<Option<String>, Failure> {
        let found = self.railway.claim().await;
        found
            .map(|text| text.map(|text| self.redactor.text(&text)))
            .map_err(|failure| self.redactor.failure(failure))
    }

    async fn put_claim(&self, text: &str) -> Result<(), Failure> {
        self.railway.put_claim(text).await.map_err(|failure| self.redactor.failure(failure))
    }

    async fn standing(&self, effect: &Admitted) -> Result<Standing, Failure> {
        let order = Order::of(effect);
        self.sql.end_other_jobs(order.marker).await;
        let found = self.stand(&order).await;
        let found = found.map_err(|failure| self.redactor.failure(failure))?;
        // A value before belongs to the plan and the journal, where no secret may be.
        for (name, value) in &found {
            if value.as_ref().is_some_and(|value| self.redactor.text(value) != *value) {
                return Err(Failure::permanent(
                    "secret:written-out",
                    format!(
                        "`{name}` holds a secret written out, so effect `{}` can't change it: put the secret into a \
                         variable and refer to that",
                        effect.effect().label
                    ),
                ));
            }
        }
        Ok(found)
    }

    async fn send(&self, effect: &Admitted, intent: &Intent) -> Sent {
        let order = Order::of(effect);
        let sent = self.perform(&order, intent).instrument(span::send(&order)).await;
        self.redactor.sent(sent)
    }

    async fn fence(&self, effect: &Admitted) {
        if let Err(failure) = self.cut_off(&Order::of(effect)).await {
            let label = &effect.effect().label;
            tracing::warn!(%label, %failure, "could not end the connections of another process");
        }
    }

    async fn settle(&self, effect: &Admitted, intent: &Intent) -> Fate {
        match self.find_out(&Order::of(effect), intent).await {
            Ok(fate) => self.redactor.fate(fate),
            // A look that failed for now tells nothing yet. One that will fail again is a question for a person.
            Err(Failure::Transient(problem)) => {
                tracing::warn!(label = %intent.label, %problem, "could not find out yet what became of an effect");
                Fate::StillGoing
            }
            Err(failure @ (Failure::Permanent(_) | Failure::Denied(_))) => {
                let failure = self.redactor.failure(failure);
                Fate::CannotTell(format!(
                    "could not find out what became of effect `{}`: {failure}; did it happen?",
                    intent.label
                ))
            }
        }
    }

    async fn follow(
        &self,
        effect: &Admitted,
        intent: &Intent,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        match self.follow_order(&Order::of(effect), intent, outcome).await {
            Ok(follow) => Ok(self.redactor.follow(follow)),
            Err(failure) => Err(self.redactor.failure(failure)),
        }
    }

    fn begin_canaries(&self, canaries: Vec<Placed>, began: Moment) {
        self.canaries.begin(canaries, began);
    }

    async fn end_canaries(&self) {
        self.canaries.end().await;
    }

    fn tallies(&self) -> Vec<(Canary, CanaryTally)> {
        self.canaries.tallies()
    }

    async fn missing(&self, canary: &Canary, acknowledged: &Numbers) -> Result<Numbers, Failure> {
        self.missing_canaries(canary, acknowledged).await
    }

    async fn let_go(&self) {
        self.sql.let_go().await;
    }
}

impl Drivers {
    /// Ends the connections by which another process may still carry out an effect.
    pub(crate) async fn cut_off(&self, order: &Order<'_>) -> Result<(), Failure> {
        let kind = &order.effect.kind;
        if let Kind::SqlExecute { connection, .. } = kind {
            return self.sql.fence(order, connection).await;
        }
        if let Kind::RedisCommand { connection, .. } = kind {
            return self.redis.fence(order, connection).await;
        }
        if let Kind::Transfer(transfer) = kind
            && let Some(changed) = transfer.changes()
        {
            return self.sql.fence(order, changed).await;
        }
        // A block on writes is ended when it is released; the other kinds know no connections.
        Ok(())
    }

    pub(crate) async fn follow_order(
        &self,
        order: &Order<'_>,
        intent: &Intent,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        if let Kind::Transfer(transfer) = &order.effect.kind {
            return self.sql.follow_transfer(order, transfer);
        }
        let values = self.values(order).await?;
        self.railway.follow(order, &values, intent, outcome).await
    }

    pub(crate) async fn stand(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        let kind = &order.effect.kind;
        if let Kind::SqlExecute { connection, atomicity, .. } = kind {
            return self.sql.standing(order, connection, *atomicity).await;
        }
        if let Kind::Transfer(transfer) = kind {
            return Box::pin(self.sql.transfer_standing(order, transfer)).await;
        }
        if is_railway(kind) { self.railway.standing(order).await } else { Ok(Standing::new()) }
    }

    pub(crate) async fn perform(&self, order: &Order<'_>, intent: &Intent) -> Sent {
        let deadline = Deadline { not_after: intent.not_after, now: &self.now };
        if let Kind::HoldWrites { connection, schemas, max_outage, lock_timeout } =
            &order.effect.kind
        {
            let (max_outage, lock_timeout) = (*max_outage, *lock_timeout);
            let block = Block { connection, schemas, max_outage, lock_timeout };
            return self.sql.hold(order, &block, deadline).await;
        }
        if let Kind::ReleaseWrites { connection, hold } = &order.effect.kind {
            return self.sql.release(order, connection, hold).await;
        }
        if let Kind::Transfer(transfer) = &order.effect.kind {
            return Box::pin(self.sql.transfer(order, transfer, intent, deadline)).await;
        }
        // What is put together is read from Railway, so it is put together before the effect begins.
        match self.ready(order).await {
            Ok(Material::Values(values)) => {
                self.railway.send(order, &values, intent, deadline).await
            }
            Ok(Material::Redis(connection, words)) => {
                self.redis.perform(order, connection, &words, deadline).await
            }
            Ok(Material::Sql(connection, statements)) => {
                let Kind::SqlExecute { atomicity, .. } = &order.effect.kind else {
                    return Sent::Refused(mixed());
                };
                self.sql.execute(order, connection, &statements, *atomicity, intent, deadline).await
            }
            Ok(Material::Http(endpoint, message)) => {
                let (sent, sealed) = self.http.send(order, endpoint, &message, deadline).await;
                self.composer.seal(sealed);
                sent
            }
            Err(failure) => Sent::Refused(failure),
        }
    }

    pub(crate) async fn find_out(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let kind = &order.effect.kind;
        if let Kind::RedisCommand { connection, .. } = kind {
            return self.redis.settle(order, connection, intent).await;
        }
        if let Kind::SqlExecute { connection, atomicity, .. } = kind {
            return self.sql.settle(order, connection, *atomicity, intent).await;
        }
        if let Kind::HoldWrites { connection, .. } = kind {
            return self.sql.settle_hold(order, connection).await;
        }
        if let Kind::ReleaseWrites { connection, hold } = kind {
            return self.sql.settle_release(order, connection, hold).await;
        }
        if let Kind::Transfer(transfer) = kind {
            return self.sql.settle_transfer(order, transfer, intent).await;
        }
        if let Kind::HttpSend { endpoint, .. } = kind {
            return self.http.settle(order, endpoint, intent).await;
        }
        let values = self.values(order).await?;
        self.railway.settle(order, &values, intent).await
    }

    async fn ready<'a>(&self, order: &Order<'a>) -> Result<Material<'a>, Failure> {
        let kind = &order.effect.kind;
        if let Kind::RedisCommand { connection, words } = kind {
            return Ok(Material::Redis(connection, self.words(order, connection, words).await?));
        }
        if let Kind::SqlExecute { connection, statements, .. } = kind {
            let mut composed = Vec::with_capacity(statements.len());
            for statement in statements {
                composed.push(self.statement(order, connection, statement).await?);
            }
            return Ok(Material::Sql(connection, composed));
        }
        if let Kind::HttpSend { endpoint, message } = kind {
            return Ok(Material::Http(endpoint, self.message(order, endpoint, message).await?));
        }
        Ok(Material::Values(self.values(order).await?))
    }

    async fn words(
        &self,
        order: &Order<'_>,
        connection: &str,
        words: &[Pieces],
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let mut composed: Vec<Vec<u8>> = Vec::with_capacity(words.len());
        for word in words {
            let upper = |index: usize| {
                composed
                    .get(index)
                    .map(|word: &Vec<u8>| String::from_utf8_lossy(word).to_ascii_uppercase())
            };
            let credential = TAKES_CREDENTIAL.iter().any(|(first, second)| {
                upper(0).as_deref() == Some(*first) && upper(1).as_deref() == Some(*second)
            });
            let spot = Spot::Redis { connection, credential };
            composed.push(self.composer.compose(order, word, spot).await?.into_bytes());
        }
        Ok(composed)
    }

    async fn statement(
        &self,
        order: &Order<'_>,
        connection: &str,
        statement: &Statement,
    ) -> Result<Composed, Failure> {
        let text = self.composer.compose(order, &statement.text, Spot::Sql(connection)).await?;
        let parameter = |name: &String| {
            let missing =
                || Failure::permanent("effect:argument", format!("argument `{name}` is missing"));
            order.argument(name).cloned().ok_or_else(missing)
        };
        let parameters = statement.parameters.iter().map(parameter).collect::<Result<_, _>>()?;
        Ok(Composed { text, parameters, affects: statement.affects })
    }

    async fn message(
        &self,
        order: &Order<'_>,
        endpoint: &str,
        message: &Message,
    ) -> Result<Ready, Failure> {
        let mut headers = Vec::with_capacity(message.headers.len());
        for (name, value) in &message.headers {
            headers.push((
                name.clone(),
                self.composer.compose(order, value, Spot::Endpoint(endpoint)).await?,
            ));
        }
        Ok(Ready {
            method: message.method.clone(),
            path: self.composer.compose(order, &message.path, Spot::Path).await?,
            headers,
            body: self.composer.compose(order, &message.body, Spot::Endpoint(endpoint)).await?,
            success: message.success.clone(),
            captures: message.captures.clone(),
        })
    }

    /// Composes the values of an effect that assigns variables; none for any other.
    async fn values(&self, order: &Order<'_>) -> Result<Vec<(String, String)>, Failure> {
        let (service, assignments) =
            if let Kind::SetVariables { service, assignments } = &order.effect.kind {
                (spoken(service), assignments.as_slice())
            } else if let Some(made) = order.effect.kind.makes() {
                (made.name, made.assignments)
            } else {
                return Ok(Vec::new());
            };
        let mut values = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let spot = Spot::Variable { service, name: &assignment.name };
            values.push((
                assignment.name.clone(),
                self.composer.compose(order, &assignment.value, spot).await?,
            ));
        }
        Ok(values)
    }
}

/// What an effect sends, put together.
enum Material<'a> {
    Values(Vec<(String, String)>),
    Redis(&'a str, Vec<Vec<u8>>),
    Sql(&'a str, Vec<Composed>),
    Http(&'a str, Ready),
}

fn mixed() -> Failure {
    Failure::permanent("effect:kind", "the effect's material is not of its kind")
}
