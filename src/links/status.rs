//! How a download is doing, as it is told and as it is kept.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The state of a link's latest download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DownloadStatus)]
pub struct Status {
    /// How far it is.
    pub state: State,
    /// Bytes of the archive that were handed to the connection.
    pub bytes_sent: u64,
    /// The archive's length in bytes, where it is known.
    #[schema(required)]
    pub bytes_total: Option<u64>,
    /// Entries that are complete.
    pub files_done: usize,
    /// Entries that are left out, because their sources failed before their first byte.
    #[serde(default)]
    #[schema(required)]
    pub files_skipped: usize,
    /// Entries of the archive.
    pub files_total: usize,
    /// RFC 3339.
    #[schema(required)]
    pub started_at: Option<String>,
    /// RFC 3339.
    #[schema(required)]
    pub finished_at: Option<String>,
    /// Why it failed.
    #[schema(required)]
    pub error: Option<Failure>,
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DownloadState)]
pub enum State {
    /// All was sent.
    Done,
    /// It broke off, or was refused.
    Failed,
    /// The part that was asked for was sent, and the archive's end was not in it.
    Partial,
    /// It goes on.
    Running,
    /// Nobody has begun one.
    Waiting,
}

/// Why a download failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DownloadFailure)]
pub struct Failure {
    /// As in problem documents; `client_gone` when the connection ended before the archive did, `node_gone` when the node
    /// that sent it did.
    pub code: String,
    /// In words.
    pub detail: String,
}

impl Status {
    /// The state of a download that nothing was heard of for so long: whoever sent it is gone.
    pub(super) fn lost(self, silence: Duration) -> Status {
        if self.state != State::Running {
            return self;
        }
        let heard = SystemTime::now().checked_sub(silence).unwrap_or(SystemTime::UNIX_EPOCH);
        let detail = "the node that sent the archive is gone, or cannot tell of it".to_owned();
        Status {
            state: State::Failed,
            finished_at: Some(humantime::format_rfc3339_millis(heard).to_string()),
            error: Some(Failure { code: "node_gone".to_owned(), detail }),
            ..self
        }
    }

    /// The state of a link that nobody has used.
    pub(super) fn waiting(entries: usize) -> Status {
        Status {
            state: State::Waiting,
            bytes_sent: 0,
            bytes_total: None,
            files_done: 0,
            files_skipped: 0,
            files_total: entries,
            started_at: None,
            finished_at: None,
            error: None,
        }
    }
}
