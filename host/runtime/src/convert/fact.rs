//! Values, facts and arguments.

use lockstep_engine::model::{Argument, Fact, Hex, Moment, Value};

use super::{Inward, Outward, Refused};
use crate::bindings::lockstep::plugin::{effects, types};

impl Inward for types::Value {
    type Inside = Value;
    fn inward(self) -> Result<Value, Refused> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Boolean(flag) => Value::Boolean(flag),
            Self::Integer(number) => Value::Integer(number),
            Self::Real(number) if number.is_finite() => Value::Real(number),
            Self::Real(number) => {
                return Err(Refused(format!(
                    "the number {number} is not finite and can't be recorded"
                )));
            }
            Self::Decimal(text) => Value::Decimal(text),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(Hex(bytes)),
            Self::Moment(moment) => Value::Moment(Moment(moment)),
            Self::Sealed(handle) => Value::Sealed(handle),
            Self::Other((kind, text)) => Value::Other(kind, text),
        })
    }
}

impl Outward for Value {
    type Outside = types::Value;
    fn outward(self) -> types::Value {
        match self {
            Self::Null => types::Value::Null,
            Self::Boolean(flag) => types::Value::Boolean(flag),
            Self::Integer(number) => types::Value::Integer(number),
            Self::Real(number) => types::Value::Real(number),
            Self::Decimal(text) => types::Value::Decimal(text),
            Self::Text(text) => types::Value::Text(text),
            Self::Bytes(Hex(bytes)) => types::Value::Bytes(bytes),
            Self::Moment(Moment(moment)) => types::Value::Moment(moment),
            Self::Sealed(handle) => types::Value::Sealed(handle),
            Self::Other(kind, text) => types::Value::Other((kind, text)),
        }
    }
}

impl Inward for types::Fact {
    type Inside = Fact;
    fn inward(self) -> Result<Fact, Refused> {
        let rows = self
            .rows
            .inward()
            .map_err(|refused| refused.within(&format!("fact {:?}", self.name)))?;
        Ok(Fact { name: self.name, rows })
    }
}

impl Outward for Fact {
    type Outside = types::Fact;
    fn outward(self) -> types::Fact {
        types::Fact { name: self.name, rows: self.rows.outward() }
    }
}

impl Inward for effects::Argument {
    type Inside = Argument;
    fn inward(self) -> Result<Argument, Refused> {
        let value = self
            .value
            .inward()
            .map_err(|refused| refused.within(&format!("argument {:?}", self.name)))?;
        Ok(Argument { name: self.name, value })
    }
}
