//! The whole service in one process: a source, the server and a client on the loopback, without any other program.
//!
//! It tells whether a change made the pipeline slower. It cannot tell how fast the service is beside others, since
//! source and client share its process: that is what `benches/README.md` measures. Run with `cargo bench --bench pipeline`.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use zipstream::app::{App, Overrides};
use zipstream::config::{self, Sources};
use zipstream::server;

/// Rounds, of which the fastest counts, since everything else on the machine only slows them down.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let source = start_source().await;
    let service = start_service().await;
    println!("| archive | GB/s | entries/s |\n|---|---|---|");
    for (what, method, files, length) in [
        ("STORE, 4 x 256 MiB", "STORE", 4, 256 << 20),
        ("STORE, 2000 x 64 KiB", "STORE", 2000, 64 << 10),
        ("STORE, 2000 x 1 byte", "STORE", 2000, 1),
        ("DEFLATE, 4 x 16 MiB", "DEFLATE", 4, 16 << 20),
    ] {
        let descriptor = descriptor(source, method, files, length);
        let mut fastest = Duration::MAX;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let read = download(service, &descriptor).await;
            assert!(method == "DEFLATE" || read > (files * length) as u64, "the archive is short");
            fastest = fastest.min(start.elapsed());
        }
        let seconds = fastest.as_secs_f64();
        println!(
            "| {what} | {:.2} | {:.0} |",
            (files * length) as f64 / seconds / 1e9,
            files as f64 / seconds
        );
    }
}

fn descriptor(source: SocketAddr, method: &str, files: usize, length: usize) -> String {
    let file = |index| format!(r#"{{"url":"http://{source}/{length}/{index}","zipPath":"{index}"}}"#);
    let files: Vec<_> = (0..files).map(file).collect();
    format!(r#"{{"compression":"{method}","files":[{}]}}"#, files.join(","))
}

/// Downloads an archive and throws it away; gives the bytes of the answer.
async fn download(service: SocketAddr, descriptor: &str) -> u64 {
    let mut stream = TcpStream::connect(service).await.unwrap();
    let head = format!(
        "POST /api/downloads HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        descriptor.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(descriptor.as_bytes()).await.unwrap();
    let (mut read, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => return read,
            count => read += count as u64,
        }
    }
}

/// Serves `GET /LENGTH/NAME` with as many bytes, over connections that are kept.
async fn start_source() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let block: Vec<u8> =
        (0..1 << 20).map(|position: u32| (position.wrapping_mul(2_654_435_761) >> 26) as u8).collect();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut left: usize = line.split('/').nth(1).and_then(|length| length.parse().ok()).unwrap_or(0);
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await?;
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {left}\r\n\r\n");
        stream.get_mut().write_all(head.as_bytes()).await?;
        while left > 0 {
            let count = left.min(block.len());
            stream.get_mut().write_all(&block[..count]).await?;
            left -= count;
        }
    }
}

/// Starts the service with limits that let the archives of this bench pass.
async fn start_service() -> SocketAddr {
    let mut config = config::load(&Sources::default()).expect("the defaults are lawful").config;
    config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
    config.tiers.anonymous.files = 5000;
    config.tiers.anonymous.archives_per_hour = 1_000_000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = App::build(&config, &[address], Overrides::default()).expect("the defaults can be built");
    let never = std::future::pending;
    tokio::spawn(server::run(listener, app.router, config.server(), never(), never()));
    address
}
