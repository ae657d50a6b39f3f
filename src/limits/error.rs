//! Why a client does not get what it asks for.

use super::Standing;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Only clients with a key are served.
    #[error("this service asks for an API key: Authorization: Bearer <key>")]
    ApiKeyRequired,
    /// The key is unknown, or what was sent is none.
    #[error("the Authorization header holds no API key of this service; expected: Bearer <key>")]
    InvalidApiKey,
    /// The hour's count is used up.
    #[error(
        "all {limit} {policy} that this client may ask for in an hour are used up; there is one more in {reset} s",
        limit = .0.limit, policy = .0.policy, reset = .0.reset
    )]
    RateLimited(Standing),
    /// As many archives of this client run as it may have.
    #[error(
        "this client has all {limit} archives running that it may have at the same time; \
         try again when one of them has ended",
        limit = .0.limit
    )]
    TooManyArchives(Standing),
    /// As many validations of this client are being made as it may have.
    #[error(
        "this client has all {limit} validations running that it may have at the same time; \
         try again when one of them is answered",
        limit = .0.limit
    )]
    TooManyValidations(Standing),
}
