//! Every series: its name, what it counts, and the buckets of those that measure.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Seconds until something begins: a source's answer, an archive's first byte, an answer's head.
const BEGINNINGS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0];

/// Seconds that a whole archive takes: from a handful of small files to tens of gigabytes.
const ARCHIVES: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0];

/// The histograms.
pub(super) const BUCKETS: &[(&str, &[f64])] = &[
    ("zipstream_archive_duration_seconds", ARCHIVES),
    ("zipstream_archive_first_byte_seconds", BEGINNINGS),
    ("zipstream_http_request_duration_seconds", BEGINNINGS),
    ("zipstream_source_first_byte_seconds", BEGINNINGS),
];

const COUNTERS: &[(&str, &str)] = &[
    (
        "zipstream_archives_total",
        "Archives by outcome (sent, failed after the first byte, refused before it, left by the reader), whose fault it was and the problem's code.",
    ),
    ("zipstream_connections_total", "Client connections that were served, or refused for want of room."),
    ("zipstream_egress_refusals_total", "URLs and addresses of sources that may not be asked, by the rule."),
    ("zipstream_entries_total", "Entries that were written whole, by method."),
    (
        "zipstream_http_requests_total",
        "Requests by route, method and class of status, or `left` where the client left before its answer.",
    ),
    ("zipstream_key_uses_total", "Requests with an API key, by its name."),
    ("zipstream_link_requests_total", "Links that were to be made, found or removed, and what came of it."),
    ("zipstream_problems_total", "Answers that are no success, by the problem's code."),
    (
        "zipstream_quota_refusals_total",
        "Archives and validations that were refused to a client, by what it had used up and by its tier.",
    ),
    ("zipstream_sent_bytes_total", "Bytes of archives that were handed to connections."),
    ("zipstream_source_bytes_total", "Bytes of bodies that were read from sources."),
    ("zipstream_source_requests_total", "Requests to sources (redirects included) by outcome."),
    ("zipstream_source_retries_total", "Requests to sources that followed a failed one."),
    ("zipstream_sources_total", "Sources that were read whole, or failed their archive, by outcome."),
];

const GAUGES: &[(&str, &str)] = &[
    ("process_open_fds", "Open files and sockets."),
    ("process_resident_memory_bytes", "Memory in use."),
    ("process_start_time_seconds", "When the process started, in seconds since 1970."),
    ("zipstream_build_info", "1, with the version."),
    ("zipstream_connections", "Client connections that are open."),
    ("zipstream_connections_limit", "The most that may be open (server.max_connections)."),
    ("zipstream_held_bytes", "Bytes held ahead of the readers of all archives."),
    ("zipstream_held_bytes_limit", "The most that may be held (archive.prefetch_total)."),
    ("zipstream_open_archives", "Archives that are being produced."),
    ("zipstream_open_archives_limit", "The most that may be produced at once (server.max_archives)."),
];

const HISTOGRAMS: &[(&str, &str)] = &[
    ("zipstream_archive_duration_seconds", "Time from the descriptor to the archive's end, by outcome."),
    ("zipstream_archive_first_byte_seconds", "Time from the descriptor to the archive's first byte."),
    ("zipstream_http_request_duration_seconds", "Time from a request's head to its answer's, by route."),
    ("zipstream_source_first_byte_seconds", "Time from asking a source to its answer's head."),
];

/// Gives every series its line of help.
pub(super) fn describe() {
    COUNTERS.iter().for_each(|(name, help)| describe_counter!(*name, *help));
    GAUGES.iter().for_each(|(name, help)| describe_gauge!(*name, *help));
    HISTOGRAMS.iter().for_each(|(name, help)| describe_histogram!(*name, *help));
}
