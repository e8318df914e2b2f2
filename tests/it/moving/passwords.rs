//! Passwords with everything by which a URL, a connection string or a statement could be taken apart wrongly, at both sides.

use lockstep_tests::writers::{LEISURE, Writers};
use lockstep_tests::{block_on, dial, up};

use super::Move;
use super::traps::run;
use crate::far_side::{deploy, poll, variable};

/// As a variable of its own has it.
const PASSWORD: &str = r#"'"\ %@:/?#&=+$"#;

/// As a URL has it.
const ESCAPED: &str = "%27%22%5C%20%25%40%3A%2F%3F%23%26%3D%2B%24";

/// Who takes up where the old server is.
const CLIENTS: [&str; 5] =
    ["litellm", "langfuse-web", "langfuse-worker", "backup-service", "health-monitor"];

/// Returns a URL with another password.
fn with_password(url: &str, password: &str) -> String {
    let (account, server) = url.rsplit_once('@').unwrap();
    let (user, _) = account.rsplit_once(':').unwrap();
    format!("{user}:{password}@{server}")
}

/// One server dials the other with the password, as the link has it.
#[track_caller]
fn link_has_the_password(subscriber: &str) {
    let links = "SELECT subconninfo FROM pg_subscription";
    let row =
        block_on(async { dial(subscriber).await.unwrap().query_one(links, &[]).await.unwrap() });
    let conninfo: &str = row.get(0);
    assert!(conninfo.contains(&format!(":{ESCAPED}@")), "{conninfo}");
}

impl Move {
    /// Gives the superuser of both sides the password, as somebody does who knows how URLs are written.
    fn with_odd_passwords() -> Self {
        let mut it = Self::begin();
        let quoted = PASSWORD.replace('\'', "''");
        let change = format!("ALTER ROLE postgres PASSWORD '{quoted}'");
        let node = it.stage.status().service("pg-0").unwrap().address.clone();
        let (account, _) = it.new.rsplit_once('@').unwrap();
        run(&it.old, &change);
        run(&format!("{account}@{node}:5432/postgres"), &change);
        variable(&it.stage, "postgres", "POSTGRES_PASSWORD", PASSWORD);
        let url = format!("postgresql://postgres:{ESCAPED}@${{{{RAILWAY_PRIVATE_DOMAIN}}}}:5432/");
        variable(&it.stage, "postgres", "DATABASE_URL", &format!("{url}${{{{POSTGRES_DB}}}}"));
        variable(&it.stage, "pg-0", "POSTGRESQL_PASSWORD", PASSWORD);
        for service in CLIENTS.into_iter().chain(["pgpool"]) {
            deploy(&it.stage, service);
        }
        (it.old, it.new) = (with_password(&it.old, ESCAPED), with_password(&it.new, ESCAPED));
        let (server, _) = it.new.rsplit_once('/').unwrap();
        block_on(up(&it.old, &format!("{server}/postgres")));
        it
    }

    /// The password is in none of its forms in the journal or in what was said.
    #[track_caller]
    fn nobody_was_told(&self, said: &[&str]) {
        let journal = std::fs::read(self.stage.folder().join(".lockstep/journal.db")).unwrap();
        for form in [PASSWORD, ESCAPED] {
            for said in said {
                assert!(!said.contains(form), "the password was said:\n{said}");
            }
            let found = journal.windows(form.len()).any(|part| part == form.as_bytes());
            assert!(!found, "the password is in the journal");
        }
    }
}

#[test]
fn a_database_moves_and_comes_back_whatever_the_passwords_of_both_sides_are_and_nobody_learns_them()
{
    let it = Move::with_odd_passwords();
    let options = |text: &str| {
        it.configure(&format!("[environments.lab.options.postgres-ha]\n{text}\n"));
    };

    // PgPool's URL of the template has the password as it is, so nobody could be led there.
    it.is_refused("front-password", "must be escaped");
    let (_, database) = it.new.rsplit_once('/').unwrap();
    let url = format!("postgresql://postgres:{ESCAPED}@${{{{RAILWAY_PRIVATE_DOMAIN}}}}:5432");
    variable(&it.stage, "pgpool", "DATABASE_URL", &format!("{url}/railway"));
    it.is_refused("front-password", "is not that of");
    variable(&it.stage, "pgpool", "DATABASE_URL", &format!("{url}/{database}"));
    options("path = \"job\"");
    it.is_refused("job-url", "pgpool DATABASE_URL: its password must be escaped");
    options("path = \"in-place\"");
    it.is_refused("front-password", "has it escaped");
    options("front-first = \"true\"");
    it.is_refused("front-account", "leads to that service itself");
    options("");

    // A service that puts its URL together has one that leads nowhere, and nothing could lead it back to.
    let own = "postgresql://postgres:${{postgres.POSTGRES_PASSWORD}}@${{postgres.RAILWAY_PRIVATE_DOMAIN}}:5432/x";
    variable(&it.stage, "minio", "REPORTS_DATABASE_URL", own);
    it.is_refused("references-stuck", "minio REPORTS_DATABASE_URL");
    variable(&it.stage, "minio", "REPORTS_DATABASE_URL", "");

    let writers = Writers::start(2, [&it.old, &it.new], LEISURE);
    writers.have_written();
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "indexes"];
    let begun = it.stage.lockstep(&apply).expect(10);
    link_has_the_password(&it.new);
    let moved = it.stage.lockstep(&["resume", "--yes", "--until", "prove"]).expect(10);
    link_has_the_password(&it.old);
    writers.have_written();
    let told = writers.told();
    assert!(told.at.iter().all(|at| *at == 1), "every writer is at the cluster: {told:?}");
    told.is_all_in(&it.new);
    it.old_is_sealed();
    for service in CLIENTS {
        poll(|| it.stage.status().service(service).filter(|it| it.serving).map(drop));
    }

    let run = it.stage.run();
    let back = it.stage.lockstep(&["rollback", &run, "--yes"]).expect(11);
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 0), "every writer is back: {told:?}");
    told.is_all_in(&it.old);
    it.nobody_was_told(&[&begun.err, &moved.err, &back.err]);
}
