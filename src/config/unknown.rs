//! Variables that look like ours but that nothing reads: most often a typing error.

use super::{Environment, Warning, table};

/// What the names of our families begin with.
const FAMILIES: &[&str] = &[
    "WAGGLE_",
    "API_AUDIO_CONVERTER",
    "AUTHENTICATION_",
    "CACHE_LOCAL_",
    "CACHE_REDIS_",
    "CHATWOOT_",
    "CONFIG_SESSION_PHONE_",
    "CORS_",
    "DATABASE_",
    "DEL_",
    "DIFY_",
    "EVOAI_",
    "FACEBOOK_",
    "FLOWISE_",
    "KAFKA_",
    "LOG_",
    "METRICS_",
    "N8N_",
    "NATS_",
    "OPENAI_",
    "PROMETHEUS_",
    "PROVIDER_",
    "PROXY_",
    "PUSHER_",
    "QRCODE_",
    "RABBITMQ_",
    "S3_",
    "SERVER_",
    "SQS_",
    "SSL_CONF_",
    "TELEMETRY_",
    "TYPEBOT_",
    "WA_BUSINESS_",
    "WEBHOOK_",
    "WEBSOCKET_",
];

/// Below this likeness (1 is equal) a name is not suggested.
const NEAR: f64 = 0.75;

/// A warning for every variable of our families that the table does not know.
pub(super) fn warnings(environment: &Environment) -> Vec<Warning> {
    environment
        .names()
        .filter(|name| FAMILIES.iter().any(|family| name.starts_with(family)))
        .filter(|name| {
            table::find(name).is_none() && !is_service_link(name, environment.get(name).unwrap_or_default())
        })
        .map(|name| Warning::Unknown { name: name.to_owned(), nearest: nearest(name) })
        .collect()
}

fn nearest(name: &str) -> Option<&'static str> {
    table::all()
        .map(|variable| (strsim::normalized_damerau_levenshtein(name, variable.name), variable.name))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

/// Whether Kubernetes made the variable for a service that happens to have a name of ours, such as
/// `RABBITMQ_SERVICE_HOST` or `RABBITMQ_PORT_5672_TCP_ADDR`.
fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && value.contains("://"))
        || (name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_gets_the_nearest_name() {
        let environment = Environment::default()
            .with("WEBHOOK_GLOBAL_ENABLE", "true")
            .with("WAGGLE_EGRES_ALLOW", "*")
            .with("PATH", "/bin")
            .with("SERVER_PORT", "1");
        let found = warnings(&environment);
        let nearest: Vec<_> = found
            .iter()
            .map(|warning| match warning {
                Warning::Unknown { nearest, .. } => *nearest,
                _ => None,
            })
            .collect();
        assert_eq!(nearest, [Some("WAGGLE_EGRESS_ALLOW"), Some("WEBHOOK_GLOBAL_ENABLED")]);
    }

    #[test]
    fn a_name_like_no_other_has_no_suggestion() {
        let environment = Environment::default().with("WAGGLE_ZZ", "1");
        assert_eq!(
            warnings(&environment),
            [Warning::Unknown { name: "WAGGLE_ZZ".to_owned(), nearest: None }]
        );
    }

    #[test]
    fn service_links_are_not_ours() {
        let environment = Environment::default()
            .with("RABBITMQ_SERVICE_HOST", "10.0.0.1")
            .with("RABBITMQ_SERVICE_PORT_AMQP", "5672")
            .with("RABBITMQ_PORT", "tcp://10.0.0.1:5672")
            .with("RABBITMQ_PORT_5672_TCP_ADDR", "10.0.0.1");
        assert_eq!(warnings(&environment), []);
    }

    #[test]
    fn every_variable_of_the_table_is_in_a_family_or_named_alone() {
        let alone = ["LANGUAGE", "NODE_ENV", "DOCKER_ENV", "EVENT_EMITTER_MAX_LISTENERS", "SENTRY_DSN"];
        for variable in table::all() {
            let known = FAMILIES.iter().any(|family| variable.name.starts_with(family));
            assert!(known || alone.contains(&variable.name), "{}", variable.name);
        }
    }
}
