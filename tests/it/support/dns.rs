//! A scripted DNS server on the loopback, by UDP and TCP on the same port.
//!
//! Each name has a sequence of answers: the first lookup of a name gets the first, the next the second, the last one stays.
//! A and AAAA questions are counted apart, so that one lookup sees one step, and a question that is repeated with its own
//! id is the same question. Names without a script do not exist. What was asked is written down.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use hickory_resolver::proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

/// How long answers may be kept, in seconds: not at all, so that every lookup is seen here.
const TTL: u32 = 0;

/// How often a port that is free by UDP is looked for that is free by TCP too.
const PORTS_TRIED: usize = 20;

/// What is answered to one lookup.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These addresses, each to the question of its family; none of a family is an empty answer.
    Addresses(Vec<IpAddr>),
    /// A chain of aliases that ends at these addresses.
    Alias(Vec<String>, Vec<IpAddr>),
    /// The answer, after a while.
    Delayed(Duration, Box<Answer>),
    /// The answer to one family's question only; the other's gets none at all.
    Only(RecordType, Box<Answer>),
    /// The server's failure.
    Failure,
    /// The name does not exist.
    Missing,
    /// Nothing.
    Silence,
}

impl Answer {
    /// Parses addresses.
    pub(crate) fn addresses(texts: &[&str]) -> Answer {
        Answer::Addresses(texts.iter().map(|text| text.parse().expect("an address")).collect())
    }
}

/// A question that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The name, lower case, without final dot.
    pub(crate) name: String,
    /// The record type.
    pub(crate) kind: RecordType,
    /// Whether it came by TCP.
    pub(crate) tcp: bool,
}

/// The server; dropping it stops it.
pub(crate) struct Dns {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct State {
    scripts: HashMap<String, Vec<Answer>>,
    steps: HashMap<(String, RecordType), Vec<u16>>,
    asked: Vec<Asked>,
}

impl Dns {
    /// Starts a server that knows no name yet.
    pub(crate) async fn start() -> Dns {
        let (udp, tcp) = bind().await;
        let address = udp.local_addr().expect("a bound socket");
        let state = Arc::new(Mutex::new(State::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(Arc::new(udp), state.clone()));
        tasks.spawn(serve_tcp(tcp, state.clone()));
        Dns { address, state, _tasks: tasks }
    }

    /// Gives the address to put into `egress.nameservers`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets what is answered to a name, one answer a lookup, and forgets what it was asked before.
    pub(crate) fn script(&self, name: &str, answers: Vec<Answer>) {
        assert!(!answers.is_empty(), "a script has at least one answer");
        let mut state = self.state.lock().expect("no panic under the lock");
        state.steps.retain(|(known, _), _| known != name);
        state.scripts.insert(name.to_owned(), answers);
    }

    /// Gives the questions so far, repetitions included.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().expect("no panic under the lock").asked.clone()
    }

    /// Counts the lookups of a name for addresses of one family.
    pub(crate) fn lookups(&self, name: &str, kind: RecordType) -> usize {
        let state = self.state.lock().expect("no panic under the lock");
        state.steps.get(&(name.to_owned(), kind)).map_or(0, Vec::len)
    }
}

impl State {
    /// Writes a question down and finds its answer.
    fn answer(&mut self, id: u16, query: &Query, tcp: bool) -> Answer {
        let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        let kind = query.query_type();
        self.asked.push(Asked { name: name.clone(), kind, tcp });
        let Some(script) = self.scripts.get(&name) else { return Answer::Missing };
        let steps = self.steps.entry((name, kind)).or_default();
        let step = steps.iter().position(|known| *known == id).unwrap_or_else(|| {
            steps.push(id);
            steps.len() - 1
        });
        script[step.min(script.len() - 1)].clone()
    }
}

async fn bind() -> (UdpSocket, TcpListener) {
    for _ in 0..PORTS_TRIED {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().expect("a bound socket")).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free by both UDP and TCP");
}

async fn serve_udp(socket: Arc<UdpSocket>, state: Arc<Mutex<State>>) {
    let mut answering = JoinSet::new();
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let Ok(request) = Message::from_vec(&buffer[..length]) else { continue };
        let (socket, state) = (socket.clone(), state.clone());
        answering.spawn(async move {
            let Some(response) = respond(&request, &state, false).await else { return };
            let mut octets = response.to_vec().expect("an answer that can be encoded");
            if octets.len() > usize::from(request.max_payload()) {
                octets = response.truncate().to_vec().expect("an answer that can be encoded");
            }
            socket.send_to(&octets, peer).await.ok();
        });
    }
}

async fn serve_tcp(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut answering = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        answering.spawn(converse(stream, state.clone()));
    }
}

/// Answers the questions of one TCP connection in turn, each with its length before it (RFC 1035 §4.2.2).
async fn converse(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let result: io::Result<()> = async {
        loop {
            let mut octets = vec![0; stream.read_u16().await?.into()];
            stream.read_exact(&mut octets).await?;
            let request = Message::from_vec(&octets).map_err(io::Error::other)?;
            if let Some(response) = respond(&request, &state, true).await {
                let octets = response.to_vec().map_err(io::Error::other)?;
                stream.write_u16(octets.len().try_into().map_err(io::Error::other)?).await?;
                stream.write_all(&octets).await?;
            }
        }
    }
    .await;
    drop(result);
}

async fn respond(request: &Message, state: &Mutex<State>, tcp: bool) -> Option<Message> {
    let query = request.queries.first()?;
    let mut answer = state.lock().expect("no panic under the lock").answer(request.metadata.id, query, tcp);
    let mut response = Message::response(request.metadata.id, request.metadata.op_code);
    response.metadata.recursion_desired = request.metadata.recursion_desired;
    response.metadata.recursion_available = true;
    response.add_query(query.clone());
    loop {
        match answer {
            Answer::Addresses(addresses) => {
                response.add_answers(records(query.name(), query.query_type(), &addresses));
            }
            Answer::Alias(chain, addresses) => {
                let mut owner = query.name().clone();
                for alias in &chain {
                    let target = Name::from_ascii(format!("{alias}.")).expect("a DNS name");
                    response.add_answer(Record::from_rdata(
                        owner,
                        TTL,
                        RData::CNAME(rdata::CNAME(target.clone())),
                    ));
                    owner = target;
                }
                response.add_answers(records(&owner, query.query_type(), &addresses));
            }
            Answer::Delayed(delay, then) => {
                tokio::time::sleep(delay).await;
                answer = *then;
                continue;
            }
            Answer::Only(kind, then) if kind == query.query_type() => {
                answer = *then;
                continue;
            }
            Answer::Failure => response.metadata.response_code = ResponseCode::ServFail,
            Answer::Missing => response.metadata.response_code = ResponseCode::NXDomain,
            Answer::Only(..) | Answer::Silence => return None,
        }
        return Some(response);
    }
}

/// Makes the records of the addresses that are of the family asked for.
fn records(owner: &Name, kind: RecordType, addresses: &[IpAddr]) -> Vec<Record> {
    let data = addresses.iter().filter_map(|address| match (address, kind) {
        (IpAddr::V4(address), RecordType::A) => Some(RData::A((*address).into())),
        (IpAddr::V6(address), RecordType::AAAA) => Some(RData::AAAA((*address).into())),
        _ => None,
    });
    data.map(|data| Record::from_rdata(owner.clone(), TTL, data)).collect()
}
