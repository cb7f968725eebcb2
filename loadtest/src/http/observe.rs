//! What goes on: the record of an account's stanzas, and metrics in the Prometheus text format.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::header,
    response::IntoResponse,
    routing::get,
};
use metrics::Label;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde::Deserialize;

use crate::{
    error::Result,
    handle::Handle,
    world::{
        outages::Outages,
        record::RecordedStanza,
        stats::{RECEIPTS, TAGS, Tally, read},
    },
};

pub(super) fn router(handle: Handle) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/admin/outages", get(outages))
        .route("/admin/accounts/{phone}/record", get(recorded).post(record))
        .with_state(handle)
}

#[derive(Deserialize)]
struct Switch {
    limit: usize,
}

async fn record(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Json(body): Json<Switch>,
) -> Result<Json<serde_json::Value>> {
    handle.record(&phone, body.limit)?;
    Ok(Json(serde_json::json!({})))
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn recorded(
    State(handle): State<Handle>,
    Path(phone): Path<String>,
    Query(query): Query<After>,
) -> Result<Json<Vec<RecordedStanza>>> {
    Ok(Json(handle.recorded(&phone, query.after)?))
}

async fn outages(State(handle): State<Handle>, Query(query): Query<After>) -> Json<Outages> {
    Json(handle.outages(query.after))
}

async fn metrics(State(handle): State<Handle>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], render(&handle))
}

/// Encodes the counters with a recorder of its own: the process may have another one for itself.
fn render(handle: &Handle) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        counters(handle);
        gauges(handle);
    });
    recorder.handle().render()
}

fn counter(name: &'static str, help: &'static str, value: u64) {
    metrics::describe_counter!(name, help);
    metrics::counter!(name).absolute(value);
}

fn tally<const N: usize>(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    names: &[&'static str; N],
    tally: &Tally<N>,
) {
    metrics::describe_counter!(name, help);
    for (value, count) in names.iter().zip(tally.read()) {
        metrics::counter!(name, vec![Label::new(label, *value)]).absolute(count);
    }
}

fn counters(handle: &Handle) {
    let stats = &handle.world.stats;
    for (name, help, value) in [
        ("wa_sim_connections_total", "Chat connections since the start.", &stats.connections_total),
        ("wa_sim_logins_total", "Successful logins of paired devices.", &stats.logins),
        ("wa_sim_replaced_total", "Connections that a newer one of the device replaced.", &stats.replaced),
        ("wa_sim_pairings_total", "Completed pairings.", &stats.pairings),
        ("wa_sim_messages_in_total", "Messages that clients sent.", &stats.messages_in),
        ("wa_sim_messages_relayed_total", "Message copies handed to devices.", &stats.messages_relayed),
        ("wa_sim_contact_messages_total", "Messages that contacts sent.", &stats.contact_messages),
        ("wa_sim_dropped_total", "Stanzas dropped because a queue was full.", &stats.dropped),
        ("wa_sim_undecryptable_total", "Messages that a phone could not decrypt.", &stats.undecryptable),
        ("wa_sim_unknown_queries_total", "Queries answered with error 501.", &stats.unknown_queries),
        ("wa_sim_bytes_in_total", "Bytes of stanzas read from clients, sealed.", &stats.bytes_in),
        ("wa_sim_bytes_out_total", "Bytes of stanzas written to clients, sealed.", &stats.bytes_out),
    ] {
        counter(name, help, read(value));
    }
    tally("wa_sim_stanzas_in_total", "Stanzas of clients, by tag.", "tag", &TAGS, &stats.stanzas_in);
    tally("wa_sim_stanzas_out_total", "Stanzas to clients, by tag.", "tag", &TAGS, &stats.stanzas_out);
    tally("wa_sim_receipts_total", "Receipts of clients, by type.", "type", &RECEIPTS, &stats.receipts);
    metrics::describe_counter!("wa_sim_faults_total", "Strikes of faults, by kind.");
    for (kind, times) in handle.faults().used {
        metrics::counter!("wa_sim_faults_total", vec![Label::new("kind", kind)]).absolute(times);
    }
}

fn gauges(handle: &Handle) {
    let stats = handle.stats();
    let deepest = handle.accounts().iter().flat_map(|account| &account.devices).map(|d| d.pending).max();
    for (name, help, value) in [
        ("wa_sim_connections", "Open chat connections.", stats.connections),
        ("wa_sim_accounts", "Accounts, contacts included.", stats.accounts),
        ("wa_sim_devices", "Paired devices.", stats.devices),
        ("wa_sim_groups", "Groups.", handle.world.groups.len() as u64),
        ("wa_sim_queue_depth", "Stanzas kept until their receipt or ack.", stats.pending),
        ("wa_sim_queue_depth_max", "Those of the device with most.", deepest.unwrap_or_default() as u64),
    ] {
        metrics::describe_gauge!(name, help);
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        metrics::gauge!(name).set(value as f64);
    }
}
