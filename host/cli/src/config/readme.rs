//! The README's example of `lockstep.toml` is one that this version reads, and shows every key.

use std::collections::BTreeSet;
use std::path::Path;

use lockstep_drivers::Origin;
use lockstep_engine::model::Grantable;
use serde::de::DeserializeOwned;

use super::canaries::{CanariesDocument, canaries};
use super::document::{
    ConnectionDocument, ConnectionKindDocument, Document, EnvironmentDocument, OnFailureDocument,
    PluginDocument, SshDocument, TelemetryDocument, TokenDocument, TokenKindDocument, ViaDocument,
};
use super::endpoint::EndpointDocument;
use super::notify::{ChannelDocument, NotifyDocument, OccasionDocument};
use super::resolve::{connections, endpoints};
use super::staging::StagingDocument;
use super::store::{PostgresDocument, StoreDocument};
use super::watches::WatchesDocument;
use super::windows::{DayDocument, WindowDocument};

/// The example as it stands, and with what is commented out there.
fn examples() -> [String; 2] {
    let readme = include_str!("../../../../README.md");
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let example = rest.split("```").next().unwrap();
    let whole = example.lines().map(|line| line.strip_prefix("# ").unwrap_or(line));
    [example.to_owned(), whole.collect::<Vec<_>>().join("\n")]
}

/// One word in the place of a value.
#[derive(serde::Deserialize)]
struct One<T> {
    #[expect(dead_code, reason = "only what is refused is looked at")]
    it: T,
}

fn read(text: &str) -> Document {
    let folder = std::env::temp_dir().join(format!("lockstep-readme-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("lockstep.toml"), text).unwrap();
    let read = Document::read(Path::new(&folder));
    std::fs::remove_dir_all(&folder).unwrap();
    read.unwrap_or_else(|error| panic!("{:#}\n{text}", error.error)).unwrap()
}

/// Returns what the strict parser knows in the place of something that it does not.
fn known<T: DeserializeOwned>(unknown: &str) -> Vec<String> {
    let Err(error) = toml::from_str::<T>(unknown) else { panic!("`{unknown}` is taken") };
    let text = error.to_string();
    let (_, list) = text.split_once("expected ").unwrap_or_else(|| panic!("{text}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Returns every key of a TOML value, wherever it stands.
fn keys(value: &toml::Value, found: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        toml::Value::Array(array) => array.iter().for_each(|value| keys(value, found)),
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {}
    }
}

#[test]
fn the_example_of_the_readme_is_read_by_the_strict_parser() {
    for example in examples() {
        let document = read(&example);
        let environment = &document.environments["production"];
        connections(environment).unwrap();
        canaries(environment).unwrap();
        let releases = &endpoints(environment)["releases"].origin;
        assert!(matches!(releases, Origin::Public(url) if url.scheme() == "https"), "{releases:?}");
        assert!(document.plugins.contains_key("redis"));
    }
}

#[test]
fn every_key_and_every_word_of_the_documents_is_in_the_readmes_example() {
    let [shown, whole] = examples();
    let mut found = BTreeSet::new();
    keys(&toml::from_str(&whole).unwrap(), &mut found);
    let wanted = [
        known::<Document>("nothing = 1"),
        known::<EnvironmentDocument>("nothing = 1"),
        known::<TokenDocument>("nothing = 1"),
        known::<SshDocument>("nothing = 1"),
        known::<ConnectionDocument>("nothing = 1"),
        known::<EndpointDocument>("nothing = 1"),
        known::<StagingDocument>("nothing = 1"),
        known::<TelemetryDocument>("nothing = 1"),
        known::<PluginDocument>("nothing = 1"),
        known::<WindowDocument>("nothing = 1"),
        known::<WatchesDocument>("nothing = 1"),
        known::<CanariesDocument>("nothing = 1"),
        known::<NotifyDocument>("nothing = 1"),
        known::<StoreDocument>("nothing = 1"),
        known::<PostgresDocument>("nothing = 1"),
        known::<Grantable>("nothing = 1"),
    ];
    assert!(wanted.iter().flatten().count() > 35, "{wanted:?}");
    for key in wanted.iter().flatten() {
        assert!(found.contains(key), "`{key}` is not in the example");
    }
    let words = [
        known::<One<TokenKindDocument>>("it = \"nothing\""),
        known::<One<ViaDocument>>("it = \"nothing\""),
        known::<One<OnFailureDocument>>("it = \"nothing\""),
        known::<One<ConnectionKindDocument>>("it = \"nothing\""),
        known::<One<DayDocument>>("it = \"nothing\""),
        known::<One<ChannelDocument>>("it = \"nothing\""),
        known::<One<OccasionDocument>>("it = \"nothing\""),
    ];
    for word in words.iter().flatten() {
        assert!(shown.contains(word), "`{word}` is not in the example");
    }
}
