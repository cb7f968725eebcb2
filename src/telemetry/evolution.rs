//! The four gauges of Evolution API's metrics page, in its exact words, for the dashboards that read them.
//!
//! They are written afresh for every page, because a deleted instance must leave it.

use std::fmt::Write;

/// One instance on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceGauge {
    /// Name of the instance.
    pub instance: String,
    /// Its integration, such as `WHATSAPP-BAILEYS`.
    pub integration: String,
    /// Its state: `open`, `connecting` or `close`.
    pub state: String,
}

/// Writes the gauges. `version` is the API version that we answer for; `server_url` is empty when unset.
pub fn render(version: &str, client_name: &str, server_url: &str, instances: &[InstanceGauge]) -> String {
    let mut page = String::new();
    head(&mut page, "evolution_environment_info", "Environment information");
    let _ = writeln!(
        page,
        "evolution_environment_info{{version=\"{}\",clientName=\"{}\",serverUrl=\"{}\"}} 1",
        escape(version),
        escape(client_name),
        escape(server_url),
    );
    head(&mut page, "evolution_instances_total", "Total number of instances");
    let _ = writeln!(page, "evolution_instances_total {}", instances.len());
    head(&mut page, "evolution_instance_up", "1 if instance state is open, else 0");
    for InstanceGauge { instance, integration, state } in instances {
        let (instance, integration) = (escape(instance), escape(integration));
        let up = u8::from(state == "open");
        let _ = writeln!(
            page,
            "evolution_instance_up{{instance=\"{instance}\",integration=\"{integration}\"}} {up}"
        );
    }
    head(&mut page, "evolution_instance_state", "Instance state as a labelled metric");
    for InstanceGauge { instance, integration, state } in instances {
        let (instance, integration, state) = (escape(instance), escape(integration), escape(state));
        let _ = writeln!(
            page,
            "evolution_instance_state{{instance=\"{instance}\",integration=\"{integration}\",state=\"{state}\"}} 1"
        );
    }
    page
}

fn head(page: &mut String, name: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} gauge");
}

/// Label values escape backslash, quote and line feed.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_instances() {
        let expected = "# HELP evolution_environment_info Environment information\n\
             # TYPE evolution_environment_info gauge\n\
             evolution_environment_info{version=\"2.3.6\",clientName=\"node-a\",serverUrl=\"http://server.example\"} 1\n\
             # HELP evolution_instances_total Total number of instances\n\
             # TYPE evolution_instances_total gauge\n\
             evolution_instances_total 0\n\
             # HELP evolution_instance_up 1 if instance state is open, else 0\n\
             # TYPE evolution_instance_up gauge\n\
             # HELP evolution_instance_state Instance state as a labelled metric\n\
             # TYPE evolution_instance_state gauge\n";
        assert_eq!(render("2.3.6", "node-a", "http://server.example", &[]), expected);
    }

    #[test]
    fn instances_have_a_line_each_and_escaped_names() {
        let gauge = |instance: &str, state: &str| InstanceGauge {
            instance: instance.to_owned(),
            integration: "WHATSAPP-BAILEYS".to_owned(),
            state: state.to_owned(),
        };
        let page = render("2.3.6", "a", "", &[gauge("acme", "open"), gauge("a\"b\\c\n", "close")]);
        let lines = [
            r#"evolution_instances_total 2"#,
            r#"evolution_instance_up{instance="acme",integration="WHATSAPP-BAILEYS"} 1"#,
            r#"evolution_instance_up{instance="a\"b\\c\n",integration="WHATSAPP-BAILEYS"} 0"#,
            r#"evolution_instance_state{instance="acme",integration="WHATSAPP-BAILEYS",state="open"} 1"#,
        ];
        for line in lines {
            assert!(page.lines().any(|found| found == line), "{page}");
        }
    }
}
