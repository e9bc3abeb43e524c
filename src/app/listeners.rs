//! Opening listening sockets, with errors that say what to do.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::StartError;

/// Connections the kernel keeps waiting while we are busy.
const BACKLOG: u32 = 1024;

/// Opens a listener for the setting of that name.
pub(super) fn open(setting: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    listen(address).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => format!("stop the program that uses port {}, or choose another port", address.port()),
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need the capability CAP_NET_BIND_SERVICE (see deploy/postern.service)".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
            _ => "see the message".to_owned(),
        };
        StartError::new(format!("{setting}: {address} can't be opened: {error}"), hint)
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
