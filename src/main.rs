//! The `zipstream` binary: arguments, configuration, telemetry, app, server.
//!
//! Exit codes: 0 after an orderly end, 1 when it cannot serve, 2 for arguments it does not know, 64 for a
//! configuration that is not lawful. What `commands` exit with stands there.

use std::{
    fmt::Display,
    future::pending,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use axum::Router;
use clap::{Args, CommandFactory, Parser, Subcommand, error::ErrorKind};
use mimalloc::MiMalloc;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use zipstream::{
    app::{App, Overrides},
    commands::{self, Pack, Verify},
    config::{self, Config, Loaded, Sources},
    server, state, telemetry,
};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Turns a list of URLs into one ZIP archive while it is being downloaded.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A TOML file with the keys that differ from the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    task: Option<Task>,
}

/// Where the service is, for what serves or asks it; to everything else it means nothing.
#[derive(Args)]
struct Place {
    /// The address to listen on, instead of server.listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// What to do instead of serving.
#[derive(Subcommand)]
enum Task {
    /// Checks the configuration and prints it as it takes effect.
    CheckConfig(Place),
    /// Asks the service at the configured address (metrics.listen, or else server.listen) whether it lives.
    Healthcheck(Place),
    /// Makes API keys.
    Key {
        #[command(subcommand)]
        task: KeyTask,
    },
    Pack(Pack),
    Verify(Verify),
}

/// What to do about API keys.
#[derive(Subcommand)]
enum KeyTask {
    /// Prints a new key, once, and the configuration that knows it by its hash.
    New {
        /// By what the key is known in metrics and counts.
        #[arg(long)]
        name: String,
        /// The tier of the configuration that the key's clients get.
        #[arg(long)]
        tier: String,
    },
}

/// `EX_USAGE` of sysexits: whoever keeps the process running should not try again.
const BAD_CONFIGURATION: u8 = 64;

/// Time for the answer to a health check.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// Time for the last reports of downloads that a second signal has cut off.
const LAST_WORDS: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let listen = arguments.listen();
    let sources = Sources::of_process(arguments.config, listen);
    match arguments.task {
        Some(Task::CheckConfig(_)) => configured(&sources, check_config),
        Some(Task::Healthcheck(_)) => configured(&sources, |loaded| {
            // Where clients cannot hold all connections, if there is such a place.
            let Config { metrics, server, .. } = &loaded.config;
            check_health(metrics.listen.unwrap_or(server.listen))
        }),
        Some(Task::Key { task: KeyTask::New { name, tier } }) => {
            configured(&sources, |loaded| make_key(&loaded.config, &name, &tier))
        }
        Some(Task::Pack(pack)) => configured(&sources, |loaded| commands::pack(&pack, &loaded.config)),
        // An archive is judged the same whatever is configured.
        Some(Task::Verify(verify)) => commands::verify(&verify),
        None => configured(&sources, |loaded| start(&loaded.config)),
    }
}

impl Arguments {
    /// The address that was asked for, before the task or behind it. Ends the process where the task has no use for one.
    fn listen(&self) -> Option<SocketAddr> {
        match &self.task {
            None => self.place.listen,
            Some(Task::CheckConfig(place) | Task::Healthcheck(place)) => place.listen.or(self.place.listen),
            Some(Task::Key { .. } | Task::Pack(_) | Task::Verify(_)) if self.place.listen.is_some() => {
                let reason = "--listen is for serving";
                Arguments::command().error(ErrorKind::ArgumentConflict, reason).exit()
            }
            Some(Task::Key { .. } | Task::Pack(_) | Task::Verify(_)) => None,
        }
    }
}

/// Does what depends on the configuration, if that is lawful.
fn configured(sources: &Sources, work: impl FnOnce(&Loaded) -> ExitCode) -> ExitCode {
    match config::load(sources) {
        Ok(loaded) => work(&loaded),
        Err(error) => {
            complain(&error);
            ExitCode::from(BAD_CONFIGURATION)
        }
    }
}

/// Prints the configuration, if the service can be built of it.
fn check_config(loaded: &Loaded) -> ExitCode {
    let config = &loaded.config;
    let built = tokio::runtime::Runtime::new().map_err(Error::Start).and_then(|runtime| {
        let build = async { App::build(config, &[config.server.listen], Overrides::default()) };
        runtime.block_on(build).map(drop).map_err(Error::from)
    });
    match built {
        Ok(()) => answer(loaded),
        Err(error) => error.exit(),
    }
}

/// Prints a new key.
fn make_key(config: &Config, name: &str, tier: &str) -> ExitCode {
    let mut random = [0; 32];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        complain(&"the system gives no random numbers");
        return ExitCode::FAILURE;
    }
    match config::new_key(config, name, tier, random) {
        Ok(key) => {
            if let Some(warning) = key.warning() {
                complain(&warning);
            }
            answer(&key)
        }
        Err(refusal) => {
            complain(&refusal);
            ExitCode::from(BAD_CONFIGURATION)
        }
    }
}

/// Serves until a signal ends it.
fn start(config: &Config) -> ExitCode {
    telemetry::install(&config.log);
    // Each archive reads one source at least.
    server::raise_open_files(config.server.max_connections.saturating_add(config.server.max_archives));
    let served = tokio::runtime::Runtime::new().map_err(Error::Start);
    match served.and_then(|runtime| runtime.block_on(serve(config))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.exit(),
    }
}

/// Binds, builds and runs the service. A signal has it end when what is running has ended, a second one at once.
async fn serve(config: &Config) -> Result<(), Error> {
    let bound = TcpListener::bind(config.server.listen).await;
    let listener = bound.map_err(|error| Error::Bind(config.server.listen, error))?;
    let address = listener.local_addr().map_err(Error::Start)?;
    let operators = match config.metrics.listen {
        Some(at) => Some(TcpListener::bind(at).await.map_err(|error| Error::BindMetrics(at, error))?),
        None => None,
    };
    let operators_address = operators.as_ref().and_then(|listener| listener.local_addr().ok());
    let own: Vec<_> = [address].into_iter().chain(operators_address).collect();
    let app = App::build(config, &own, Overrides::default())?;
    let mut signals = Signals::new().map_err(Error::Start)?;
    announce(address, operators_address.filter(|_| config.metrics.enabled));
    if let Some(shared) = app.shared {
        tokio::spawn(look_for(shared));
    }
    let (draining, links) = (app.draining, app.links);
    let patience = CancellationToken::new();
    let (shutdown, cut) = (draining.clone().cancelled_owned(), patience.clone().cancelled_owned());
    let served = async {
        server::run(listener, app.router, config.server(), shutdown, cut).await;
        let hurried = async {
            patience.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::select! { () = links.settle() => {} () = hurried => {} }
    };
    let signalled = async {
        signals.next().await;
        draining.cancel();
        signals.next().await;
        patience.cancel();
        pending().await
    };
    // Numbers are served to the very end: it is the drain that is looked at.
    let scraped = serve_operators(operators.zip(app.operators), config);
    let kept = async {
        match &app.metrics {
            Some(metrics) => metrics.keep().await,
            None => pending().await,
        }
    };
    tokio::select! { () = served => {} () = signalled => {} () = scraped => {} () = kept => {} }
    Ok(())
}

/// Says what does not work as long as the shared state is out of reach: it is asked for the first time when a client needs it.
async fn look_for(shared: state::Redis) {
    if let Err(error) = shared.reach().await {
        tracing::warn!(%error, "state.url is out of reach: until it answers links are refused with 503, and each node counts quotas by itself");
    }
}

/// Serves operators on a listener of their own, where there is one; never ends.
async fn serve_operators(listening: Option<(TcpListener, Router)>, config: &Config) {
    if let Some((listener, router)) = listening {
        server::run(listener, router, config.server(), pending(), pending()).await;
    }
    pending().await
}

/// The signals that end the service.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(Signals { interrupt: signal(interrupt)?, terminate: signal(terminate)? })
    }

    async fn next(&mut self) {
        tokio::select! { _ = self.interrupt.recv() => {} _ = self.terminate.recv() => {} }
    }
}

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// What the configuration names cannot be had.
    #[error(transparent)]
    App(#[from] zipstream::app::Error),
    /// The address is taken, or not this machine's.
    #[error("server.listen: {0}: {1}")]
    Bind(SocketAddr, io::Error),
    /// The same for the operators' listener.
    #[error("metrics.listen: {0}: {1}")]
    BindMetrics(SocketAddr, io::Error),
    /// The system refuses threads or signals.
    #[error("cannot start: {0}")]
    Start(io::Error),
}

impl Error {
    /// Says it, and whether trying again is of use.
    fn exit(&self) -> ExitCode {
        complain(self);
        match self {
            Error::App(_) => ExitCode::from(BAD_CONFIGURATION),
            Error::Bind(..) | Error::BindMetrics(..) | Error::Start(_) => ExitCode::FAILURE,
        }
    }
}

/// Writes to stdout what a command was run for.
fn answer(text: &dyn Display) -> ExitCode {
    match write!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("stdout: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line to stderr.
fn complain(text: &dyn Display) {
    _ = writeln!(io::stderr(), "{text}");
}

/// Prints where the service listens, and a command that shows it at work without any network.
fn announce(address: SocketAddr, metrics: Option<SocketAddr>) {
    let at = reachable(address);
    let metrics = metrics.map(|at| format!("Metrics are on http://{at}/metrics\n")).unwrap_or_default();
    let text = format!(
        "ZipStream listens on http://{address}\nTry it:\n  curl -f -o hello.zip http://{at}/api/downloads -d '{{\"files\":\
         [{{\"url\":\"data:,Hello%20world\",\"zipPath\":\"hello.txt\"}},\
         {{\"url\":\"data:application/json;base64,eyJhIjoxfQ==\",\"zipPath\":\"data/a.json\"}}]}}'\n{metrics}"
    );
    // Whoever started the service may have closed it; that is no reason not to go on.
    _ = write!(io::stdout(), "{text}");
}

/// Asks the running service for `/healthz`.
fn check_health(listen: SocketAddr) -> ExitCode {
    match ask_health(reachable(listen)) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => ExitCode::SUCCESS,
        Ok(answer) => {
            complain(&format!("{listen}: {}", answer.lines().next().unwrap_or("no answer")));
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(&format!("{listen}: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The service's answer to `GET /healthz`.
fn ask_health(at: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, HEALTH_TIMEOUT)?;
    stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    write!(stream, "GET /healthz HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The address under which this machine reaches a listener: one on every address is also on loopback.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}
