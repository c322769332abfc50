//! TLS: what a handshake showed, above all where it failed.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use turmwacht::model::check::{Check, Phase, Probe, TlsProbe, TlsSettings};
use turmwacht::model::observation::{Observation, Outcome};
use turmwacht::model::verdict::Reason;

use super::server::{Server, answer, hold, read_head, send, timestamp};
use super::{assert_fails, assert_up, check, http_probe, probe, prober, prober_trusting, settings};

/// An authority with its key and its certificate in a file.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pub(crate) file: PathBuf,
    _folder: tempfile::TempDir,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority_params(name);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), der: certificate.der().clone(), file, _folder: folder }
    }

    /// A site for a name that says "Anmelden" over TLS.
    pub(crate) fn site(&self, name: &str) -> Server {
        serve(config(issue(&leaf_params(name), &self.issuer)))
    }

    /// The same, with whatever names a certificate may hold.
    pub(crate) fn site_named(&self, common_name: &str, alternative: &str) -> Server {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = vec![SanType::DnsName(alternative.try_into().unwrap())];
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1));
        serve(config(issue(&params, &self.issuer)))
    }

    /// An authority below this one.
    fn intermediate(&self, name: &str) -> (Issuer<'static, KeyPair>, CertificateDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = authority_params(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (Issuer::new(params, key), certificate.der().clone())
    }
}

fn leaf_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, "Stadt, Muster\u{1b}[2J");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2099, 1, 1);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn issue(params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Chain {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    (vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn config((chain, key): Chain) -> ServerConfig {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

/// An HTTPS server that says "Anmelden".
fn serve(config: ServerConfig) -> Server {
    let config = Arc::new(config);
    Server::raw(move |stream| {
        let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        if !read_head(&mut tls).is_empty() {
            let _gone = tls.write_all(&answer("200 OK", "", "Anmelden"));
            tls.conn.send_close_notify();
            let _gone = tls.flush();
        }
    })
}

/// Asks for `https://portal.test/` at the server.
fn https(server: &Server) -> Check {
    let mut request = http_probe(&format!("https://portal.test:{}/", server.address.port()));
    request.resolve = Some(server.address);
    check(Probe::Http(request))
}

fn asked(chain: Chain, trusted: &Authority) -> Observation {
    probe(&prober_trusting(trusted.file.clone()), &https(&serve(config(chain))))
}

#[test]
fn a_good_chain_is_up_with_its_facts() {
    let root = Authority::new("Test Root");
    let (intermediate, der) = root.intermediate("Test Intermediate");
    let mut chain = issue(&leaf_params("portal.test"), &intermediate);
    chain.0.push(der);
    let server = serve(config(chain));
    let mut check = https(&server);
    check.expect.body_contains = vec!["Anmelden".to_owned()];
    check.warn.certificate_valid_for = Some(Duration::from_secs(14 * 86_400));
    let prober = prober_trusting(root.file.clone());
    let observation = probe(&prober, &check);
    assert_up(&observation);
    assert!(!observation.certificate_warning);
    assert!(observation.phases.tls.is_some());
    let tls = observation.tls.unwrap();
    assert_eq!((tls.version, tls.refused.as_deref(), tls.chain.len()), (Some("TLS 1.3"), None, 2));
    assert!(tls.cipher.as_deref().unwrap().starts_with("TLS13_AES"));
    let leaf = &tls.chain[0];
    assert_eq!(leaf.subject, r"O=Stadt\, Muster\u{1b}[2J,CN=portal.test");
    assert_eq!(leaf.issuer, "CN=Test Intermediate");
    assert_eq!(leaf.names, ["portal.test"]);
    assert_eq!(leaf.not_before, timestamp("2020-01-01T00:00:00Z"));
    assert_eq!(leaf.not_after, timestamp("2099-01-01T00:00:00Z"));
    assert_eq!(leaf.fingerprint_sha256.len(), 64);
    // The same chain seen again is the same facts, not a copy.
    assert!(Arc::ptr_eq(&tls, probe(&prober, &check).tls.as_ref().unwrap()));
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning_and_no_failure() {
    let root = Authority::new("Root");
    let server = serve(config(issue(&leaf_params("portal.test"), &root.issuer)));
    let mut check = https(&server);
    check.warn.certificate_valid_for = Some(Duration::from_secs(100 * 365 * 86_400));
    let observation = probe(&prober_trusting(root.file.clone()), &check);
    assert_up(&observation);
    assert!(observation.certificate_warning);
}

#[test]
fn refused_certificates_say_why_and_leave_their_facts() {
    let root = Authority::new("Root");
    let stranger = Authority::new("Stranger");
    let (intermediate, _missing) = root.intermediate("Absent Intermediate");
    let good = leaf_params("portal.test");
    let mut expired = good.clone();
    expired.not_after = date_time_ymd(2021, 5, 1);
    let mut early = good.clone();
    early.not_before = date_time_ymd(2098, 1, 1);
    let mut client_only = good.clone();
    client_only.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let mut with_aia = good.clone();
    // AuthorityInfoAccess { caIssuers, URI "http://x/y" }
    let aia =
        [&[0x30, 0x18, 0x30, 0x16, 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 0x0a][..], b"http://x/y"].concat();
    with_aia.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], aia));
    let self_signed = |params: &CertificateParams| {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (vec![certificate.der().clone()], PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())))
    };
    let mut self_signed_ca = good.clone();
    self_signed_ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for (chain, words) in [
        (issue(&expired, &root.issuer), "expired at 2021-05-01T00:00:00Z"),
        (issue(&early, &root.issuer), "not valid before 2098-01-01T00:00:00Z"),
        (issue(&leaf_params("other.test"), &root.issuer), "is for other.test"),
        (issue(&client_only, &root.issuer), "not meant for servers"),
        (self_signed(&good), "self-signed"),
        (self_signed(&self_signed_ca), "self-signed"),
        (issue(&good, &stranger.issuer), "ends at CN=Stranger, which is not trusted"),
        (issue(&with_aia, &intermediate), "does not send CN=Absent Intermediate"),
    ] {
        let leaf = chain.0[0].clone();
        let observation = asked(chain, &root);
        assert_fails(&observation, Reason::Certificate, words);
        assert_eq!(observation.fault().unwrap().phase, Some(Phase::Tls));
        let tls = observation.tls.unwrap();
        assert!(tls.refused.as_deref().unwrap().contains(words), "{tls:?}");
        assert_eq!(tls.chain.len(), 1, "{words}");
        assert!(tls.earliest_expiry().is_some());
        assert!(!leaf.is_empty());
    }
}

#[test]
fn a_chain_that_is_too_long_is_refused() {
    let root = Authority::new("Root");
    let mut chain = issue(&leaf_params("portal.test"), &root.issuer);
    chain.0.extend(std::iter::repeat_n(root.der.clone(), 10));
    let observation = asked(chain, &root);
    assert_fails(&observation, Reason::Certificate, "more than 10");
    assert_eq!(observation.tls.unwrap().chain.len(), 10);
}

fn demanding(root: &Authority, versions: &[&'static rustls::SupportedProtocolVersion]) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(root.der.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    let (chain, key) = issue(&leaf_params("portal.test"), &root.issuer);
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap()
}

#[test]
fn a_demanded_client_certificate_is_told_and_can_be_given() {
    let root = Authority::new("Root");
    let prober = prober_trusting(root.file.clone());
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let server = serve(demanding(&root, &[version]));
        let without = https(&server);
        let observation = probe(&prober, &without);
        assert_fails(&observation, Reason::Tls, "client certificate");
        assert_eq!(observation.tls.unwrap().chain.len(), 1);
        let tls = TlsProbe {
            host: "127.0.0.1".to_owned(),
            port: server.address.port(),
            tls: TlsSettings { server_name: Some("portal.test".to_owned()), ..TlsSettings::default() },
        };
        assert_fails(&probe(&prober, &check(Probe::Tls(tls.clone()))), Reason::Tls, "client certificate");

        let folder = tempfile::tempdir().unwrap();
        let mut params = leaf_params("prober.test");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &root.issuer).unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("c.pem"), certificate.pem()).unwrap();
        std::fs::write(path("k.pem"), key.serialize_pem()).unwrap();
        let Probe::Http(mut with) = without.probe.clone() else { unreachable!() };
        with.tls.client_cert = Some(path("c.pem"));
        with.tls.client_key = Some(path("k.pem"));
        assert_up(&probe(&prober, &check(Probe::Http(with))));
        let mut with = tls;
        with.tls.client_cert = Some(path("c.pem"));
        with.tls.client_key = Some(path("k.pem"));
        assert_up(&probe(&prober, &check(Probe::Tls(with))));
    }
}

#[test]
fn a_tls_probe_verifies_the_name_it_is_given() {
    let root = Authority::new("Root");
    let server = serve(config(issue(&leaf_params("portal.test"), &root.issuer)));
    let mut tls = TlsProbe { host: "127.0.0.1".to_owned(), port: server.address.port(), tls: TlsSettings::default() };
    let prober = prober(&settings());
    tls.tls.ca_file = Some(root.file.to_str().unwrap().to_owned());
    assert_fails(&probe(&prober, &check(Probe::Tls(tls.clone()))), Reason::Certificate, "is for portal.test");
    tls.tls.server_name = Some("portal.test".to_owned());
    let observation = probe(&prober, &check(Probe::Tls(tls.clone())));
    assert_up(&observation);
    assert!(observation.http.is_none() && observation.tls.is_some());
    tls.tls.ca_file = Some("/nonexistent.pem".to_owned());
    assert_fails(&probe(&prober, &check(Probe::Tls(tls))), Reason::ProbeFault, "/nonexistent.pem");
}

#[test]
fn what_is_no_tls_is_told_apart() {
    let prober = prober(&settings());
    let closes = Server::raw(|mut stream| drop(stream.read(&mut [0; 10_000])));
    let plain = Server::raw(|mut stream| {
        send(&mut stream, &answer("400 Bad Request", "", "plain HTTP"));
        hold(&mut stream);
    });
    for (server, words) in [(closes, "handshake"), (plain, "does not answer in TLS")] {
        let observation = probe(&prober, &https(&server));
        assert_fails(&observation, Reason::Tls, words);
        assert!(observation.tls.is_none());
        assert!(matches!(observation.outcome, Outcome::Failed(_)));
    }
    let stalls = Server::raw(|mut stream| hold(&mut stream));
    let mut check = https(&stalls);
    check.timeout = super::SHORT;
    let observation = probe(&prober, &check);
    assert_fails(&observation, Reason::Timeout, "tls");
}

#[test]
fn facts_of_tls_are_those_of_the_last_hop() {
    let root = Authority::new("Root");
    let plain = Server::answering(answer("200 OK", "", "plain"));
    let location = format!("Location: {}\r\n", plain.url());
    let tls = Arc::new(config(issue(&leaf_params("portal.test"), &root.issuer)));
    let secure = Server::raw(move |stream| {
        let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&tls)).unwrap(), stream);
        read_head(&mut tls);
        let _gone = tls.write_all(&answer("302 Found", &location, ""));
        let _gone = tls.flush();
    });
    let observation = probe(&prober_trusting(root.file.clone()), &https(&secure));
    assert_up(&observation);
    assert!(observation.tls.is_none());
    assert!(observation.phases.tls.is_some(), "times of all hops add up");
}

#[test]
fn starttls_leads_to_the_certificate() {
    let root = Authority::new("Root");
    for (starttls, greeting, dialogue) in [
        (
            turmwacht::model::check::Starttls::Smtp,
            "220-hello\r\n220 mx ready\r\n",
            vec![("EHLO", "250-mx\r\n250 STARTTLS\r\n"), ("STARTTLS", "220 go\r\n")],
        ),
        (
            turmwacht::model::check::Starttls::Imap,
            "* OK imap\r\n",
            vec![("a1 STARTTLS", "* CAPABILITY x\r\na1 OK go\r\n")],
        ),
        (turmwacht::model::check::Starttls::Pop3, "+OK pop\r\n", vec![("STLS", "+OK go\r\n")]),
    ] {
        let config = Arc::new(config(issue(&leaf_params("portal.test"), &root.issuer)));
        let server = Server::raw(move |mut stream| {
            send(&mut stream, greeting.as_bytes());
            for (expected, answer) in &dialogue {
                let mut line = String::new();
                let mut byte = [0];
                while !line.ends_with('\n') && stream.read_exact(&mut byte).is_ok() {
                    line.push(char::from(byte[0]));
                }
                assert!(line.starts_with(expected), "{line}");
                send(&mut stream, answer.as_bytes());
            }
            let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut line = [0; 6];
            tls.read_exact(&mut line).unwrap();
            tls.write_all(b"250 done\r\n").unwrap();
        });
        let tcp = turmwacht::model::check::TcpProbe {
            host: "127.0.0.1".to_owned(),
            port: server.address.port(),
            send: Some("NOOP\r\n".to_owned()),
            expect: Some("^250 ".to_owned()),
            starttls: Some(starttls),
            tls: TlsSettings { server_name: Some("portal.test".to_owned()), ..TlsSettings::default() },
        };
        let observation = probe(&prober_trusting(root.file.clone()), &check(Probe::Tcp(tcp)));
        assert_up(&observation);
        assert_eq!(observation.tls.unwrap().chain[0].names, ["portal.test"]);
    }
}
