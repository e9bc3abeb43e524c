//! PostgreSQL for a test: a database of its own on the server `POSTERN_TEST_POSTGRES` names, or a whole cluster that
//! may be stopped in mid-air.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use super::broker::free_port;
use super::settings::{fresh_seed, variable};

/// A database of its own, removed at the end.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// On the server the environment names, if it does.
    pub fn make() -> Option<Self> {
        let server = variable("POSTERN_TEST_POSTGRES")?;
        let name = format!("crash_{:016x}", fresh_seed());
        execute(&server, format!("CREATE DATABASE {name}"));
        Some(Self { server, name })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let (base, _) = self.server.rsplit_once('/').unwrap();
        format!("{base}/{}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        execute(&self.server, format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

fn execute(server: &str, sql: String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(server).await.unwrap();
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    });
}

/// A cluster of its own on the loopback interface.
pub struct Cluster {
    binaries: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Cluster {
    /// Makes and starts one; `None` where PostgreSQL's programs are missing.
    pub fn start_new() -> Option<Self> {
        let binaries = binaries()?;
        let folder = tempfile::Builder::new().prefix("postern-postgres-").tempdir().unwrap();
        let cluster = Self { binaries, folder, port: free_port().port() };
        if rustix::process::geteuid().is_root() {
            // PostgreSQL refuses to run as root; its user must be able to get into its folder.
            fs::set_permissions(cluster.folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
            let id = Command::new("id").args(["-u", "postgres"]).output().unwrap();
            let id = String::from_utf8(id.stdout).unwrap().trim().parse().unwrap();
            let home = cluster.home();
            fs::create_dir(&home).unwrap();
            chown(&home, Some(id), None).unwrap();
        } else {
            fs::create_dir(cluster.home()).unwrap();
        }
        let data = cluster.data();
        cluster.run(
            "initdb",
            &["--pgdata", &data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C"],
        );
        cluster.start();
        execute(&cluster.url("postgres"), "CREATE DATABASE postern".to_owned());
        Some(cluster)
    }

    /// Starts it (again).
    pub fn start(&self) {
        let options =
            format!("-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={}", self.port, self.home().display());
        let log = self.home().join("log").display().to_string();
        self.run("pg_ctl", &["start", "--wait", "--silent", "--pgdata", &self.data(), "--log", &log, "--options", &options]);
    }

    /// Stops it as a crash would: no checkpoint, connections cut.
    pub fn stop_at_once(&self) {
        self.run("pg_ctl", &["stop", "--mode", "immediate", "--wait", "--silent", "--pgdata", &self.data()]);
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn data(&self) -> String {
        self.home().join("cluster").display().to_string()
    }

    fn run(&self, program: &str, words: &[&str]) {
        let output = self.output(program, words);
        assert!(output.status.success(), "{program} {words:?}: {}", output.status);
    }

    fn output(&self, program: &str, words: &[&str]) -> Output {
        let program = self.binaries.join(program);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // The server inherits these: a pipe would never end.
        command.args(words).current_dir(self.home()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.output().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.output("pg_ctl", &["stop", "--mode", "immediate", "--silent", "--pgdata", &self.data()]);
    }
}

/// The newest server on this machine.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest =
        versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))).max();
    newest.map(|(_, path)| path).or_else(|| in_path("initdb"))
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = variable("PATH")?;
    path.split(':').map(Path::new).find(|folder| folder.join(program).is_file()).map(Path::to_owned)
}
