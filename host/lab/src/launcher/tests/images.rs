//! Which program runs for which image.

use super::harness::programs;
use crate::{
    launcher::{LaunchError, runs_as},
    programs::Programs,
};

#[track_caller]
fn check(image: &str, program: &str) {
    let runs = runs_as(image, &programs()).unwrap();
    assert_eq!(runs.program, program);
    assert_eq!(runs.stand_in, program.starts_with("stand-in"));
}

#[test]
fn an_image_runs_the_server_of_its_series_and_says_where_that_differs() {
    check("redis:6.2", "Redis 6.2.14");
    check("docker.io/bitnamilegacy/redis:7.0@sha256:00", "Redis 7.0.15");
    check("redis:7.0.12-alpine", "Redis 7.0.15 in place of 7.0.12");
    check("bitnami/redis:7.2", "Valkey 8.0.1 (reports Redis 7.2.4)");
    check("valkey/valkey:8.0", "Valkey 8.0.1 (reports Redis 7.2.4)");
    check("langfuse/langfuse:3", "stand-in for Langfuse web");
    check("repo:backup-service", "stand-in for the backup service");
}

#[test]
fn another_major_version_of_postgres_is_told_plainly() {
    let programs = programs();
    let newest = programs
        .postgres(None)
        .expect("`cargo xtask setup` brings a PostgreSQL server")
        .version
        .clone();
    check(
        "ghcr.io/railwayapp-templates/postgres-ssl:99",
        &format!("PostgreSQL {newest} in place of 99"),
    );
    let major = newest.split('.').next().unwrap();
    check(&format!("postgres:{major}"), &format!("PostgreSQL {newest}"));
}

#[test]
fn a_series_that_is_not_here_is_refused_with_what_is_missing_and_how_to_get_it() {
    let error = runs_as("redis:5.0", &programs()).unwrap_err();
    assert!(matches!(&error, LaunchError::NoProgram { missing, .. } if missing == "Redis 5.0"));
    assert!(error.to_string().contains("cargo xtask setup"), "{error}");
    let error = runs_as("redis:7.0", &Programs::default()).unwrap_err();
    assert!(error.to_string().contains("it has: none"), "{error}");
}
