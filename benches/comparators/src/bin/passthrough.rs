//! Sources straight into the body, one after another, on ZipStream's own client and server: what is left is the cost of
//! the ZIP.
//!
//! `GET /?u=URL&u=URL…`; what else stands in the query means nothing (the harness' style `proxy` adds a file's name to its
//! `path`). Listens on the port in `PORT`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::routing::get;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use url::Url;
use zipstream::budget::Demand;
use zipstream::config::{self, Config};
use zipstream::{descriptor, egress, fetch, server};

#[tokio::main]
async fn main() {
    let config: Config =
        config::load(&config::Sources::default()).expect("the embedded defaults are lawful").config;
    let networks = ["127.0.0.0/8".parse().expect("a network")];
    let rules = egress::Config { allow: networks.to_vec(), ..config.egress.clone() };
    let policy = Arc::new(egress::Policy::new(&rules, egress::Own::default()));
    let resolver = egress::Resolver::new(&[]).expect("the system's resolver");
    let dialer = egress::Dialer::new(policy, resolver, egress::direct());
    let ca_file = std::env::var_os("CA_FILE").map(Into::into);
    let client =
        fetch::Client::new(fetch::Config { ca_file, ..config.fetch.clone() }, dialer).expect("a client");
    let router = Router::new().route("/", get(pass)).with_state(client);
    let port = std::env::var("PORT").expect("PORT is set by the harness");
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("a free port");
    let never = std::future::pending;
    server::run(listener, router, config.server(), never(), never()).await;
}

async fn pass(State(client): State<fetch::Client>, Query(query): Query<Vec<(String, String)>>) -> Body {
    let demand = Arc::new(Demand::default());
    let urls = query.into_iter().filter(|(name, _)| name == "u").map(|(_, url)| url);
    Body::from_stream(
        stream::iter(urls).flat_map(move |url| read(client.clone(), &url, Arc::clone(&demand)).boxed()),
    )
}

fn read(
    client: fetch::Client,
    url: &str,
    demand: Arc<Demand>,
) -> impl Stream<Item = Result<Bytes, fetch::Error>> + use<> {
    let url = Url::parse(url).expect("the harness asks for URLs");
    let source = Arc::new(descriptor::HttpSource { url, headers: http::HeaderMap::new() });
    let reader = fetch::Reader::new(client, source, None, None, Arc::clone(&demand));
    let start = (reader, None::<(u64, Instant)>);
    stream::try_unfold(start, move |(mut reader, handed)| {
        let demand = Arc::clone(&demand);
        async move {
            if let Some((bytes, at)) = handed {
                demand.note(bytes, at.elapsed().max(Duration::ZERO));
            }
            let chunk = reader.next().await?;
            let handed = chunk.as_ref().map(|chunk| (chunk.len() as u64, Instant::now()));
            Ok::<_, fetch::Error>(chunk.map(|chunk| (chunk, (reader, handed))))
        }
    })
}
