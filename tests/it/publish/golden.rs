//! Golden copies of every JSON route and feed, in both languages.

use super::sample::sample;
use super::text;

/// JSON with one key a line, keys in the order in which they were written.
pub(super) fn pretty(json: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for c in json.chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '{' | '[' => {
                depth += 1;
                out.push(c);
                out.push('\n');
                out.push_str(&"  ".repeat(depth));
            }
            '}' | ']' => {
                depth -= 1;
                if out.trim_end().ends_with(['{', '[']) {
                    out.truncate(out.trim_end().len());
                } else {
                    out.push('\n');
                    out.push_str(&"  ".repeat(depth));
                }
                out.push(c);
            }
            ',' => {
                out.push_str(",\n");
                out.push_str(&"  ".repeat(depth));
            }
            ':' => out.push_str(": "),
            c => {
                in_string = c == '"';
                out.push(c);
            }
        }
    }
    out
}

#[test]
fn every_route_has_its_golden_copy_in_both_languages() {
    let snapshot = sample();
    for route in super::ROUTES.iter().filter(|route| route.contains("/api/") || route.contains("/feed")) {
        for (language, prefix) in [("de", ""), ("en", "/en")] {
            let body = text(&snapshot, &format!("{prefix}{route}"));
            let golden = if route.contains("/api/") || route.ends_with(".json") { pretty(&body) } else { body };
            let name = format!("{language}{}", route.replace('/', "_"));
            insta::with_settings!({ omit_expression => true }, {
                insta::assert_snapshot!(name, golden);
            });
        }
    }
}

#[test]
fn a_town_sees_a_component_with_its_own_local() {
    let snapshot = sample();
    let body = text(&snapshot, "/api/v1/components/serviceportal-en?organisation=hattingen");
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("de_component_in_hattingen", pretty(&body));
    });
}

#[test]
fn a_town_sees_an_incident_with_its_own_words() {
    let snapshot = sample();
    let body = text(&snapshot, "/api/v1/incidents/i-open?organisation=hattingen");
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("de_incident_in_hattingen", pretty(&body));
    });
}
