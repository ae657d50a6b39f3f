//! A real browser: Chromium without a screen, driven over WebDriver, with a profile and a download folder of its own.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Request;

/// How long the browser may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What keeps it from calling home, and lets it run in a container.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A running browser; dropping it ends it and removes its folders.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    downloads: tempfile::TempDir,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser.
    pub async fn start() -> Browser {
        let (downloads, profile) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={}", address.port())).stdout(Stdio::null()).stderr(Stdio::null());
        // The browser belongs to the same group and ends with it.
        let driver = command.process_group(0).spawn();
        let driver = driver.expect("chromedriver is installed: apt-get install chromium chromium-driver");
        let mut browser = Browser { driver, address, session: String::new(), downloads, _profile: profile };
        let end = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < end, "chromedriver does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        browser.open_session().await;
        browser
    }

    async fn open_session(&mut self) {
        let profile = format!("--user-data-dir={}", self._profile.path().display());
        let arguments: Vec<_> = ARGUMENTS.iter().copied().chain([profile.as_str()]).collect();
        let preferences = json!({
            "download.default_directory": self.downloads.path(),
            "download.prompt_for_download": false,
        });
        let options = json!({ "args": arguments, "prefs": preferences });
        let capabilities =
            json!({ "alwaysMatch": { "browserName": "chrome", "goog:chromeOptions": options } });
        let opened = self.command("/session", json!({ "capabilities": capabilities })).await;
        self.session = format!("/session/{}", opened["sessionId"].as_str().unwrap());
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.command(&format!("{}/url", self.session), json!({ "url": url })).await;
    }

    /// Runs the body of a function in the page; returns what it returns.
    pub async fn run(&self, script: &str) -> Value {
        let call = json!({ "script": script, "args": [] });
        self.command(&format!("{}/execute/sync", self.session), call).await
    }

    /// Runs a script until it returns something else than null.
    pub async fn until(&self, what: &str, script: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let value = self.run(script).await;
            if !value.is_null() {
                return value;
            }
            assert!(Instant::now() < end, "{what}: never came to be in the browser");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks, as a user does, on the element that a script returns, once it is there and can be clicked.
    pub async fn click(&self, what: &str, script: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let element = self.until(what, script).await;
            // WebDriver §12: an element is an object with one well-known key.
            let id = element["element-6066-11e4-a52e-4f735466cecf"].as_str().expect("an element");
            let path = format!("{}/element/{id}/click", self.session);
            let answer = Request::post(self.address, &path).json(&json!({})).send().await;
            if answer.status == 200 {
                return;
            }
            assert!(Instant::now() < end, "{what}: {}", String::from_utf8_lossy(&answer.body));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where downloads land.
    pub fn downloads(&self) -> &Path {
        self.downloads.path()
    }

    /// Waits until a download has begun.
    pub async fn downloads_something(&self) {
        let end = Instant::now() + PATIENCE;
        while self.landed().is_empty() {
            assert!(Instant::now() < end, "no download begins");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the only download is complete; returns its bytes.
    pub async fn downloaded(&self, name: &str) -> Vec<u8> {
        let end = Instant::now() + PATIENCE;
        // The browser makes an empty file of that name and moves the whole one over it: it is there once it is alone.
        while self.landed() != [name] {
            assert!(Instant::now() < end, "{name} does not land; there are {:?}", self.landed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::fs::read(self.downloads().join(name)).unwrap()
    }

    /// The names of files in the download folder.
    pub fn landed(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.downloads()).unwrap();
        files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        let answer = Request::post(self.address, path).json(&body).send().await;
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        drop(self.driver.wait());
    }
}
