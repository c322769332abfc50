//! `config show`: what is in effect, as JSON, without any credential.

use serde_json::{Value, json};

use super::Loaded;
use super::probes::CREDENTIALS;
use crate::model::settings::{OidcGroup, ResolverAddress, Settings};
use crate::model::time::format_duration;

const HIDDEN: &str = "***";

/// The effective settings and the declared catalogue.
pub(super) fn show(loaded: &Loaded) -> Value {
    let mut catalogue = serde_json::to_value(loaded.catalogue.declared()).unwrap_or_default();
    for check in catalogue.get_mut("checks").and_then(Value::as_array_mut).into_iter().flatten() {
        for header in check.pointer_mut("/probe/http/headers").and_then(Value::as_array_mut).into_iter().flatten() {
            hide_credential(header);
        }
    }
    for (name, logo) in &loaded.catalogue.logos {
        if let Some(shown) = catalogue.pointer_mut(&format!("/logos/{name}")) {
            *shown = json!({ "picture": logo.picture, "bytes": logo.content.len() });
        }
    }
    json!({ "settings": settings(&loaded.settings), "catalogue": catalogue })
}

/// `["Authorization", {"literal": "…"}]` → `["Authorization", {"literal": "***"}]`
fn hide_credential(header: &mut Value) {
    let is_credential = header
        .get(0)
        .and_then(Value::as_str)
        .is_some_and(|name| CREDENTIALS.contains(&name.to_ascii_lowercase().as_str()));
    if let (true, Some(value)) = (is_credential, header.pointer_mut("/1/literal")) {
        *value = HIDDEN.into();
    }
}

fn settings(settings: &Settings) -> Value {
    let Settings { server, storage, probing, references, secrets, export, oidc } = settings;
    let secrets: serde_json::Map<String, Value> = secrets
        .iter()
        .map(|(name, secret)| {
            let organisations: Vec<&str> =
                secret.organisations.iter().map(|organisation| organisation.as_str()).collect();
            (name.clone(), json!({ "value": HIDDEN, "organisations": organisations, "origins": secret.origins }))
        })
        .collect();
    json!({
        "server": {
            "listen": server.listen,
            "metrics_listen": server.metrics_listen,
            "admin_listen": server.admin_listen,
            "trusted_proxies": server.trusted_proxies,
            "max_connections": server.max_connections,
            "max_sse": server.max_sse,
            "document_cache_bytes": server.document_cache_bytes,
        },
        "storage": { "path": storage.path, "retain_results": format_duration(storage.retain_results) },
        "probing": {
            "timeout": format_duration(probing.timeout),
            "retry_interval": format_duration(probing.retry_interval),
            "concurrency": probing.concurrency.map_or_else(|| Value::from("auto"), Value::from),
            "per_host": probing.per_host,
            "user_agent": probing.user_agent,
            "resolvers": probing.resolvers.iter().map(resolver).collect::<Vec<_>>(),
            "private_networks": probing.private_networks,
            "extra_ca": probing.extra_ca,
            "source_addresses": probing.source_addresses,
        },
        "references": references.iter().map(|reference| reference.text.as_str()).collect::<Vec<_>>(),
        "secrets": secrets,
        "oidc": oidc.as_ref().map(|oidc| {
            let group = |group: &OidcGroup| {
                json!({ "name": group.name, "role": group.role, "organisations": group.organisations })
            };
            json!({
                "issuer": oidc.issuer,
                "client_id": oidc.client_id,
                "client_secret": HIDDEN,
                "groups_claim": oidc.groups_claim,
                "scopes": oidc.scopes,
                "groups": oidc.groups.iter().map(group).collect::<Vec<_>>(),
            })
        }),
        "export": export.as_ref().map(|export| json!({ "path": export.path, "every": format_duration(export.every) })),
    })
}

fn resolver(resolver: &ResolverAddress) -> String {
    match resolver {
        ResolverAddress::System => "system".to_owned(),
        ResolverAddress::Plain(address) => address.to_string(),
        ResolverAddress::Tcp(address) => format!("tcp://{address}"),
        ResolverAddress::Tls { host, port } => format!("tls://{host}:{port}"),
    }
}
