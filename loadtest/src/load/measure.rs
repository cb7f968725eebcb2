//! The measures of a run: each has a name by which objectives and comparisons know it.

use serde::{Deserialize, Serialize};

use super::recorder::Quantiles;

/// The unit of a measure, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A number of things.
    Count,
    /// Per second.
    PerSecond,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Processors that were busy.
    Processors,
    /// Kibibytes.
    Kibibytes,
    /// Kibibytes per hour.
    KibibytesPerHour,
    /// One divided by another.
    Ratio,
}

impl Unit {
    /// As it is written behind a value.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::PerSecond => "/s",
            Self::Kibibytes => "KiB",
            Self::KibibytesPerHour => "KiB/h",
            Self::Processors => "CPU",
            Self::Count => "",
            Self::Ratio => "x",
        }
    }
}

/// Which values are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Small ones.
    Lower,
    /// Large ones.
    Higher,
    /// It is told for information.
    Neither,
}

/// One measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name in [`known`].
    pub name: String,
    /// Its value.
    pub value: f64,
    /// The unit of the value.
    pub unit: Unit,
    /// Which values are good.
    pub better: Better,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The unit.
    pub unit: Unit,
    /// Which values are good.
    pub better: Better,
    /// What is measured.
    pub meaning: &'static str,
}

/// Latencies: each is four measures, `NAME-p50`, `-p90`, `-p99` and `-max`, and `NAME-count`.
pub const LATENCIES: &[(&str, &str)] = &[
    ("send", "from the moment a send was due to the node's answer"),
    ("inbound", "from a contact's message to its webhook, or to RabbitMQ where no webhooks are received"),
    ("rabbitmq", "from a contact's message to its delivery by RabbitMQ"),
    ("qr", "from the order to create an instance to its QR"),
    ("pairing", "from the order to create an instance until it is open"),
    ("reconnect", "from a cut connection until the account is logged in again"),
    ("gap", "from the end of an account's connection until it is logged in again, as WhatsApp sees it"),
    ("calm-send", "send before the noise began"),
    ("calm-inbound", "inbound before the noise began"),
    ("noisy-send", "send of the noisy tenant"),
    ("noisy-inbound", "inbound of the noisy tenant"),
    ("talk", "from a call to the webhook of the other instance"),
    ("lookup", "the state of an instance, asked with its own key"),
    ("bare-http", "the answer of a bare HTTP handler"),
    ("bare-pairing", "from the start of a bare client until it is open"),
    ("bare-reconnect", "from a cut connection until a bare client is logged in again"),
];

/// The ends of the names of latencies.
const QUANTILES: &[&str] = &["-p50", "-p90", "-p99", "-max"];

use Better::{Higher, Lower, Neither};
use Unit::{Count, Kibibytes, KibibytesPerHour, Milliseconds, PerSecond, Processors, Ratio, Seconds};

/// All other measures.
pub const OTHERS: &[(&str, Unit, Better, &str)] = &[
    ("lost", Count, Lower, "messages that did not arrive, both directions"),
    ("duplicates", Count, Lower, "messages that arrived again, not counting repeats of one event"),
    ("out-of-order", Count, Lower, "messages that were overtaken by a later one of their chat"),
    ("misrouted", Count, Lower, "messages that reached another contact, or were told to another tenant"),
    ("failed", Count, Lower, "sends that were refused or given up"),
    ("repeats", Count, Neither, "events that were delivered again with the same event id"),
    ("unknown", Count, Neither, "sends of which the node did not say whether they left"),
    ("unknown-arrived", Count, Neither, "those of them that arrived"),
    ("retries", Count, Neither, "tries of a send beside the first"),
    ("server-errors", Count, Lower, "answers with a status of 500 or more, not counting those of refused"),
    ("denied", Count, Lower, "answers to a good key that say it is wrong"),
    (
        "refused",
        Count,
        Neither,
        "calls answered 503 with the time to come back, since a service was taken away",
    ),
    ("refused-arrived", Count, Lower, "sends among them that arrived nevertheless"),
    ("unanswered", Count, Lower, "sends without an answer: the connection broke, or it took too long"),
    ("turned-away", Count, Neither, "webhooks that the receiver refused on purpose"),
    ("sent", Count, Neither, "sends that the node accepted"),
    ("received", Count, Neither, "contacts' messages that webhooks, or else RabbitMQ, told of"),
    ("received-text", Count, Neither, "those of them that are texts"),
    ("received-image", Count, Neither, "those of them that are pictures"),
    ("received-video", Count, Neither, "those of them that are videos"),
    ("received-location", Count, Neither, "those of them that are places"),
    ("received-contact", Count, Neither, "those of them that are contact cards"),
    ("received-poll", Count, Neither, "those of them that are polls"),
    ("rabbitmq-received", Count, Neither, "contacts' messages that RabbitMQ told of"),
    ("rabbitmq-lost", Count, Lower, "those that it did not tell of"),
    ("rabbitmq-duplicates", Count, Lower, "those that it told of again, not counting repeats of one event"),
    ("rabbitmq-out-of-order", Count, Lower, "those that it told of after a later one of their chat"),
    ("rabbitmq-repeats", Count, Neither, "events that it delivered again"),
    ("rabbitmq-reconnects", Count, Neither, "connections to it that had to be made anew"),
    ("throughput", PerSecond, Higher, "accepted sends and told texts together"),
    ("sent-rate", PerSecond, Higher, "accepted sends"),
    ("received-rate", PerSecond, Higher, "told texts"),
    ("pairing-rate", PerSecond, Higher, "pairings"),
    ("ramp-rate", PerSecond, Higher, "highest rate, both directions together, that met every objective"),
    ("lookup-rate", PerSecond, Higher, "look-ups of a state"),
    ("bare-http-rate", PerSecond, Higher, "answers of a bare HTTP handler"),
    ("bare-pairing-rate", PerSecond, Higher, "pairings of bare clients"),
    ("http-ratio", Ratio, Higher, "look-ups of the node, in answers of a bare handler"),
    ("rss-fresh", Kibibytes, Lower, "memory of the nodes before the first instance"),
    ("rss-per-instance", Kibibytes, Lower, "memory that an idle instance adds"),
    ("rss-per-instance-loaded", Kibibytes, Lower, "the same after the messages"),
    ("rss-max", Kibibytes, Lower, "most memory of the nodes in any sample"),
    ("rss-before", Kibibytes, Neither, "memory of the nodes when a service was taken away"),
    ("rss-peak", Kibibytes, Lower, "most memory of them since then"),
    ("rss-slope", KibibytesPerHour, Lower, "growth of the memory while messages flowed"),
    ("rss-per-bare-client", Kibibytes, Neither, "memory of a bare client"),
    ("rss-ratio", Ratio, Lower, "an idle instance, in bare clients"),
    ("pairing-ratio", Ratio, Lower, "pairing-p50, in that of bare clients"),
    ("reconnect-ratio", Ratio, Lower, "reconnect-max, in that of bare clients"),
    ("noise-send", Ratio, Lower, "send-p99 during the noise, in that before"),
    ("noise-inbound", Ratio, Lower, "inbound-p99 during the noise, in that before"),
    ("cpu", Processors, Lower, "processors that the nodes used while messages flowed"),
    ("cpu-idle", Processors, Lower, "processors that the nodes used while every instance was idle"),
    ("cpu-per-message", Milliseconds, Lower, "processor time of the nodes per message"),
    ("cpu-per-pairing", Milliseconds, Lower, "processor time of the nodes per pairing"),
    ("cpu-per-lookup", Milliseconds, Lower, "processor time of the nodes per look-up"),
    ("reconnected-after", Seconds, Lower, "until every instance was logged in again"),
    ("open-after", Seconds, Lower, "until the nodes called every instance open again"),
    ("not-reconnected", Count, Lower, "instances that did not come back"),
    ("unavailable", Seconds, Lower, "longest time without an accepted send while nodes came and went"),
    ("stopped-after", Seconds, Lower, "until a node had stopped gracefully, the longest time"),
    ("ready-after", Seconds, Lower, "until a started node was ready, the longest time"),
    ("rolled-after", Seconds, Lower, "until every node had been restarted"),
    ("moved", Count, Neither, "instances whose connection ended and was made anew"),
    ("moved-after", Seconds, Lower, "until the last of them was logged in again"),
    ("replaced", Count, Lower, "connections that another one of the same device replaced: two nodes had it"),
    ("replaced-frozen", Count, Neither, "the same while a node was frozen, whose connections stay open"),
    ("fence-rejections", Count, Neither, "writes and logins of the woken node that were refused as outdated"),
    ("dropped", Count, Lower, "instances whose connection ended while a service was away, or after"),
    ("unacknowledged", Count, Neither, "stanzas that WhatsApp kept when the service came back"),
    (
        "caught-up-after",
        Seconds,
        Lower,
        "from the order to bring it back until all that was written before had arrived",
    ),
    ("behind", Seconds, Lower, "how late the last message was sent: above 0 the rate was not reached"),
    ("complaints", Count, Neither, "warnings and errors in the log of a started node"),
];

/// What a name stands for; `None` when there is no such measure.
pub fn known(name: &str) -> Option<Kind> {
    if let Some((_, unit, better, meaning)) = OTHERS.iter().copied().find(|other| other.0 == name) {
        return Some(Kind { unit, better, meaning });
    }
    let split = |end: &&str| name.strip_suffix(*end);
    if let Some(family) = QUANTILES.iter().find_map(split) {
        let (_, meaning) = LATENCIES.iter().copied().find(|latency| latency.0 == family)?;
        return Some(Kind { unit: Milliseconds, better: Lower, meaning });
    }
    None
}

/// The measures of a run, in the order in which they are shown.
#[derive(Debug, Clone, Default)]
pub struct Measures(pub Vec<Measure>);

impl Measures {
    /// Adds a measure; one of that name that is there already is replaced.
    pub fn add(&mut self, name: &str, value: f64) {
        let kind = known(name);
        debug_assert!(kind.is_some(), "{name} is not in the table of measures");
        let (unit, better) = kind.map_or((Count, Neither), |kind| (kind.unit, kind.better));
        let measure = Measure { name: name.to_owned(), value, unit, better };
        match self.0.iter_mut().find(|known| known.name == name) {
            Some(known) => *known = measure,
            None => self.0.push(measure),
        }
    }

    /// Adds the quantiles of a latency; nothing when there are none.
    pub fn latency(&mut self, name: &str, quantiles: Quantiles) {
        if quantiles.count == 0 {
            return;
        }
        let values = [quantiles.p50, quantiles.p90, quantiles.p99, quantiles.max];
        for (end, value) in QUANTILES.iter().zip(values) {
            self.add(&format!("{name}{end}"), value);
        }
    }

    /// The value of a measure.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|measure| measure.name == name).map(|measure| measure.value)
    }

    /// Adds one measure divided by another, when both are there.
    pub fn ratio(&mut self, name: &str, of: &str, to: &str) {
        if let (Some(of), Some(to)) = (self.get(of), self.get(to).filter(|to| *to > 0.0)) {
            self.add(name, of / to);
        }
    }
}

/// A value with its unit; fewer decimals the larger it is.
pub fn shown(value: f64, unit: Unit) -> String {
    let (value, symbol) = match unit {
        Unit::Kibibytes if value.abs() >= 10_240.0 => (value / 1024.0, "MiB"),
        unit => (value, unit.symbol()),
    };
    let number = match value.abs() {
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size < 0.1 => format!("{value:.3}"),
        _ => format!("{value:.2}"),
    };
    format!("{number} {symbol}").trim_end().to_owned()
}
