//! Sockets.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

/// What came of each way out to the host and port of a URL.
pub(super) fn tried(url: &str) -> String {
    let authority = authority(url);
    let told = |result: std::io::Result<()>| match result {
        Ok(()) => "open".to_owned(),
        Err(error) => format!("refused ({})", error.kind()),
    };
    let looked_up = authority.to_socket_addrs().map(drop);
    // An address needs no look-up, and must be refused all the same.
    let tcp = TcpStream::connect(authority.as_str()).or_else(|_| TcpStream::connect("127.0.0.1:80")).map(drop);
    let listen = TcpListener::bind("127.0.0.1:0").map(drop);
    let udp = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"loot", "127.0.0.1:53")).map(drop);
    format!("names {}, tcp {}, listen {}, udp {}", told(looked_up), told(tcp), told(listen), told(udp))
}

/// Host and port of a URL.
pub(super) fn authority(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_always_there() {
        assert_eq!(authority("http://a.example/x"), "a.example:80");
        assert_eq!(authority("http://a.example:81"), "a.example:81");
    }
}
