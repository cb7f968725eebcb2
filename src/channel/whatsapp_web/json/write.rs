//! From the protocol library's form to the API's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{self, Serialize};
use serde_json::{Map, Value};

use super::{camel, lower_first};

/// The API's form of a protocol message.
///
/// # Errors
/// When the value has a map whose keys are not text, which protobuf's never are.
pub fn to_value(value: &impl Serialize) -> Result<Value, Failed> {
    Ok(value.serialize(Writer)?.into_value())
}

/// A value that has no form in the API.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(String);

impl ser::Error for Failed {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Enums that the contract shows by number: their names in the order of the numbers, from 0.
const NUMBERED: [(&str, &[&str]); 3] = [
    ("listType", &["UNKNOWN", "SINGLE_SELECT", "PRODUCT_LIST"]),
    ("type", &["UNKNOWN", "DISPLAY_TEXT"]),
    ("initiator", &["CHANGED_IN_CHAT", "INITIATED_BY_ME", "INITIATED_BY_OTHER", "BIZ_UPGRADE_FB_HOSTING"]),
];

/// Lists that the contract shows also when they are empty, by the message that has them.
const SHOWN_EMPTY: (&str, [&str; 2]) = ("ContextInfo", ["mentionedJid", "groupMentions"]);

/// `Byte` tells the elements of a byte string from numbers: protobuf has no 8-bit numbers. Of a
/// `oneof` the library makes an object in the object; the API shows its field beside the others.
enum Out {
    Value(Value),
    Byte(u8),
    Name(&'static str),
    OneOf(String, Value),
}

impl Out {
    fn into_value(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Byte(byte) => Value::from(byte),
            Self::Name(name) => Value::from(name),
            Self::OneOf(field, content) => Value::Object(Map::from_iter([(field, content)])),
        }
    }
}

fn is_absent(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

#[derive(Clone, Copy)]
struct Writer;

struct List(Vec<Out>);

#[derive(Default)]
struct Object {
    /// The name of the message; empty for a map.
    name: &'static str,
    fields: Map<String, Value>,
    key: String,
}

macro_rules! plain {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, value: $type) -> Result<Out, Failed> { Ok(Out::Value(Value::from(value))) })*
    };
}

impl ser::Serializer for Writer {
    type Ok = Out;
    type Error = Failed;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Object;
    type SerializeStruct = Object;
    type SerializeStructVariant = Object;

    plain! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32, serialize_f64: f64,
        serialize_str: &str,
    }

    fn serialize_u8(self, value: u8) -> Result<Out, Failed> {
        Ok(Out::Byte(value))
    }

    fn serialize_char(self, value: char) -> Result<Out, Failed> {
        Ok(Out::Value(Value::from(value.to_string())))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Out, Failed> {
        Ok(Out::Value(Value::from(STANDARD.encode(value))))
    }

    fn serialize_none(self) -> Result<Out, Failed> {
        Ok(Out::Value(Value::Null))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Out, Failed> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Out, Failed> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Out, Failed> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Out, Failed> {
        Ok(Out::Name(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Out, Failed> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Out, Failed> {
        let content = value.serialize(self)?.into_value();
        Ok(Out::OneOf(lower_first(variant), content))
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<List, Failed> {
        Ok(List(Vec::new()))
    }

    fn serialize_tuple(self, _len: usize) -> Result<List, Failed> {
        Ok(List(Vec::new()))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List, Failed> {
        Ok(List(Vec::new()))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<List, Failed> {
        Ok(List(Vec::new()))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Object, Failed> {
        Ok(Object::default())
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Object, Failed> {
        Ok(Object { name, ..Object::default() })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Object, Failed> {
        Ok(Object::default())
    }
}

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        self.0.push(value.serialize(Writer)?);
        Ok(())
    }

    fn finish(self) -> Out {
        let bytes: Option<Vec<u8>> =
            self.0.iter().map(|out| if let Out::Byte(byte) = out { Some(*byte) } else { None }).collect();
        Out::Value(match bytes {
            Some(bytes) if !bytes.is_empty() => Value::from(STANDARD.encode(bytes)),
            _ => Value::Array(self.0.into_iter().map(Out::into_value).collect()),
        })
    }
}

macro_rules! list {
    ($($trait:ident $method:ident),*) => {
        $(impl ser::$trait for List {
            type Ok = Out;
            type Error = Failed;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
                self.push(value)
            }

            fn end(self) -> Result<Out, Failed> {
                Ok(self.finish())
            }
        })*
    };
}

list!(
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
);

fn number(field: &str, name: &str) -> Option<usize> {
    let names = NUMBERED.iter().filter(|(numbered, _)| *numbered == field);
    names.flat_map(|(_, names)| names.iter().position(|known| *known == name)).next()
}

impl Object {
    fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Failed> {
        let (field, value) = match value.serialize(Writer)? {
            Out::OneOf(field, value) => (field, value),
            Out::Name(name) => {
                let field = camel(key);
                let value = number(&field, name).map_or_else(|| Value::from(name), Value::from);
                (field, value)
            }
            other => (camel(key), other.into_value()),
        };
        let (message, lists) = SHOWN_EMPTY;
        let is_shown_empty = self.name == message && lists.contains(&field.as_str());
        if is_shown_empty || !is_absent(&value) {
            self.fields.insert(field, value);
        }
        Ok(())
    }

    fn finish(self) -> Out {
        Out::Value(Value::Object(self.fields))
    }
}

macro_rules! object {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Object {
            type Ok = Out;
            type Error = Failed;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Failed> {
                self.put(key, value)
            }

            fn end(self) -> Result<Out, Failed> {
                Ok(self.finish())
            }
        })*
    };
}

object!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Object {
    type Ok = Out;
    type Error = Failed;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failed> {
        self.key = match key.serialize(Writer)?.into_value() {
            Value::String(key) => key,
            other => other.to_string(),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        let value = value.serialize(Writer)?.into_value();
        self.fields.insert(std::mem::take(&mut self.key), value);
        Ok(())
    }

    fn end(self) -> Result<Out, Failed> {
        Ok(self.finish())
    }
}
