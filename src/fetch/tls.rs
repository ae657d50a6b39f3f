//! TLS towards sources: rustls, the platform's roots or the bundled ones, and the operator's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Error;
use super::transport::Stream;

/// Makes TLS connections.
#[derive(Clone)]
pub(super) struct Tls(TlsConnector);

/// Why the trusted roots could not be set up; it stops the start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The extra CA file cannot be read as PEM certificates.
    #[error("fetch.ca_file: {path} holds no readable PEM certificate: {detail}")]
    CaFile {
        /// The configured path.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// rustls does not take its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Tls {
    /// Trusts the platform's roots, the bundled ones where it has none, and those in `ca_file`.
    ///
    /// # Errors
    /// When `ca_file` cannot be read.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Tls, TrustError> {
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if added == 0 {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if let Some(path) = ca_file {
            let failed = |detail: String| TrustError::CaFile { path: path.to_owned(), detail };
            let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect)
                .map_err(|error| failed(error.to_string()))?;
            if certificates.is_empty() {
                return Err(failed("it is empty".into()));
            }
            for certificate in certificates {
                roots.add(certificate).map_err(|error| failed(error.to_string()))?;
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls(TlsConnector::from(Arc::new(config))))
    }

    /// Speaks TLS over a connected socket.
    ///
    /// # Errors
    /// [`Error::Tls`] when the certificate is not trusted for `host`, [`Error::Unreachable`] when the socket ends.
    pub(super) async fn handshake(&self, host: &str, tcp: TcpStream) -> Result<Stream, Error> {
        // An IPv6 literal stands in brackets in a URL, and without them in a certificate.
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name =
            ServerName::try_from(name).map_err(|_| Error::Tls("its host cannot stand in a certificate"))?;
        let stream = self.0.connect(name, Stream::buffered(tcp)).await;
        stream.map(|stream| Stream::Tls(Box::new(stream))).map_err(|error| {
            // Only here it is known in full, down to the names of the certificate.
            tracing::debug!(host, %error, "no trusted TLS connection");
            Error::of_handshake(&error)
        })
    }
}
