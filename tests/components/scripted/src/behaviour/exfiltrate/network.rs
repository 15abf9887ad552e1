//! Sockets, by WASI's own calls: the standard library's need a C library that not every toolchain has.

/// What came of each way out to the host and port of a URL.
#[cfg(target_arch = "wasm32")]
pub(super) fn tried(url: &str) -> String {
    let authority = authority(url);
    let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
    // An address needs no look-up, and must be refused all the same.
    let told = |result: Result<(), wasi::Code>| match result {
        Ok(()) => "open".to_owned(),
        Err(code) => format!("refused ({})", code.name()),
    };
    format!(
        "names {}, tcp {}, listen {}, udp {}",
        told(wasi::look_up(host)),
        told(wasi::connect()),
        told(wasi::listen()),
        told(wasi::send(b"loot"))
    )
}

/// Natively there is no sandbox to break out of.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn tried(url: &str) -> String {
    format!("not a component, {} is left alone", authority(url))
}

#[cfg(target_arch = "wasm32")]
mod wasi {
    use wasip2::sockets::instance_network::instance_network;
    use wasip2::sockets::ip_name_lookup::resolve_addresses;
    use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
    use wasip2::sockets::tcp_create_socket::create_tcp_socket;
    use wasip2::sockets::udp::OutgoingDatagram;
    use wasip2::sockets::udp_create_socket::create_udp_socket;

    pub use wasip2::sockets::network::ErrorCode as Code;

    fn local(port: u16) -> IpSocketAddress {
        IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) })
    }

    /// Asks again while the host is at it.
    fn finished<T>(wait: impl Fn(), finish: impl Fn() -> Result<T, ErrorCode>) -> Result<T, ErrorCode> {
        loop {
            match finish() {
                Err(ErrorCode::WouldBlock) => wait(),
                result => return result,
            }
        }
    }

    pub fn look_up(name: &str) -> Result<(), ErrorCode> {
        let addresses = resolve_addresses(&instance_network(), name)?;
        finished(|| addresses.subscribe().block(), || addresses.resolve_next_address()).map(drop)
    }

    pub fn connect() -> Result<(), ErrorCode> {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
        socket.start_connect(&instance_network(), local(80))?;
        finished(|| socket.subscribe().block(), || socket.finish_connect()).map(drop)
    }

    pub fn listen() -> Result<(), ErrorCode> {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
        socket.start_bind(&instance_network(), local(0))?;
        finished(|| socket.subscribe().block(), || socket.finish_bind())?;
        socket.start_listen()?;
        finished(|| socket.subscribe().block(), || socket.finish_listen())
    }

    pub fn send(data: &[u8]) -> Result<(), ErrorCode> {
        let socket = create_udp_socket(IpAddressFamily::Ipv4)?;
        socket.start_bind(&instance_network(), local(0))?;
        finished(|| socket.subscribe().block(), || socket.finish_bind())?;
        let (_, outgoing) = socket.stream(None)?;
        outgoing.check_send()?;
        outgoing.send(&[OutgoingDatagram { data: data.to_vec(), remote_address: Some(local(53)) }]).map(drop)
    }
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
