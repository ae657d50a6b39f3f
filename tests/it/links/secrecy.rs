//! A token opens the door, so nobody but its minter is ever told one: not the log, not a problem document.

use serde_json::json;

use super::{ask, get, mint};
use crate::support::{
    client::Answer,
    origin::{Origin, Route},
    process::Process,
};

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_not_told() {
    let origin = Origin::start().await;
    let (good, bad) =
        (origin.serve("/good", Route::pattern(1, 100)), origin.serve("/bad", Route::status(404)));
    let server = Process::start(&[("ZIPSTREAM__LOG__LEVEL", "trace")]);
    let address = server.address;

    let mut tokens = Vec::new();
    let mut shown = String::new();
    for url in [good, bad] {
        let file =
            json!({ "url": format!("{url}?SIGNATURE"), "zipPath": "a", "headers": { "X-Key": "KEY" } });
        let link = mint(address, &json!({ "files": [file] })).await;
        let status = format!("{}/status", link.path);
        for answer in [
            get(address, &link).await,
            ask("HEAD", address, &link.path).await,
            ask("GET", address, &status).await,
            ask("PATCH", address, &link.path).await,
            ask("GET", address, &format!("{}/none", link.path)).await,
            ask("DELETE", address, &link.path).await,
            ask("DELETE", address, &link.path).await,
            ask("GET", address, &status).await,
        ] {
            let Answer { status, headers, body, .. } = answer;
            shown += &format!("{status} {headers:?} {}\n", String::from_utf8_lossy(&body));
        }
        tokens.push(link.token);
    }
    let log = server.end();
    assert!(log.contains("archive sent") && log.contains("archive refused"), "{log}");
    for secret in tokens.iter().map(String::as_str).chain(["SIGNATURE", "KEY"]) {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
        assert!(!shown.contains(secret), "{secret} in an answer:\n{shown}");
    }
}
