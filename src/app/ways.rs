//! The ways on which messages go out, made ready from the settings.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use url::Url;

use crate::client;
use crate::model::notification::Letter;
use crate::model::notify::{Address, Credentials};
use crate::model::settings::Settings;
use crate::model::time::Timestamp;
use crate::notify::Outcome;
use crate::notify::alertmanager;
use crate::notify::mail::Mailer;
use crate::notify::webhook::{self, Allowed, Webhook};
use crate::probe::policy::Policy;

/// Longest PEM file that is read again here; its form was checked with the settings.
const PEM_BYTES_MAX: u64 = 4 << 20;

/// All ways.
#[derive(Clone)]
pub(crate) struct Ways {
    mailer: Option<Mailer>,
    webhooks: BTreeMap<String, Webhook>,
    addresses: BTreeMap<String, Address>,
    pub(super) alertmanager: Option<Instances>,
}

/// Every instance of Alertmanager.
#[derive(Clone)]
pub(super) struct Instances {
    pub(super) urls: Vec<Url>,
    credentials: Option<Credentials>,
    client: reqwest::Client,
    allowed: Allowed,
}

impl Instances {
    /// Tells one instance.
    pub(super) async fn send(&self, url: &Url, body: String) -> Outcome {
        alertmanager::send(&self.client, url, self.credentials.as_ref(), &self.allowed, body).await
    }
}

impl Ways {
    /// Makes everything ready; nothing is connected yet.
    ///
    /// # Errors
    /// If TLS cannot be set up; the text is for the operator.
    pub(crate) fn new(settings: &Settings, authority: &str) -> Result<Self, String> {
        let notify = &settings.notify;
        let extra = settings.probing.extra_ca.iter().map(|path| read_pem(path)).collect::<Result<Vec<_>, _>>()?;
        let mailer = notify.mail.as_ref().map(|mail| Mailer::new(mail, authority, &extra)).transpose()?;
        let policy = Policy::new(settings.probing.private_networks.clone());
        let allowed: Allowed = Arc::new(move |address: IpAddr| policy.judge(address, None).is_ok());
        let own = extra.iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem)).filter_map(Result::ok);
        let tls = client::tls(client::roots(own))?;
        let client = webhook::client(tls.clone(), Arc::clone(&allowed))?;
        let webhooks = notify.webhooks.iter().map(|hook| {
            let (client, allowed) = (client.clone(), Arc::clone(&allowed));
            (hook.name.clone(), Webhook { url: hook.url.clone(), secret: hook.secret.clone(), client, allowed })
        });
        let instances = match &notify.alertmanager {
            Some(settings) => {
                // Like the mail server it is the operator's own, often on this very machine.
                let allowed: Allowed = Arc::new(|_| true);
                let client = webhook::client(tls, Arc::clone(&allowed))?;
                let credentials = settings.credentials.clone();
                Some(Instances { urls: settings.urls.clone(), credentials, client, allowed })
            }
            None => None,
        };
        Ok(Self {
            mailer,
            webhooks: webhooks.collect(),
            addresses: notify.recipients.iter().map(|r| (r.to.key(), r.to.clone())).collect(),
            alertmanager: instances,
        })
    }

    /// Where a recipient is reached, if it is still one.
    pub(crate) fn address(&self, recipient: &str) -> Option<&Address> {
        self.addresses.get(recipient)
    }

    /// What tells a webhook's address from another one, without telling it.
    pub(super) fn place(&self, recipient: &str) -> Option<String> {
        let Address::Webhook(name) = self.address(recipient)? else { return None };
        let hash = Sha256::digest(self.webhooks.get(name)?.url.as_str());
        Some(data_encoding::HEXLOWER.encode(hash.get(..16)?))
    }

    /// Sends a message.
    pub(crate) async fn send(&self, to: &Address, id: &str, at: Timestamp, letter: &Letter, now: Timestamp) -> Outcome {
        match to {
            Address::Mail(mailbox) => match &self.mailer {
                Some(mailer) => mailer.send(mailbox, id, at, letter).await,
                None => Outcome::Refused("there is no mail server any more".to_owned()),
            },
            Address::Webhook(name) => match self.webhooks.get(name) {
                Some(hook) => hook.send(id, &letter.payload, now).await,
                None => Outcome::Refused("there is no such webhook any more".to_owned()),
            },
        }
    }
}

fn read_pem(path: &std::path::Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let name = path.display();
    let mut pem = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(PEM_BYTES_MAX).read_to_end(&mut pem))
        .map_err(|error| format!("cannot read the certificates in {name}: {error}"))?;
    Ok(pem)
}
