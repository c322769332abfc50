//! TLS handshakes that leave facts behind, also where they fail.
//!
//! A verifier of our own stands before webpki's: it notes the chain and the verdict, then
//! returns that verdict unchanged. There is one for each connection, so that handshakes under way
//! at the same time cannot mix their facts; the roots and webpki's verifier behind it are shared.
//! Every handshake is a full one. Nothing is fetched (AIA, CRL, OCSP), nothing is ever accepted
//! that webpki refuses.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, OtherError,
    ProtocolVersion, RootCertStore, SignatureScheme,
};
use sha2::Digest;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::clock::Clock;
use crate::model::check::{Phase, TlsSettings};
use crate::model::observation::{Fault, TlsFacts};
use crate::model::verdict::Reason;
use crate::probe::certificate::{chain_facts, refusal};
use crate::probe::connect::io_fault;
use crate::probe::detail::{fault, shown};
use crate::probe::trace::Trace;

/// Certificates accepted and kept per chain.
const CHAIN_LENGTH_MAX: usize = 10;

/// Chains whose facts are shared. Beyond this the table is emptied: it only saves work.
const SHARED_FACTS_MAX: usize = 4096;

/// Everything handshakes share.
pub(super) struct TlsContext {
    provider: Arc<CryptoProvider>,
    roots: Vec<CertificateDer<'static>>,
    /// The verifier over these roots, for every setting that names no others.
    verifier: Result<Arc<WebPkiServerVerifier>, String>,
    /// Facts by hash: a chain that a hundred checks see every minute is parsed and kept once.
    shared: RefCell<HashMap<[u8; 32], Arc<TlsFacts>>>,
}

/// What one TLS setting needs, loaded once.
#[derive(Debug)]
pub(super) struct TlsMaterial {
    config: ClientConfig,
    verifier: Arc<WebPkiServerVerifier>,
    client: Option<Arc<dyn ResolvesClientCert>>,
    server_name: Option<String>,
}

/// What is spoken over TLS, offered by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alpn {
    /// `http/1.1`
    Http,
    /// Nothing is offered.
    Nothing,
}

/// How a handshake begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hello<'a> {
    /// The name asked for and verified.
    pub(super) name: &'a str,
    pub(super) alpn: Alpn,
    /// Whether our own certificate may be shown.
    pub(super) identified: bool,
}

impl TlsMaterial {
    /// The name to verify, where it is not the host.
    pub(super) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }
}

impl TlsContext {
    /// Loads the system's roots and the operator's own.
    pub(super) fn new(extra_ca: &[std::path::PathBuf]) -> Result<Self, String> {
        let mut roots = rustls_native_certs::load_native_certs().certs;
        for path in extra_ca {
            roots.extend(certificates(path)?);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = verifier(&provider, &roots, None);
        Ok(Self { provider, roots, verifier, shared: RefCell::default() })
    }

    /// Chains whose facts are shared.
    pub(super) fn held(&self) -> usize {
        self.shared.borrow().len()
    }

    /// Loads what a setting names.
    fn material(&self, settings: &TlsSettings, verifier: Arc<WebPkiServerVerifier>) -> Result<TlsMaterial, String> {
        let client = match (&settings.client_cert, &settings.client_key) {
            (None, None) => None,
            (Some(chain), Some(key)) => Some(self.client_certificate(Path::new(chain), Path::new(key))?),
            (Some(_), None) => return Err("client_cert needs client_key".to_owned()),
            (None, Some(_)) => return Err("client_key needs client_cert".to_owned()),
        };
        let verifier_dyn: Arc<dyn ServerCertVerifier> = verifier.clone();
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("no TLS version can be used: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(verifier_dyn)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(TlsMaterial { config, verifier, client, server_name: settings.server_name.clone() })
    }

    fn client_certificate(&self, chain: &Path, key: &Path) -> Result<Arc<dyn ResolvesClientCert>, String> {
        let chain = certificates(chain)?;
        let words = format!("{} holds no usable private key", key.display());
        let der = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{words}: {error}"))?;
        let certified =
            CertifiedKey::from_der(chain, der, &self.provider).map_err(|error| format!("{words}: {error}"))?;
        Ok(Arc::new(rustls::sign::SingleCertAndKey::from(certified)))
    }

    /// The facts of a handshake, shared with every other that saw the same.
    pub(super) fn facts(&self, recorder: &Recorder) -> Option<Arc<TlsFacts>> {
        let record = recorder.record.get();
        let (version, cipher) = recorder.negotiated.get().copied().unwrap_or_default();
        if record.is_none() && version.is_none() {
            return None;
        }
        let chain = record.map_or(&[][..], |record| record.chain.as_slice());
        let refused = recorder.refused();
        let mut hash = sha2::Sha256::new();
        hash.update(version.unwrap_or_default());
        hash.update([0]);
        hash.update(cipher.unwrap_or_default());
        hash.update([0]);
        hash.update(refused.as_deref().unwrap_or_default());
        for der in chain {
            hash.update(der.len().to_be_bytes());
            hash.update(der);
        }
        let key: [u8; 32] = hash.finalize().into();
        let mut shared = self.shared.borrow_mut();
        if let Some(facts) = shared.get(&key) {
            return Some(Arc::clone(facts));
        }
        if shared.len() >= SHARED_FACTS_MAX {
            shared.clear();
        }
        let facts =
            Arc::new(TlsFacts { version, cipher: cipher.map(str::to_owned), chain: chain_facts(chain), refused });
        shared.insert(key, Arc::clone(&facts));
        Some(facts)
    }
}

/// A verifier over `roots` and those of one more file.
fn verifier(
    provider: &Arc<CryptoProvider>,
    roots: &[CertificateDer<'static>],
    ca_file: Option<&Path>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut store = RootCertStore::empty();
    // Roots that webpki cannot read are skipped, as every other program does.
    let (_usable, _skipped) = store.add_parsable_certificates(roots.iter().cloned());
    if let Some(path) = ca_file {
        for certificate in certificates(path)? {
            store.add(certificate).map_err(|error| format!("{} holds no usable root: {error}", path.display()))?;
        }
    }
    if store.is_empty() {
        return Err(
            "there is no trusted root: install the system's certificates or name some in [probing] extra_ca".to_owned()
        );
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
        .build()
        .map_err(|error| format!("the trusted roots cannot be used: {error}"))
}

/// Reads every certificate of a PEM file.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?
        .collect();
    let found = found.map_err(|error| format!("{} is not PEM: {error}", path.display()))?;
    if found.is_empty() {
        return Err(format!("{} holds no certificate", path.display()));
    }
    Ok(found)
}

/// What one handshake showed.
#[derive(Debug)]
pub(super) struct Recorder {
    verifier: Arc<WebPkiServerVerifier>,
    client: Option<Arc<dyn ResolvesClientCert>>,
    /// Our own clock's time, not the one the TLS library would read.
    now: UnixTime,
    record: OnceLock<Record>,
    bad_signature: OnceLock<CertificateError>,
    asked_for_certificate: AtomicBool,
    /// Version and cipher suite, once the handshake is through.
    negotiated: OnceLock<(Option<&'static str>, Option<&'static str>)>,
}

#[derive(Debug)]
struct Record {
    chain: Vec<CertificateDer<'static>>,
    verdict: Result<(), rustls::Error>,
}

impl Recorder {
    /// Why the chain or its key was refused, in words.
    pub(super) fn refused(&self) -> Option<String> {
        let record = self.record.get()?;
        match (&record.verdict, self.bad_signature.get()) {
            (Err(rustls::Error::InvalidCertificate(error)), _) | (Ok(()), Some(error)) => {
                Some(shown(&refusal(error, &record.chain)))
            }
            (Err(other), _) => Some(shown(&other.to_string())),
            (Ok(()), None) => None,
        }
    }

    /// Whether the server asked for a certificate and got none.
    pub(super) fn lacks_client_certificate(&self) -> bool {
        self.client.is_none() && self.asked_for_certificate.load(Ordering::Relaxed)
    }

    fn signature(
        &self,
        result: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if let Err(rustls::Error::InvalidCertificate(error)) = &result {
            // Only the first can be set; there is only one per handshake.
            self.bad_signature.get_or_init(|| error.clone());
        }
        result
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = if intermediates.len() < CHAIN_LENGTH_MAX {
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, self.now)
        } else {
            let words = format!("the chain has more than {CHAIN_LENGTH_MAX} certificates");
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::from(Box::<
                dyn std::error::Error + Send + Sync,
            >::from(
                words
            ))))))
        };
        let chain = std::iter::once(end_entity).chain(intermediates).take(CHAIN_LENGTH_MAX);
        self.record.get_or_init(|| Record {
            chain: chain.map(|der| der.clone().into_owned()).collect(),
            verdict: verdict.as_ref().map(|_| ()).map_err(Clone::clone),
        });
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(self.verifier.verify_tls12_signature(message, certificate, signature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(self.verifier.verify_tls13_signature(message, certificate, signature))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked_for_certificate.store(true, Ordering::Relaxed);
        self.client.as_ref().and_then(|client| client.resolve(hints, schemes))
    }

    fn has_certs(&self) -> bool {
        self.client.is_some()
    }
}

/// A handshake over `stream`; what it showed stands in the trace, whatever comes of it.
pub(super) async fn handshake(
    stream: TcpStream,
    material: &TlsMaterial,
    hello: Hello<'_>,
    clock: &Clock,
    trace: &Trace,
) -> Result<TlsStream<TcpStream>, Fault> {
    trace.enter(Phase::Tls);
    trace.travel(|travelled| travelled.tls = true);
    // Our last flight and the request that follows must not wait for one another.
    stream.set_nodelay(true).map_err(|error| io_fault(&error, Phase::Tls, "the connection"))?;
    let Hello { name, alpn, identified } = hello;
    let name = ServerName::try_from(name.to_owned()).map_err(|_invalid| {
        fault(Reason::ProbeFault, Some(Phase::Tls), format!("`{name}` is no name that a certificate can hold"))
    })?;
    let seconds = u64::try_from(clock.now().as_millis() / 1000).unwrap_or(0);
    let recorder = Arc::new(Recorder {
        verifier: Arc::clone(&material.verifier),
        client: material.client.clone().filter(|_| identified),
        now: UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
        record: OnceLock::new(),
        bad_signature: OnceLock::new(),
        asked_for_certificate: AtomicBool::new(false),
        negotiated: OnceLock::new(),
    });
    *trace.handshake.borrow_mut() = Some(Arc::clone(&recorder));
    let mut config = material.config.clone();
    config.dangerous().set_certificate_verifier(recorder.clone());
    config.client_auth_cert_resolver = recorder.clone();
    if alpn == Alpn::Http {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| handshake_fault(&error, &recorder))?;
    recorder.negotiated.get_or_init(|| negotiated(stream.get_ref().1));
    Ok(stream)
}

/// Version and cipher suite of a connection.
fn negotiated(connection: &ClientConnection) -> (Option<&'static str>, Option<&'static str>) {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => Some("TLS 1.3"),
        Some(ProtocolVersion::TLSv1_2) => Some("TLS 1.2"),
        _ => None,
    };
    (version, connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()))
}

/// What a failed handshake, or a TLS alert after it, means.
pub(super) fn handshake_fault(error: &io::Error, recorder: &Recorder) -> Fault {
    let tls = Some(Phase::Tls);
    if let Some(refused) = recorder.refused() {
        return fault(Reason::Certificate, tls, refused);
    }
    match tls_error(error) {
        Some(rustls::Error::InvalidCertificate(error)) => fault(Reason::Certificate, tls, error.to_string()),
        Some(rustls::Error::AlertReceived(alert)) => fault(Reason::Tls, tls, alert_words(*alert, recorder)),
        Some(rustls::Error::InvalidMessage(_)) => fault(Reason::Tls, tls, "the server does not answer in TLS"),
        Some(rustls::Error::PeerIncompatible(why)) => fault(
            Reason::Tls,
            tls,
            format!("nothing in common with the server, which may speak only outdated TLS: {why:?}"),
        ),
        Some(other) => fault(Reason::Tls, tls, other.to_string()),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            fault(Reason::Tls, tls, "the server closed the connection during the handshake")
        }
        None if error.kind() == io::ErrorKind::ConnectionReset => {
            fault(Reason::Tls, tls, "the server reset the connection during the handshake")
        }
        None => io_fault(error, Phase::Tls, "the handshake"),
    }
}

/// The TLS library's error inside an IO error.
pub(super) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
}

fn alert_words(alert: AlertDescription, recorder: &Recorder) -> String {
    match alert {
        AlertDescription::ProtocolVersion => "the server speaks no TLS 1.2 or newer".to_owned(),
        AlertDescription::UnrecognisedName => "the server does not know this name".to_owned(),
        _ if recorder.lacks_client_certificate() => {
            format!("the server demands a client certificate ({alert:?})")
        }
        other => format!("the server ended TLS with the alert {other:?}"),
    }
}

/// Settings loaded once each, however many probes share them.
#[derive(Default)]
pub(super) struct Materials {
    verifiers: HashMap<String, Result<Arc<WebPkiServerVerifier>, String>>,
    loaded: HashMap<TlsSettings, Result<Rc<TlsMaterial>, String>>,
}

impl Materials {
    /// The material of a setting.
    pub(super) fn get(&mut self, context: &TlsContext, settings: &TlsSettings) -> Result<Rc<TlsMaterial>, String> {
        if let Some(known) = self.loaded.get(settings) {
            return known.clone();
        }
        let verifier = match &settings.ca_file {
            None => context.verifier.clone(),
            Some(file) => self
                .verifiers
                .entry(file.clone())
                .or_insert_with(|| verifier(&context.provider, &context.roots, Some(Path::new(file))))
                .clone(),
        };
        let loaded = verifier.and_then(|verifier| context.material(settings, verifier)).map(Rc::new);
        self.loaded.insert(settings.clone(), loaded.clone());
        loaded
    }
}
