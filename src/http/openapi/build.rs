//! The document.

use std::collections::BTreeMap;

use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItemBuilder};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{
    AllOfBuilder, ComponentsBuilder, KnownFormat, Object, ObjectBuilder, Ref, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, RefOr, Required, ResponseBuilder,
    ResponsesBuilder, Schema,
};

use super::{cases, failures, shape};
use crate::http::extract::FILE;
use crate::http::routes::{self, Route, TABLE, Verb, Wants};
use crate::http::{Error, State};

fn is_keyed(route: &Route) -> bool {
    !matches!(route.wants, Wants::Nothing | Wants::Operator | Wants::Node | Wants::Link)
}

/// The document as JSON text.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn document() -> Result<String, serde_json::Error> {
    build().to_pretty_json()
}

/// `GET /openapi.json`.
pub async fn handle(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Error> {
    if !state.server.docs {
        return routes::no_route(request).await;
    }
    let text = document().map_err(|error| Error::internal(&error))?;
    Ok(HttpResponse::Ok().insert_header(ContentType::json()).body(text))
}

fn build() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Waggle")
        .description(Some("Multi-tenant WhatsApp gateway with the HTTP API of Evolution API v2"))
        .version(env!("CARGO_PKG_VERSION"));
    let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("apikey")));
    let mut components =
        failures::shared(ComponentsBuilder::new().security_scheme("apikey", key).schema("Error", envelope()));
    let mut paths = PathsBuilder::new();
    for route in TABLE {
        let schemas = [route.body, route.beside].into_iter().flatten().flat_map(|body| body());
        for (name, schema) in schemas {
            components = components.schema(name, schema);
        }
        for verb in route.verbs {
            let item = PathItemBuilder::new().operation(method(*verb), operation(route, *verb));
            paths = paths.path(route.path, item.build());
        }
    }
    OpenApiBuilder::new().info(info.build()).paths(paths).components(Some(components.build())).build()
}

const fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Delete => HttpMethod::Delete,
    }
}

fn operation(route: &Route, verb: Verb) -> OperationBuilder {
    let tag = route.path.split('/').nth(1).filter(|tag| !tag.is_empty()).unwrap_or("root");
    let id = format!("{}_{}", route.name.replace(' ', "_"), format!("{verb:?}").to_lowercase());
    let mut operation = OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(id))
        .summary(Some(route.name))
        .responses(responses(route));
    for name in names(route.path) {
        let name = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
        let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
        operation = operation.parameter(name.required(Required::True).schema(Some(text)).build());
    }
    for (name, value) in parameters(route) {
        let is_needed = verb == Verb::Get && route.needs.contains(&name.as_str());
        let required = if is_needed { Required::True } else { Required::False };
        let name = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
        let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
        let value = Some(Value::from(value.as_str()));
        operation = operation.parameter(name.required(required).schema(Some(text)).example(value).build());
    }
    if is_keyed(route) {
        operation = operation.security(SecurityRequirement::new("apikey", Vec::<String>::new()));
    }
    if let Some(body) = body(route).filter(|_| verb != Verb::Get) {
        operation = operation.request_body(Some(body));
    }
    operation
}

/// The names in braces of a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// The body as JSON, and as a form where the route takes files.
fn body(route: &Route) -> Option<RequestBody> {
    let (name, schema) = route.body?().into_iter().next()?;
    let beside = route.beside.and_then(|beside| beside().into_iter().next()).map(|(name, _)| name);
    let mut examples = cases::of(route.name).filter(|case| case.request.is_some());
    let example = examples.next().and_then(|case| case.request.clone());
    let content = |own: RefOr<Schema>, example: Option<Value>| {
        let all = AllOfBuilder::new().item(own);
        let all = beside.iter().fold(all, |all, name| all.item(Ref::from_schema_name(name)));
        ContentBuilder::new().schema(Some(Schema::from(all))).example(example).build()
    };
    let json = content(RefOr::Ref(Ref::from_schema_name(name)), example.clone());
    let mut body = RequestBodyBuilder::new().content("application/json", json);
    if let (Some(field), RefOr::T(Schema::Object(fields))) = (route.file, schema) {
        // The last one has a file, also where there may be none.
        let last = examples.filter(|case| case.status == route.success).last();
        let mut example = last.map_or(example, |case| case.request.clone());
        if let Some(Value::Object(fields)) = &mut example {
            fields.remove(field);
        }
        body = body.content("multipart/form-data", content(form(fields, field), example));
    }
    Some(body.build())
}

/// The fields with the part [`FILE`] in place of one of them.
fn form(mut fields: Object, field: &str) -> RefOr<Schema> {
    fields.properties.remove(field);
    fields.required.retain(|name| name != field);
    let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
    let file = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).format(Some(format));
    let file = file.description(Some("the file, with its name and its type")).build();
    fields.properties.insert(FILE.to_owned(), RefOr::T(Schema::Object(file)));
    fields.required.push(FILE.to_owned());
    RefOr::T(Schema::Object(fields))
}

/// The parameters after `?`, each with a value that it may have.
fn parameters(route: &Route) -> BTreeMap<&'static String, &'static String> {
    cases::of(route.name).flat_map(|case| &case.query).collect()
}

fn responses(route: &Route) -> utoipa::openapi::Responses {
    let answers = cases::of(route.name).filter(|case| case.status == route.success);
    let answers: Vec<&Value> = answers.filter_map(|case| case.response.as_ref()).collect();
    let mut success = ResponseBuilder::new().description("success");
    if let Some(answer) = answers.first() {
        let schema = shape::of_any(&answers);
        let content = ContentBuilder::new().schema(Some(schema)).example(Some(Value::clone(answer)));
        success = success.content("application/json", content.build());
    }
    let mut responses = ResponsesBuilder::new().response(route.success.to_string(), success.build());
    if route.wants == Wants::Link {
        let elsewhere = ResponseBuilder::new().description("the file is at the address that `Location` has");
        responses = responses.response("302", elsewhere.build());
    }
    let responses = failures::of(route)
        .fold(responses, |responses, (status, failure)| responses.response(status.to_string(), failure));
    responses.build()
}

/// The envelope of every error.
fn envelope() -> RefOr<Schema> {
    let typed = |of: Type| ObjectBuilder::new().schema_type(SchemaType::Type(of));
    let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    let message = any.description(Some("a text, a list of texts, or a list of such lists"));
    let response = typed(Type::Object).property("message", message);
    let envelope = typed(Type::Object)
        .property("status", typed(Type::Integer))
        .property("error", typed(Type::String))
        .property("response", response);
    RefOr::T(Schema::Object(envelope.build()))
}
