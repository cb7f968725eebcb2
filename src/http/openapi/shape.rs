//! The schema of an answer, from an example of it.

use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// One that all of these examples have; the first has the most fields.
pub(super) fn of_any(examples: &[&Value]) -> RefOr<Schema> {
    let first = of(examples.first().unwrap_or(&&Value::Null));
    if !examples.iter().skip(1).any(|example| example.is_null()) {
        return first;
    }
    let null = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null));
    RefOr::T(Schema::OneOf(OneOfBuilder::new().item(first).item(null).build()))
}

/// Keys and types. Where the example is `null` anything may be; a list is described by its first item.
pub(super) fn of(example: &Value) -> RefOr<Schema> {
    let plain = |of: Type| Schema::Object(ObjectBuilder::new().schema_type(SchemaType::Type(of)).build());
    RefOr::T(match example {
        Value::Null => Schema::Object(ObjectBuilder::new().schema_type(SchemaType::AnyValue).build()),
        Value::Bool(_) => plain(Type::Boolean),
        Value::Number(number) if number.is_f64() => plain(Type::Number),
        Value::Number(_) => plain(Type::Integer),
        Value::String(_) => plain(Type::String),
        Value::Array(items) => {
            let list = ArrayBuilder::new();
            Schema::Array(match items.first() {
                Some(first) => list.items(of(first)).build(),
                None => list.items(of(&Value::Null)).build(),
            })
        }
        Value::Object(fields) => {
            let object = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Object));
            let object = fields.iter().fold(object, |object, (name, value)| object.property(name, of(value)));
            Schema::Object(object.build())
        }
    })
}
