//! From the API's form to the protocol library's: of what is on record, and of what a caller quotes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer as _, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Value};

use super::{camel, lower_first};

/// The messages with a `oneof`, the field that the library keeps it in, and those of the protocol.
const ONE_OFS: &[(&str, &str, &[&str])] = &[
    (
        "ButtonsMessage",
        "header",
        &["text", "documentMessage", "imageMessage", "videoMessage", "locationMessage"],
    ),
    ("ButtonsResponseMessage", "response", &["selectedDisplayText"]),
    ("Footer", "media", &["audioMessage"]),
    (
        "Header",
        "media",
        &[
            "documentMessage",
            "imageMessage",
            "jpegThumbnail",
            "videoMessage",
            "locationMessage",
            "productMessage",
        ],
    ),
    (
        "HydratedFourRowTemplate",
        "title",
        &["documentMessage", "hydratedTitleText", "imageMessage", "videoMessage", "locationMessage"],
    ),
    ("HydratedTemplateButton", "hydrated_button", &["quickReplyButton", "urlButton", "callButton"]),
    ("InteractiveAnnotation", "action", &["location", "newsletter", "embeddedAction", "tapAction"]),
    (
        "InteractiveMessage",
        "interactive_message",
        &["shopStorefrontMessage", "collectionMessage", "nativeFlowMessage", "carouselMessage"],
    ),
    ("InteractiveResponseMessage", "interactive_response_message", &["nativeFlowResponseMessage"]),
    (
        "TemplateMessage",
        "format",
        &["fourRowTemplate", "hydratedFourRowTemplate", "interactiveMessageTemplate"],
    ),
];

/// A protocol message of its form in the API; unknown fields are ignored.
///
/// # Errors
/// When a field has another form, or is no base64 where bytes belong.
pub fn from_value<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<T, Error> {
    T::deserialize(Reader::Value(value))
}

/// `OneOf` is an object in which one field may be that of a `oneof`.
#[derive(Clone, Copy)]
enum Reader<'a> {
    Value(&'a Value),
    OneOf(&'a Map<String, Value>),
}

impl<'a> Reader<'a> {
    fn value(self) -> Result<&'a Value, Error> {
        match self {
            Self::Value(value) => Ok(value),
            Self::OneOf(_) => Err(Error::custom("the variants of an object")),
        }
    }

    fn bytes(self) -> Option<Result<Vec<u8>, Error>> {
        let text = self.value().ok()?.as_str()?;
        Some(STANDARD.decode(text).map_err(|_| Error::custom("is not base64")))
    }
}

macro_rules! plain {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.value()?.$method(visitor)
        })*
    };
}

/// Numbers may be text: JavaScript cannot hold all of them.
macro_rules! number {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let value = self.value()?;
            match value.as_str().map(str::parse::<$type>) {
                Some(Ok(number)) => number.into_deserializer().deserialize_any(visitor),
                Some(Err(_)) => Err(Error::custom("is not a number")),
                None => value.$method(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Error;

    plain! {
        deserialize_any deserialize_bool deserialize_char deserialize_str deserialize_string
        deserialize_unit deserialize_f32 deserialize_f64
    }

    number! {
        deserialize_i8: i8, deserialize_i16: i16, deserialize_i32: i32, deserialize_i64: i64,
        deserialize_u8: u8, deserialize_u16: u16, deserialize_u32: u32, deserialize_u64: u64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Value(Value::Null) => visitor.visit_none(),
            some => visitor.visit_some(some),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.value()?.deserialize_unit(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.bytes() {
            Some(bytes) => visitor.visit_byte_buf(bytes?),
            None => self.value()?.deserialize_byte_buf(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Some(bytes) = self.bytes() {
            return visitor.visit_seq(SeqDeserializer::new(bytes?.into_iter()));
        }
        match self.value()? {
            Value::Array(items) => visitor.visit_seq(Items(items.iter())),
            _ => Err(Error::custom("is not a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let object = self.value()?.as_object().ok_or_else(|| Error::custom("is not an object"))?;
        let entries = object.iter().map(|(key, value)| (key.as_str(), Reader::Value(value))).collect();
        visitor.visit_map(Entries { entries, value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let object = self.value()?.as_object().ok_or_else(|| Error::custom("is not an object"))?;
        let mut entries = Vec::new();
        for field in fields {
            let one_of = ONE_OFS.iter().find(|one_of| (one_of.0, one_of.1) == (name, *field));
            if let Some((.., variants)) = one_of {
                if variants.iter().any(|variant| object.contains_key(*variant)) {
                    entries.push((*field, Reader::OneOf(object)));
                }
            } else if let Some(value) = object.get(&camel(field)) {
                entries.push((*field, Reader::Value(value)));
            }
        }
        visitor.visit_map(Entries { entries, value: None })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Value(Value::String(text)) => {
                visitor.visit_enum(StrDeserializer::<Error>::new(text.as_str()))
            }
            Self::Value(value) => {
                let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
                let name = number.and_then(|number| variants.get(number));
                let name = name.ok_or_else(|| Error::custom("is not the name of a value"))?;
                visitor.visit_enum(StrDeserializer::<Error>::new(name))
            }
            Self::OneOf(object) => {
                let present = |variant: &&&'static str| object.contains_key(&lower_first(variant));
                let variant = variants.iter().find(present).ok_or_else(|| Error::custom("none is there"))?;
                let content = object.get(&lower_first(variant)).unwrap_or(&Value::Null);
                visitor.visit_enum(Variant { variant, content })
            }
        }
    }

    forward_to_deserialize_any! { identifier ignored_any }
}

struct Items<'de>(std::slice::Iter<'de, Value>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|item| seed.deserialize(Reader::Value(item))).transpose()
    }
}

struct Entries<'de> {
    /// Those to come, last first.
    entries: Vec<(&'de str, Reader<'de>)>,
    value: Option<Reader<'de>>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.entries.pop() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(StrDeserializer::<Error>::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.value.take().ok_or_else(|| Error::custom("a value before its key"))?)
    }
}

struct Variant<'de> {
    variant: &'static str,
    content: &'de Value,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        Ok((seed.deserialize(StrDeserializer::<Error>::new(self.variant))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Reader::Value(self.content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        Reader::Value(self.content).deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        Reader::Value(self.content).deserialize_struct("", fields, visitor)
    }
}
