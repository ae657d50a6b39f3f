//! Tiers and keys in a file and in the environment, and how a new key comes into them.

use super::*;
use crate::support::App;
use crate::support::client::Request;

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const OTHER: &str = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";

#[test]
fn a_tier_takes_what_it_leaves_out_from_the_anonymous_one() {
    let text = format!(
        "[tiers.anonymous]\nfiles = 7\n[tiers.backup]\narchive_size = '1TB'\n[tiers.plain]\n\
         [[keys]]\nname = 'nightly'\nsha256 = '{HASH}'\ntier = 'backup'\n"
    );
    let file = file(&text);
    let config = load(&Sources { file: Some(file.to_path_buf()), ..Sources::default() }).unwrap().config;
    let backup = &config.tiers.named["backup"];
    assert_eq!((backup.files, backup.archive_size.0, backup.archives_per_hour), (7, 1_000_000_000_000, 10));
    assert_eq!(config.tiers.named["plain"].files, 7);
    assert_eq!(config.keys.len(), 1);
    assert_eq!(config.keys[0].to_string(), format!("nightly:backup:{HASH}"));
}

#[test]
fn tiers_and_keys_are_read_from_the_environment() {
    let keys = format!("nightly:backup:{HASH}, weekly:backup:{OTHER}");
    let environment = [
        ("ZIPSTREAM__TIERS__BACKUP__FILES", "2000"),
        ("ZIPSTREAM__TIERS__BACKUP__ARCHIVE_SIZE", "50GB"),
        ("ZIPSTREAM__TIERS__ANONYMOUS__ARCHIVES_PER_HOUR", "0"),
        ("ZIPSTREAM__TIERS__BACKUP__ARCHIVES_PER_HOUR", "100"),
        ("ZIPSTREAM__KEYS", keys.as_str()),
        ("ZIPSTREAM__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8"),
    ];
    let output = check(&[], &environment);
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    for part in [
        "[tiers.backup]\narchive_size = \"50GB\"\narchives_per_hour = 100\nconcurrent_archives = 4\nfiles = 2000\n",
        &format!("[[keys]]\nname = \"weekly\"\nsha256 = \"{OTHER}\"\ntier = \"backup\"\n"),
        "trusted_proxies = [\"10.0.0.0/8\", \"fd00::/8\"]\n",
    ] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
    let again = file(&printed);
    let output = check(&["--config", again.to_str().unwrap()], &[]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), printed);
}

#[test]
fn the_reference_can_be_copied_and_its_example_be_used() {
    let reference = include_str!("../../../config/default.toml");
    let (rest, example) = reference.split_once("# [[keys]]\n").unwrap();
    let example = example.replace("# name", "name").replace("# sha256", "sha256").replace("# tier", "tier");
    let example = example.replace("9f86d081…", HASH).replace("\"backup\"", "\"anonymous\"");
    let file = file(&format!("{rest}[[keys]]\n{example}"));
    let config = load(&Sources { file: Some(file.to_path_buf()), ..Sources::default() }).unwrap().config;
    assert_eq!(config.keys[0].to_string(), format!("nightly:anonymous:{HASH}"));
}

/// What is said of a file, without the names of files.
fn mistakes(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let file = file(text);
    let output = check(&["--config", file.to_str().unwrap()], environment);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    lines(&output.stderr).iter().map(|line| line.replace(file.to_str().unwrap(), "file")).collect()
}

#[test]
fn every_mistake_in_tiers_and_keys_is_told_by_its_place() {
    let shown = mistakes(
        &format!(
            "[tiers.backup]\nfils = 3\nfiles = 3\narchive_size = 0\nconcurrent_archives = 0\n[tiers.anonymus]\nfiles = 1\n\
             [tiers.Gold]\nfiles = 1\n[tiers.anonymous]\nvalidations_per_hour = 0\n[tiers.plain]\n\
             [[keys]]\nname = 'a'\nsha256 = '{HASH}'\ntier = 'backup'\n\
             [[keys]]\nname = 'a'\nsha256 = '{HASH}'\ntier = 'bakup'\n\
             [[keys]]\nname = 'b c'\nsha256 = 'zs_pasted_by_mistake'\nteir = 'x'\n\
             [[keys]]\nname = 'd'\nsha256 = 'zs_pasted_by_mistake'\ntier = 'anonymous'\n\
             [[keys]]\nname = 'e'\nsha256 = '{OTHER}'\ntier = 'anonymous'\n"
        ),
        &[],
    );
    for (place, reason) in [
        ("tiers.backup.fils", "did you mean `tiers.backup.files`?"),
        ("tiers.backup.archive_size", "at least 1"),
        ("tiers.backup.concurrent_archives", "at least 1"),
        ("tiers.anonymus.files", "did you mean `tiers.anonymous.files`?"),
        ("tiers.Gold.files", "a-z"),
        ("tiers.plain.validations_per_hour", "only tiers.anonymous"),
        ("tiers.backup.validations_per_hour", "only tiers.anonymous"),
        ("keys[1].name", "that of keys[0]"),
        ("keys[1].sha256", "that of keys[0]"),
        ("keys[1].tier", "no tier `bakup`"),
        ("keys[2].teir", "unknown"),
        ("keys[2].tier", "missing"),
        ("keys[3].sha256", "64 hex digits"),
        ("keys[4].tier", "no tier `anonymous` for keys"),
    ] {
        let found = shown.iter().find(|line| line.starts_with(&format!("{place} (file): ")));
        assert!(found.is_some_and(|line| line.contains(reason)), "{place}: {reason} in {shown:#?}");
    }
    assert!(!shown.iter().any(|line| line.contains("zs_")), "{shown:#?}");
}

#[test]
fn mistakes_in_the_environment_are_told_by_the_variable() {
    let keys = format!("nightly:backup:{HASH},weekly:{HASH},monthly:anonymous:{}", &HASH[1..]);
    let shown = mistakes("", &[("ZIPSTREAM__KEYS", &keys), ("ZIPSTREAM__TIERS__FILES", "3")]);
    for (place, reason) in [
        ("keys[0].tier (ZIPSTREAM__KEYS)", "no tier `backup`"),
        ("keys[1] (ZIPSTREAM__KEYS)", "name:tier:sha256"),
        ("keys[2] (ZIPSTREAM__KEYS)", "64 hex digits"),
        ("tiers.files (ZIPSTREAM__TIERS__FILES)", "is a section"),
    ] {
        let found = shown.iter().find(|line| line.starts_with(&format!("{place}: ")));
        assert!(found.is_some_and(|line| line.contains(reason)), "{place}: {reason} in {shown:#?}");
    }
    assert_eq!(shown.len(), 4, "{shown:#?}");
    let shown = mistakes("keys = 'a:b:c'\n", &[]);
    assert!(shown[0].starts_with("keys (file): must be a list"), "{shown:#?}");
}

fn new_key(config: &str, name: &str, tier: &str) -> Output {
    zipstream(&["key", "new", "--config", config, "--name", name, "--tier", tier], &[]).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_opens_the_service_that_knows_its_hash() {
    let before = "[tiers.backup]\narchives_per_hour = 5\n[tiers.anonymous]\narchives_per_hour = 0\n";
    let original = file(before);
    let output = new_key(original.to_str().unwrap(), "nightly", "backup");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let (secret, lines) = printed.split_once('\n').unwrap();
    assert!(secret.starts_with("zs_") && secret.len() == 67, "{secret}");
    assert!(!lines.contains(&secret[3..]), "what goes into a file holds the key");
    let again = String::from_utf8(new_key(original.to_str().unwrap(), "nightly", "backup").stdout).unwrap();
    assert!(!again.contains(secret), "two keys are the same");

    let by_file = file(&format!("{before}{lines}"));
    let file_sources = Sources { file: Some(by_file.to_path_buf()), ..Sources::default() };
    let variable = lines.lines().find_map(|line| line.strip_prefix("# ZIPSTREAM__KEYS=")).unwrap();
    let environment = vec![("ZIPSTREAM__KEYS".to_owned(), variable.to_owned())];
    let environment_sources =
        Sources { environment, file: Some(original.to_path_buf()), ..Sources::default() };
    for sources in [file_sources, environment_sources] {
        let loaded = load(&sources).unwrap().config;
        let app = App::with(|config| (config.tiers, config.keys) = (loaded.tiers, loaded.keys)).await;
        let request = Request::post(app.address(), "/api/downloads")
            .body(r#"{"files":[{"url":"data:,a","zipPath":"a"}]}"#);
        assert_eq!(request.clone().send().await.json()["code"], "api_key_required");
        let answer = request.header("Authorization", &format!("Bearer {secret}")).send().await;
        assert_eq!((answer.status, answer.header("x-ratelimit-limit")), (200, Some("5")));
    }
}

/// A key of a tier that nobody has configured yet: what is printed makes a lawful configuration of any.
#[test]
fn a_new_key_brings_its_tier_along() {
    for before in ["", "[tiers.anonymous]\narchives_per_hour = 0\nvalidations_per_hour = 7\n"] {
        let original = file(before);
        let output = new_key(original.to_str().unwrap(), "nightly", "backup");
        assert!(output.status.success(), "{output:?}");
        let warned = String::from_utf8(output.stderr).unwrap();
        assert!(warned.contains("no tier `backup` yet") && warned.lines().count() == 1, "{warned}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let (secret, lines) = printed.split_once('\n').unwrap();
        assert!(secret.starts_with("zs_"), "{secret}");

        let by_file = file(&format!("{before}{lines}"));
        let sources = Sources { file: Some(by_file.to_path_buf()), ..Sources::default() };
        let config = load(&sources).unwrap().config;
        let tier = &config.tiers.named["backup"];
        let validations = if before.is_empty() { 60 } else { 7 };
        assert_eq!((tier.archives_per_hour, tier.validations_per_hour, tier.files), (10, validations, 50));
        let variables = lines.lines().filter_map(|line| line.strip_prefix("# ZIPSTREAM__")?.split_once('='));
        let environment = variables.map(|(name, value)| (format!("ZIPSTREAM__{name}"), value.to_owned()));
        let file = Some(original.to_path_buf());
        let sources = Sources { environment: environment.collect(), file, ..Sources::default() };
        assert_eq!(load(&sources).unwrap().config.keys, config.keys);

        // Where the tier is there, nothing is said of it.
        let again = new_key(by_file.to_str().unwrap(), "weekly", "backup");
        assert!(again.status.success() && again.stderr.is_empty(), "{again:?}");
        assert!(!String::from_utf8(again.stdout).unwrap().contains("[tiers."));
    }
}

#[test]
fn a_tier_for_which_a_key_is_asked_has_no_keys() {
    let file = file("[tiers.anonymous]\narchives_per_hour = 0\n");
    let output = new_key(file.to_str().unwrap(), "new", "anonymous");
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no tier `anonymous` for keys"), "{output:?}");
}

#[test]
fn a_key_that_the_service_would_refuse_is_not_made() {
    let file =
        file(&format!("[tiers.backup]\n[[keys]]\nname = 'taken'\nsha256 = '{HASH}'\ntier = 'backup'\n"));
    for (name, tier, reason) in [
        ("a b", "backup", "--name must be 1 to 64"),
        ("", "backup", "--name must be 1 to 64"),
        ("a:b", "backup", "--name must be 1 to 64"),
        ("taken", "backup", "--name: the configuration has"),
        ("new", "anonymus", "--tier: did you mean `anonymous`?"),
        ("new", "a b", "--tier: names a tier that must be"),
        ("new", "Backup", "--tier: names a tier that must be"),
    ] {
        let output = new_key(file.to_str().unwrap(), name, tier);
        assert_eq!(output.status.code(), Some(64), "{name} {tier}: {output:?}");
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).contains(reason), "{reason}: {output:?}");
    }
}
