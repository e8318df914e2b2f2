//! Applying the redactor to the shapes that leave the crate.

use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{
    Backup, Deployment, DeploymentStatus, Fact, Failure, Hex, LogLine, Node, Problem, Reading,
    Rows, Service, Value, Variable, VariableValue,
};
use lockstep_engine::run::Follow;

use super::Redactor;

impl Redactor {
    /// Returns `reading` without known secrets.
    pub(crate) fn reading(&self, reading: Reading) -> Reading {
        match reading {
            Reading::Services(services) => {
                Reading::Services(services.into_iter().map(|one| self.service(one)).collect())
            }
            Reading::Variables(variables) => {
                Reading::Variables(variables.into_iter().map(|one| self.variable(one)).collect())
            }
            Reading::Destination(Some(mut location)) => {
                location.path = self.text(&location.path);
                location.user = location.user.map(|user| self.text(&user));
                Reading::Destination(Some(location))
            }
            Reading::Deployments(list) => {
                Reading::Deployments(list.into_iter().map(|one| self.deployment(one)).collect())
            }
            Reading::Deployment(found) => {
                Reading::Deployment(found.map(|one| self.deployment(one)))
            }
            Reading::Logs(lines) => Reading::Logs(
                lines
                    .into_iter()
                    .map(|line| LogLine { message: self.text(&line.message), ..line })
                    .collect(),
            ),
            Reading::Backups(backups) => Reading::Backups(
                backups
                    .into_iter()
                    .map(|backup| Backup { name: self.text(&backup.name), ..backup })
                    .collect(),
            ),
            Reading::Staged(lines) => {
                Reading::Staged(lines.iter().map(|line| self.text(line)).collect())
            }
            Reading::Redis(nodes) => {
                Reading::Redis(nodes.into_iter().map(|node| self.node(node)).collect())
            }
            Reading::Sql(rows) => Reading::Sql(Rows {
                columns: rows.columns.iter().map(|name| self.text(name)).collect(),
                rows: rows.rows.into_iter().map(|row| self.row(row)).collect(),
            }),
            Reading::Http(mut response) => {
                response.headers = response
                    .headers
                    .into_iter()
                    .map(|(name, value)| (name, self.text(&value)))
                    .collect();
                response.body = self.bytes(response.body);
                Reading::Http(response)
            }
            Reading::Template(Some(mut template)) => {
                for service in &mut template.services {
                    for (_, text) in &mut service.variables {
                        *text = self.text(text);
                    }
                }
                Reading::Template(Some(template))
            }
            // These hold numbers, hashes and fixed words only.
            other @ (Reading::Destination(None)
            | Reading::Template(None)
            | Reading::Traffic(_)
            | Reading::Published(_)
            | Reading::Keyspace(_)) => other,
        }
    }

    /// Returns `failure` without known secrets.
    pub(crate) fn failure(&self, failure: Failure) -> Failure {
        let problem = |problem: Problem| Problem {
            code: problem.code,
            message: self.text(&problem.message),
            extra: problem
                .extra
                .into_iter()
                .map(|(name, value)| (name, self.text(&value)))
                .collect(),
        };
        match failure {
            Failure::Transient(inner) => Failure::Transient(problem(inner)),
            Failure::Permanent(inner) => Failure::Permanent(problem(inner)),
            Failure::Denied(inner) => Failure::Denied(problem(inner)),
        }
    }

    /// Returns `facts` without known secrets.
    pub(crate) fn facts(&self, facts: Vec<Fact>) -> Vec<Fact> {
        let fact = |fact: Fact| Fact {
            name: fact.name,
            rows: fact.rows.into_iter().map(|row| self.row(row)).collect(),
        };
        facts.into_iter().map(fact).collect()
    }

    /// Returns `sent` without known secrets.
    pub(crate) fn sent(&self, sent: Sent) -> Sent {
        match sent {
            Sent::Done(facts) => Sent::Done(self.facts(facts)),
            Sent::Refused(failure) => Sent::Refused(self.failure(failure)),
            Sent::Unknown(failure) => Sent::Unknown(self.failure(failure)),
        }
    }

    /// Returns `fate` without known secrets.
    pub(crate) fn fate(&self, fate: Fate) -> Fate {
        match fate {
            Fate::Happened(facts) => Fate::Happened(self.facts(facts)),
            Fate::CannotTell(question) => Fate::CannotTell(self.text(&question)),
            other @ (Fate::DidNot | Fate::Partly | Fate::StillGoing) => other,
        }
    }

    /// Returns `follow` without known secrets.
    pub(crate) fn follow(&self, follow: Follow) -> Follow {
        match follow {
            Follow::Finished(facts) => Follow::Finished(self.facts(facts)),
            Follow::Going { after, note } => Follow::Going { after, note: self.text(&note) },
            Follow::Failed(why) => Follow::Failed(self.text(&why)),
        }
    }

    fn row(&self, row: Vec<Value>) -> Vec<Value> {
        row.into_iter().map(|value| self.value(value)).collect()
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::Text(text) => Value::Text(self.text(&text)),
            Value::Bytes(bytes) => Value::Bytes(Hex(self.bytes(bytes.0))),
            Value::Other(kind, text) => Value::Other(kind, self.text(&text)),
            other @ (Value::Null
            | Value::Boolean(_)
            | Value::Integer(_)
            | Value::Real(_)
            | Value::Decimal(_)
            | Value::Moment(_)
            | Value::Sealed(_)) => other,
        }
    }

    fn node(&self, node: Node) -> Node {
        match node {
            Node::Text(bytes) => Node::Text(self.bytes(bytes)),
            Node::Other(text) => Node::Other(self.text(&text)),
            other @ (Node::Nil
            | Node::Integer(_)
            | Node::Real(_)
            | Node::Boolean(_)
            | Node::Array(_)
            | Node::Pairs(_)) => other,
        }
    }

    fn service(&self, service: Service) -> Service {
        let settings =
            service.settings.into_iter().map(|(name, value)| (name, self.text(&value))).collect();
        Service { settings, ..service }
    }

    fn variable(&self, variable: Variable) -> Variable {
        let value = match variable.value {
            VariableValue::Shown(text) => VariableValue::Shown(self.text(&text)),
            other @ (VariableValue::Masked(_) | VariableValue::Unreadable) => other,
        };
        Variable { name: variable.name, value }
    }

    fn deployment(&self, deployment: Deployment) -> Deployment {
        let status = match deployment.status {
            DeploymentStatus::Failed(why) => DeploymentStatus::Failed(self.text(&why)),
            other @ (DeploymentStatus::InProgress(_)
            | DeploymentStatus::Success
            | DeploymentStatus::Stopped
            | DeploymentStatus::Crashed
            | DeploymentStatus::Removed
            | DeploymentStatus::Skipped
            | DeploymentStatus::NeedsApproval
            | DeploymentStatus::Other(_)) => other,
        };
        Deployment { status, ..deployment }
    }
}
