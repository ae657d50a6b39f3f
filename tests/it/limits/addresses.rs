//! Clients without a key are told apart by their addresses, which nobody can choose.

use ipnet::IpNet;

use super::*;

/// A service behind these proxies that grants two archives an hour.
async fn behind(proxies: &[&str]) -> App {
    let proxies: Vec<IpNet> = proxies.iter().map(|network| network.parse().unwrap()).collect();
    App::with(|config| {
        config.server.trusted_proxies = proxies;
        config.tiers.anonymous.archives_per_hour = 2;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_choose_its_address() {
    let app = behind(&["10.0.0.0/8"]).await;
    assert_eq!(granted((1..6).map(|last| post_from(&app, &format!("203.0.113.{last}")))).await, 2);
    let others =
        [("X-Real-IP", "203.0.113.9"), ("Forwarded", "for=203.0.113.9"), ("Client-IP", "203.0.113.9")];
    assert_eq!(granted(others.map(|(name, value)| post(&app).header(name, value))).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_writes_before_the_proxy_is_not_read() {
    let app = behind(&["127.0.0.0/8"]).await;
    let forged = |last: u8| post_from(&app, &format!("198.51.100.{last}, 10.1.1.1, 203.0.113.1"));
    assert_eq!(granted((1..6).map(forged)).await, 2);
    let lines =
        |last: u8| post_from(&app, &format!("198.51.100.{last}")).header("X-Forwarded-For", "203.0.113.1");
    assert_eq!(granted((1..6).map(lines)).await, 0);
    assert_eq!(
        granted([post_from(&app, "203.0.113.1:4711"), post_from(&app, "203.0.113.1, 127.0.0.9")]).await,
        0
    );
    assert_eq!(granted((0..3).map(|_| post_from(&app, "203.0.113.2"))).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_element_that_cannot_be_read_counts_for_its_proxy() {
    let app = behind(&["127.0.0.0/8"]).await;
    let elements = ["unknown", "198.51.100.1, unknown", "198.51.100.2, _hidden", "198.51.100.3, 999.1.1.1"];
    assert_eq!(granted(elements.map(|element| post_from(&app, element))).await, 2);
    assert_eq!(granted([post(&app)]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_addresses_of_a_64_are_one_client() {
    let app = behind(&["127.0.0.0/8"]).await;
    let of = |network: &str, last: u16| post_from(&app, &format!("2001:db8:{network}:{last:x}:1:2:3"));
    assert_eq!(granted((1..30).map(|last| of("1:1", last))).await, 2);
    assert_eq!(granted([of("1:2", 1), of("1:2", 2)]).await, 2);
    assert_eq!(granted([post_from(&app, "::ffff:203.0.113.1"), post_from(&app, "203.0.113.1")]).await, 2);
    assert_eq!(granted([post_from(&app, "[::ffff:203.0.113.1]:80")]).await, 0);
}
