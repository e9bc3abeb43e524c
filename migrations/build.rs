//! Recompiles the crate when a migration is added: `sqlx::migrate!` embeds the folder but cargo does not watch it.
fn main() {
    println!("cargo:rerun-if-changed=migrations/sqlite");
    println!("cargo:rerun-if-changed=migrations/postgres");
}
