//! The policy's verdict on a URL or an address that may not be asked.
//!
//! Its text goes to the client that named the URL. It says which rule spoke and nothing that was learnt on the way: neither
//! the address behind a name nor whether anything listens there.

/// The refusal of a URL or of one of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The rule that spoke.
    pub reason: Reason,
}

impl Refusal {
    /// Tells whether the URL can be no source anywhere, rather than being forbidden here.
    pub fn is_invalid(&self) -> bool {
        match self.reason {
            Reason::Credentials | Reason::Host | Reason::Scheme | Reason::Syntax => true,
            Reason::Address | Reason::Name | Reason::Own | Reason::Port => false,
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

/// The rule that refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// An address that is not global unicast, or that a cloud's metadata is served from.
    #[error("the host is not a public address")]
    Address,
    /// A user name or a password in the URL.
    #[error("credentials are not allowed in a URL")]
    Credentials,
    /// A host that cannot be a DNS name (RFC 1035 §2.3.4).
    #[error(
        "the host is not a name of letters, digits, hyphens and underscores with single dots between them"
    )]
    Host,
    /// A special-use, private or single-label name.
    #[error("the host name is reserved for private use")]
    Name,
    /// This service.
    #[error("the URL leads back to this service")]
    Own,
    /// A port outside of the list.
    #[error("the port is not allowed")]
    Port,
    /// A scheme that is neither `http` nor `https`.
    #[error("the scheme is neither http nor https")]
    Scheme,
    /// A text that is no URL to every parser.
    #[error("the URL is not valid")]
    Syntax,
}

impl Reason {
    /// Every rule.
    pub const ALL: [Reason; 8] = [
        Reason::Address,
        Reason::Credentials,
        Reason::Host,
        Reason::Name,
        Reason::Own,
        Reason::Port,
        Reason::Scheme,
        Reason::Syntax,
    ];

    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Address => "address",
            Reason::Credentials => "credentials",
            Reason::Host => "host",
            Reason::Name => "name",
            Reason::Own => "own",
            Reason::Port => "port",
            Reason::Scheme => "scheme",
            Reason::Syntax => "syntax",
        }
    }
}
