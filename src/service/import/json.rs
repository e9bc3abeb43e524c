//! JSON documents of any length, an element at a time: a list, or an object whose members are lists.

use std::fmt;
use std::io::{BufReader, Read};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::ReadError;
use super::meter::{Meter, without_mark};

/// Who is told of what is found: the member it is in (nothing for a list on its own), and what.
pub type Found<'a> = &'a mut dyn FnMut(&str, Value) -> Result<(), ReadError>;

struct Sink<'a> {
    found: Found<'a>,
    meter: &'a Meter,
    failure: Option<ReadError>,
}

impl Sink<'_> {
    fn tell<E: serde::de::Error>(&mut self, name: &str, value: Value) -> Result<(), E> {
        self.meter.record_ended();
        (self.found)(name, value).map_err(|failure| {
            self.failure = Some(failure);
            E::custom("stopped")
        })
    }
}

/// Gives every element of a list on its own, and of every list that is a member of one object, to `found`; other members
/// as they are.
pub fn each(input: impl Read, meter: &Meter, found: Found<'_>) -> Result<(), ReadError> {
    let mut sink = Sink { found, meter, failure: None };
    let mut reader = serde_json::Deserializer::from_reader(BufReader::new(without_mark(input)?));
    let read = reader.deserialize_any(Whole(&mut sink)).and_then(|()| reader.end());
    match (read, sink.failure) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(failure)) => Err(failure),
        (Err(error), None) if error.is_io() => Err(std::io::Error::from(error).into()),
        (Err(error), None) => Err(ReadError::Json { line: error.line(), column: error.column() }),
    }
}

/// The document itself.
struct Whole<'s, 'a>(&'s mut Sink<'a>);

impl<'de> Visitor<'de> for Whole<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        elements(self.0, "", list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            map.next_value_seed(Member { sink: self.0, name: &name })?;
        }
        Ok(())
    }
}

fn elements<'de, A: SeqAccess<'de>>(sink: &mut Sink<'_>, name: &str, mut list: A) -> Result<(), A::Error> {
    while let Some(value) = list.next_element::<Value>()? {
        sink.tell(name, value)?;
    }
    Ok(())
}

/// A member of the document.
struct Member<'s, 'a, 'n> {
    sink: &'s mut Sink<'a>,
    name: &'n str,
}

impl<'de> DeserializeSeed<'de> for Member<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        elements(self.sink, self.name, list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let value = Value::deserialize(MapAccessDeserializer::new(map))?;
        self.sink.tell(self.name, value)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.sink.tell(self.name, value.into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.sink.tell(self.name, value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.sink.tell(self.name, value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.sink.tell(self.name, value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.sink.tell(self.name, value.into())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.sink.tell(self.name, Value::Null)
    }
}
