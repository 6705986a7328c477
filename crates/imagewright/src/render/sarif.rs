//! Findings as SARIF 2.1.0, which code hosts and editors read.

use imagewright_service::check::{Checked, Finding, Rule, Unanswered, rules};
use serde_json::{Value, json};

use super::json::cell_of;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run of the check. All rules are told of, found or not, so that a reader knows what was asked.
pub(crate) fn log(checked: &Checked) -> Value {
    let driver = json!({
        "name": "imagewright",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules().map(described).collect::<Vec<_>>(),
    });
    let notes = checked.notes.iter().map(|note| json!({"level": "note", "message": {"text": note}}));
    let unanswered = checked.reports.iter().flat_map(|report| {
        report.unanswered.iter().map(move |Unanswered { rule, reason, .. }| {
            let text = format!("whether it runs on {} cannot be told: {reason}", report.title);
            json!({"level": "warning", "message": {"text": text}, "associatedRule": {"id": rule}})
        })
    });
    let notes: Vec<Value> = notes.chain(unanswered).collect();
    let of_profiles = checked.reports.iter().flat_map(|report| {
        report.findings.iter().map(move |finding| {
            let mut result = result(finding);
            result["properties"] = json!({"profile": report.profile, "verdict": report.verdict});
            result
        })
    });
    let results: Vec<Value> = checked.findings.iter().map(result).chain(of_profiles).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver},
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notes}],
            "results": results,
        }],
    })
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.mend, "markdown": rule.page()},
        "defaultConfiguration": {"level": rule.level.as_str()},
    })
}

fn result(finding: &Finding) -> Value {
    let Finding { rule, level, message, mend, origin, .. } = finding;
    let text = match mend {
        Some(mend) => format!("{message}\n\n{mend}"),
        None => message.clone(),
    };
    let place = match (cell_of(origin), origin.line) {
        // Lines of the file are nothing that anybody sees of a notebook.
        (Some(cell), _) => json!({
            "physicalLocation": {"artifactLocation": {"uri": uri(&origin.source)}},
            "logicalLocations": [{"name": format!("cell {cell}"), "kind": "cell"}],
        }),
        (None, None) if origin.source.ends_with(".ipynb") => json!({
            "physicalLocation": {"artifactLocation": {"uri": uri(&origin.source)}},
        }),
        (None, Some(line)) => json!({
            "physicalLocation": {
                "artifactLocation": {"uri": uri(&origin.source)},
                "region": {"startLine": line},
            },
        }),
        (None, None) => {
            json!({"logicalLocations": [{"fullyQualifiedName": origin.source, "kind": "resource"}]})
        }
    };
    json!({
        "ruleId": rule,
        "ruleIndex": rules().position(|known| known.name == *rule),
        "level": level.as_str(),
        "message": {"text": text},
        "locations": [place],
    })
}

/// A path as a relative reference: what has a meaning in addresses is encoded.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri += &format!("%{byte:02X}"),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("./a b/Dockerfile"), "a%20b/Dockerfile");
        assert_eq!(uri("images/ä:1"), "images/%C3%A4%3A1");
    }
}
