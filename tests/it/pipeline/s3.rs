//! The product's two jobs against a real S3 server: objects of two buckets become one archive in a third. And the README's
//! recipes, which leave nothing behind that is not whole.

use serde_json::json;

use crate::support::App;
use crate::support::client::Request;
use crate::support::origin::{Origin, Route, pattern};
use crate::support::s3::{Object, S3};

/// The sizes make the archive longer than two parts of a multipart upload (8 MiB each), so that parts are cut within entries.
fn objects() -> Vec<Object> {
    vec![
        Object { bucket: "databases", key: "2026/backup.sql.gz", bytes: pattern(1, 0..20 << 20) },
        Object { bucket: "databases", key: "empty.log", bytes: Vec::new() },
        Object { bucket: "configuration", key: "app & co/ü.json", bytes: b"{\"a\":1}".repeat(20_000) },
        Object { bucket: "configuration", key: "small.txt", bytes: b"x".to_vec() },
    ]
}

/// The nightly job: `curl | aws s3 cp -`, posted without a Content-Type, read back and compared.
#[tokio::test(flavor = "multi_thread")]
async fn presigned_objects_are_piped_into_a_bucket() {
    let objects = objects();
    let s3 = S3::start(&objects).await;
    let app = App::start().await;
    let files: Vec<_> = objects
        .iter()
        .zip(&s3.urls)
        .map(|(object, url)| json!({ "url": url, "zipPath": format!("{}/{}", object.bucket, object.key) }))
        .collect();
    let descriptor = json!({ "suggestedFilename": "nightly.zip", "files": files });
    std::fs::write(s3.folder().join("descriptor.json"), descriptor.to_string()).unwrap();
    let url = app.url("/api/downloads");
    s3.shell(&format!(
        "curl -sSf -H Content-Type: --data-binary @descriptor.json {url} | aws s3 cp - s3://archives/nightly.zip"
    ))
    .await;
    s3.shell("aws s3 cp s3://archives/nightly.zip back.zip && unzip -tq back.zip").await;
    let back = std::fs::read(s3.folder().join("back.zip")).unwrap();

    // The same plan makes the same bytes, whoever reads them.
    let again = Request::post(app.address(), "/api/downloads").body(descriptor.to_string()).send().await;
    assert!(
        again.status == 200 && again.is_whole() && again.header("content-length").is_some(),
        "{again:.200?}"
    );
    assert!(again.body == back, "two archives of one plan differ");

    use rc_zip_sync::ReadZip;
    let bytes = back.as_slice();
    let archive = bytes.read_zip().unwrap();
    let names: Vec<_> = archive.entries().map(|entry| entry.name.clone()).collect();
    let expected: Vec<_> = objects.iter().map(|object| format!("{}/{}", object.bucket, object.key)).collect();
    assert_eq!(names, expected);
    for (entry, object) in archive.entries().zip(&objects) {
        assert!(entry.bytes().unwrap() == object.bytes, "{}", object.key);
    }
}

/// The other job: DEFLATE, and the object is uploaded by a client that cannot say how long it will be.
#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_archive_is_piped_into_a_bucket() {
    let objects = objects();
    let s3 = S3::start(&objects).await;
    let app = App::start().await;
    let files: Vec<_> =
        s3.urls.iter().enumerate().map(|(i, url)| json!({ "url": url, "zipPath": format!("{i}") })).collect();
    let descriptor = json!({ "compression": "DEFLATE", "files": files });
    std::fs::write(s3.folder().join("descriptor.json"), descriptor.to_string()).unwrap();
    let url = app.url("/api/downloads");
    s3.shell(&format!("curl -sSf -d @descriptor.json {url} | aws s3 cp - s3://archives/d.zip")).await;
    s3.shell("aws s3 cp s3://archives/d.zip back.zip && unzip -q back.zip -d out").await;
    for (index, object) in objects.iter().enumerate() {
        assert!(
            std::fs::read(s3.folder().join(format!("out/{index}"))).unwrap() == object.bytes,
            "{}",
            object.key
        );
    }
}

/// Code of the README, told where this service is.
fn recipe(app: &App, words: &str, opening: &str, end: &str) -> String {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once(words).expect("the README has the recipe");
    let (_, code) = rest.split_once(opening).unwrap();
    let (code, _) = code.split_once(end).unwrap();
    assert!(code.contains("http://127.0.0.1:8080") && code.contains("@descriptor.json"), "{code}");
    code.replace("http://127.0.0.1:8080", &app.url(""))
}

/// An S3 server, a service, and descriptors of archives that come whole, that break off, and that are refused.
async fn kitchen() -> (S3, App, Origin) {
    let (s3, app, origin) = (S3::start(&[]).await, App::start().await, Origin::start().await);
    let whole = Route::pattern(1, 12 << 20).ignores_ranges();
    for (name, route) in [
        ("whole", whole.clone()),
        ("broken", whole.cut(9 << 20)),
        ("refused", Route::status(404)),
        ("small", Route::bytes("a")),
    ] {
        let url = origin.serve(&format!("/{name}"), route);
        let descriptor = json!({ "files": [{ "url": url, "zipPath": "a" }] });
        std::fs::write(s3.folder().join(format!("{name}.json")), descriptor.to_string()).unwrap();
    }
    (s3, app, origin)
}

/// How many objects a bucket has.
const COUNT: &str = r#"count() { aws s3 ls "s3://$1" | wc -l; }"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_for_a_bucket_leaves_what_is_whole() {
    let (s3, app, _origin) = kitchen().await;
    let recipe = recipe(&app, "**Into S3**", "\n\n    ", "\n\n");
    std::fs::write(s3.folder().join("recipe"), recipe).unwrap();
    s3.shell("cp whole.json descriptor.json; bash recipe; sleep 1").await;
    for name in ["broken", "refused"] {
        s3.shell(&format!(
            "{COUNT}; cp {name}.json descriptor.json; (! bash recipe); [ $(count archives) = 1 ]"
        ))
        .await;
    }
    s3.shell("aws s3 cp --recursive s3://archives . && unzip -tq backup-*.zip").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_for_several_destinations_leaves_all_or_nothing() {
    let (s3, app, _origin) = kitchen().await;
    let tape = s3.folder().join("tape");
    let recipe = recipe(&app, "**Several destinations", "```bash\n", "```");
    let recipe = recipe.replace("/mnt/tape", tape.to_str().unwrap());
    std::fs::write(s3.folder().join("recipe"), recipe).unwrap();
    let nothing = "[ $(count eu-archives)$(count us-archives)$(ls tape | wc -l)$(ls tmp | wc -l) = 0000 ]";
    let setting = format!("{COUNT}; mkdir -p tape tmp; export TMPDIR=$PWD/tmp");
    s3.shell("aws s3 mb s3://eu-archives").await;
    // The other bucket is missing yet. Nothing is left to be written when its upload fails, so that its code alone tells.
    let one = "[ $(count eu-archives)$(ls tape | wc -l)$(ls tmp | wc -l) = 000 ]";
    s3.shell(&format!("{setting}; cp small.json descriptor.json; (! bash recipe); {one}")).await;
    s3.shell("aws s3 mb s3://us-archives").await;
    s3.shell(&format!("{setting}; cp broken.json descriptor.json; (! bash recipe); {nothing}")).await;
    s3.shell(&format!("{setting}; cp whole.json descriptor.json; bash recipe; [ $(ls tmp | wc -l) = 0 ]"))
        .await;
    s3.shell("aws s3 cp --recursive s3://eu-archives eu; aws s3 cp --recursive s3://us-archives us").await;
    s3.shell("unzip -tq tape/*.zip; cmp tape/*.zip eu/*.zip; cmp tape/*.zip us/*.zip").await;
}
