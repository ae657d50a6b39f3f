//! What can go wrong with a source, in words that its user may see.

use std::io;
use std::time::Duration;

use http::StatusCode;
use rustls::{AlertDescription, CertificateError};

use crate::egress;

/// Why a source could not be read; the text names no address and no header.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source is not what it was when it was first asked.
    #[error("the source changed while it was being read: {0}")]
    Changed(&'static str),
    /// The service itself lacks what another connection takes: nothing is known of the source.
    #[error("the service has no room for another connection; try again shortly")]
    Exhausted,
    /// The policy refused the URL, or what its name or a redirect led to.
    #[error("{}{refusal}", if *.redirected { "the source redirects to a URL that is refused: " } else { "" })]
    Forbidden {
        /// What the policy said.
        refusal: egress::Refusal,
        /// Whether a redirect led there.
        redirected: bool,
    },
    /// The source refused a URL whose signature has ended.
    #[error("the source answered {status}: the URL's signature ended at {ended}; sign it again")]
    Lapsed {
        /// The status.
        status: StatusCode,
        /// When it ended (RFC 3339).
        ended: String,
    },
    /// The answer is not sound HTTP, or not one to the question.
    #[error("the source's answer is not valid: {0}")]
    Protocol(&'static str),
    /// The source's name has no address, which asking again does not change.
    #[error("the source cannot be reached: its name does not exist")]
    NoSuchName,
    /// The source answered with a status that is not the file.
    #[error("the source answered {status}")]
    Status {
        /// The status.
        status: StatusCode,
        /// How long the source asks to wait (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// The source let a clock run out.
    #[error("the source took too long: {0}")]
    Timeout(&'static str),
    /// No trusted TLS connection could be made. Of the certificate nothing is told but the kind of its fault: its names are
    /// nobody's business who is let no nearer to the server.
    #[error("no trusted TLS connection to the source: {0}")]
    Tls(&'static str),
    /// More redirects than are followed.
    #[error("the source redirects more than {0} times")]
    TooManyRedirects(usize),
    /// The connection ended before the body did.
    #[error("the source's connection ended before its answer did")]
    Truncated,
    /// The source does not prove that it is what it was, which some other server behind its name may do.
    #[error("the source does not prove to be what it was: {0}")]
    Unproven(&'static str),
    /// The source cannot be reached at all.
    #[error("the source cannot be reached: {0}")]
    Unreachable(&'static str),
}

impl Error {
    /// Whether asking again may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Status { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
                    )
            }
            Error::Exhausted | Error::Timeout(_) | Error::Truncated | Error::Unreachable(_) => true,
            Error::Changed(_)
            | Error::Forbidden { .. }
            | Error::Lapsed { .. }
            | Error::NoSuchName
            | Error::Protocol(_)
            | Error::Tls(_)
            | Error::TooManyRedirects(_)
            | Error::Unproven(_) => false,
        }
    }

    /// The status that the source answered with, where that is what went wrong.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Error::Lapsed { status, .. } | Error::Status { status, .. } => Some(*status),
            Error::Changed(_)
            | Error::Exhausted
            | Error::Forbidden { .. }
            | Error::NoSuchName
            | Error::Protocol(_)
            | Error::Timeout(_)
            | Error::Tls(_)
            | Error::TooManyRedirects(_)
            | Error::Truncated
            | Error::Unproven(_)
            | Error::Unreachable(_) => None,
        }
    }

    /// The word for it in problem documents and manifests.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Changed(_) => "source_changed",
            Error::Exhausted => "overloaded",
            Error::Forbidden { .. } => "forbidden_url",
            Error::NoSuchName => "source_unreachable",
            Error::Protocol(_) => "source_protocol",
            Error::Lapsed { .. } | Error::Status { .. } => "source_status",
            Error::Timeout(_) => "source_timeout",
            Error::Tls(_) => "source_tls",
            Error::TooManyRedirects(_) => "too_many_redirects",
            Error::Truncated => "source_truncated",
            Error::Unproven(_) => "source_changed",
            Error::Unreachable(_) => "source_unreachable",
        }
    }

    /// The word for it in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Error::Changed(_) => "changed",
            Error::Exhausted => "exhausted",
            Error::Forbidden { .. } => "forbidden",
            Error::NoSuchName => "no_such_name",
            Error::Protocol(_) => "protocol",
            Error::Lapsed { .. } | Error::Status { .. } => "status",
            Error::Timeout(_) => "timeout",
            Error::Tls(_) => "tls",
            Error::TooManyRedirects(_) => "too_many_redirects",
            Error::Truncated => "truncated",
            Error::Unproven(_) => "unproven",
            Error::Unreachable(_) => "unreachable",
        }
    }

    /// Reads a failed dial.
    pub(super) fn of_dial(error: egress::Error) -> Error {
        match error {
            egress::Error::Exhausted(_) => Error::Exhausted,
            egress::Error::Forbidden(refusal) => Error::Forbidden { refusal, redirected: false },
            egress::Error::Unreachable(_) => Error::Unreachable("no connection could be made"),
            egress::Error::Unresolved(_) if !error.is_transient() => Error::NoSuchName,
            egress::Error::Unresolved(_) => Error::Unreachable("its name cannot be resolved"),
        }
    }

    /// Reads a failed TLS handshake.
    pub(super) fn of_handshake(error: &io::Error) -> Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(cause) => Error::Tls(fault_of(cause)),
            None => Error::Unreachable("the connection ended in the TLS handshake"),
        }
    }

    /// Reads what hyper says of an exchange or a body.
    pub(super) fn of_exchange(error: &hyper::Error) -> Error {
        let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
        let kind = cause.map(io::Error::kind);
        let inner = cause.and_then(io::Error::get_ref);
        if let Some(fault) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            // TLS 1.3 tells only behind the handshake that a certificate of the client's is missing. Any other record or
            // alert that breaks a connection says nothing of the source.
            match fault {
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
                    Error::Tls(fault_of(fault))
                }
                _ => Error::Truncated,
            }
        } else if error.is_parse_too_large() {
            Error::Protocol("its head is too long")
        } else if error.is_parse()
            || matches!(kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput))
        {
            Error::Protocol("it is not HTTP/1.1")
        } else {
            Error::Truncated
        }
    }
}

/// The kind of a handshake's fault.
fn fault_of(cause: &rustls::Error) -> &'static str {
    match cause {
        rustls::Error::InvalidCertificate(fault) => match fault {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet"
            }
            CertificateError::Revoked => "its certificate is revoked",
            CertificateError::UnknownIssuer => "the issuer of its certificate is not known",
            _ => "its certificate is not valid",
        },
        rustls::Error::AlertReceived(_) => "it broke the handshake off",
        rustls::Error::PeerIncompatible(_) => "it offers no version or cipher that is sound",
        _ => "the handshake failed",
    }
}
