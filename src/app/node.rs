//! Which node this is: an id kept in the data folder, and a lock so that no two processes are the same node.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use uuid::Uuid;

use super::StartError;
use crate::model::node::Node;
use crate::model::{Chance, Clock, id};

/// The node, and the lock that is held as long as this lives.
#[derive(Debug)]
pub(super) struct Identity {
    pub node: Node,
    _lock: File,
}

/// Reads or makes the node's id and takes the lock.
pub(super) fn identify(folder: &Path, clock: &dyn Clock, chance: &Chance) -> Result<Identity, StartError> {
    let unusable = |error: io::Error| {
        StartError::new(
            format!("instance.data_dir: {} can't be used: {error}", folder.display()),
            "make the folder, owned by the user Postern runs as",
        )
    };
    let lock = File::create(folder.join("node.lock")).map_err(unusable)?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(StartError::new(
            format!("instance.data_dir: another postern serve already runs on {}", folder.display()),
            "stop it first, or give each node a data_dir of its own",
        ));
    }
    let path = folder.join("node.id");
    let fresh = || id::uuid_v7(clock.now(), chance);
    let kept = match fs::read_to_string(&path) {
        Ok(text) => Uuid::parse_str(text.trim()).ok(),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(unusable(error)),
    };
    let node_id = if let Some(kept) = kept {
        kept
    } else {
        let made = fresh();
        write_durably(folder, &path, &format!("{made}\n")).map_err(unusable)?;
        made
    };
    Ok(Identity { node: Node { id: node_id, boot: fresh() }, _lock: lock })
}

/// A whole file or none, also after a power cut: written beside, synced, renamed, and the folder synced.
fn write_durably(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}
