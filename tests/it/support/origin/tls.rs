//! The origin's certificates: sound ones of an authority of the tests' own, and every kind of bad one.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// How the origin speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Signed by the tests' authority, but its time is over.
    Expired,
    /// Signed by itself.
    SelfSigned,
    /// Accepts connections and never says a word.
    Silent,
    /// Sound, for those who trust the tests' authority.
    Trusted,
    /// Signed by the tests' authority for another name.
    WrongName,
}

/// The authority that signs all certificates of this process.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Tests' authority");
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { issuer: Issuer::new(params, key), pem }
});

/// The certificate of the tests' authority, to be trusted by the client.
pub fn authority() -> &'static str {
    &AUTHORITY.pem
}

/// Builds what accepts connections; `None` for the silent kind.
pub(super) fn acceptor(tls: Tls, names: &[String]) -> Option<TlsAcceptor> {
    let names = match tls {
        Tls::Silent => return None,
        Tls::WrongName => vec!["other.example.net".to_owned()],
        Tls::Expired | Tls::SelfSigned | Tls::Trusted => names.to_vec(),
    };
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names).unwrap();
    if tls == Tls::Expired {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let certificate = match tls {
        Tls::SelfSigned => params.self_signed(&key).unwrap(),
        _ => params.signed_by(&key, &AUTHORITY.issuer).unwrap(),
    };
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(TlsAcceptor::from(Arc::new(config)))
}
