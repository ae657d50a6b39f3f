//! Answers of Redis that get lost: the question is asked again, and what it asked for was done once.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};
use zipstream::{
    config,
    links::{Links, State},
    state,
    value::Secret,
};

use super::{facts, is_missing, mint, until};
use crate::support::redis::Redis;

/// A way to Redis on which one answer can get lost, and the connection with it.
struct Way {
    address: SocketAddr,
    loses: Arc<AtomicBool>,
}

impl Way {
    async fn to(redis: &Redis) -> Way {
        let (server, listener) = (redis.address(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (address, loses) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let flag = Arc::clone(&loses);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, Arc::clone(&flag)));
            }
        });
        Way { address, loses }
    }
}

async fn carry(client: TcpStream, server: SocketAddr, loses: Arc<AtomicBool>) {
    let server = TcpStream::connect(server).await.unwrap();
    let ((mut asked, mut to_client), (mut answered, mut to_server)) =
        (client.into_split(), server.into_split());
    let answers = async {
        let mut buffer = vec![0; 65_536];
        while let Ok(octets @ 1..) = answered.read(&mut buffer).await {
            if loses.swap(false, Relaxed) || to_client.write_all(&buffer[..octets]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! { () = answers => {} _ = copy(&mut asked, &mut to_server) => {} }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_again_is_done_once() {
    let redis = Redis::start().await;
    let way = Way::to(&redis).await;
    let connection = state::Redis::connect(&Secret::new(format!("redis://{}", way.address))).unwrap();
    let config = config::load(&config::Sources::default()).unwrap().config.links;
    let links = Links::new(config, Some(connection));
    let sums = || redis.ask("HVALS {zipstream}:links:bytes");
    let mut told = Vec::new();
    // The first time Redis does not know the scripts yet, and has more than one answer to each question.
    for is_lossy in [false, true] {
        let lose = || {
            assert!(!way.loses.swap(is_lossy, Relaxed), "nothing was lost");
        };
        lose();
        let token = mint(&links).await.token;
        told.push(sums().await);
        lose();
        assert_eq!(links.freeze(&token, &facts(1)).await.unwrap(), facts(1));
        lose();
        links.find(&token).await.unwrap();
        lose();
        let (download, book) = links.begin(&token, 3).await.unwrap();
        lose();
        assert_eq!(links.status(&token).await.unwrap().state, State::Running);
        download.note_end();
        drop((download, book));
        let done = || async { links.status(&token).await.ok().filter(|status| status.state == State::Done) };
        until("the end", done).await;
        links.settle().await;
        lose();
        // It is gone either way, and whoever asks again is told so.
        assert_eq!(is_missing(links.remove(&token).await), is_lossy);
        told.push(sums().await);
    }
    assert_eq!(told[..2], told[2..]);
}
