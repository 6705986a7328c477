//! The reply to the gateway: sent when the kernel listens.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::LauncherError;
use crate::ports::KERNEL_PORTS;

/// Between two looks at a kernel that does not listen yet.
const PAUSE: Duration = Duration::from_millis(10);
/// How long one attempt to connect or to write may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often, and with which pause, an address is tried.
const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(500);

/// Waits until all ports of a kernel take connections; whether they did in time.
pub fn wait_until_it_listens(ports: [u16; KERNEL_PORTS], patience: Duration) -> bool {
    let end = Instant::now() + patience;
    ports.into_iter().all(|port| {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        while TcpStream::connect_timeout(&address, PATIENCE).is_err() {
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(PAUSE);
        }
        true
    })
}

/// Sends a payload: one connection, the text, the end. A gateway answers nothing.
pub fn send(address: SocketAddr, payload: &str) -> Result<(), LauncherError> {
    let mut attempt = 1;
    loop {
        match try_to_send(address, payload) {
            Ok(()) => return Ok(()),
            Err(source) if attempt == ATTEMPTS => return Err(LauncherError::Reply { address, source }),
            Err(_) => {
                attempt += 1;
                thread::sleep(BETWEEN_ATTEMPTS);
            }
        }
    }
}

fn try_to_send(address: SocketAddr, payload: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(payload.as_bytes())?;
    stream.shutdown(Shutdown::Write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn a_kernel_listens_when_all_its_ports_do() {
        let mut listeners: Vec<TcpListener> =
            (0..KERNEL_PORTS).map(|_| TcpListener::bind("0.0.0.0:0").unwrap()).collect();
        let mut ports = [0; KERNEL_PORTS];
        for (port, listener) in ports.iter_mut().zip(&listeners) {
            *port = listener.local_addr().unwrap().port();
        }
        assert!(wait_until_it_listens(ports, Duration::from_millis(200)));
        listeners.pop();
        assert!(!wait_until_it_listens(ports, Duration::from_millis(200)));
    }

    #[test]
    fn a_payload_comes_whole_and_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = thread::spawn(move || {
            let mut text = String::new();
            listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
            text
        });
        send(address, "payload").unwrap();
        assert_eq!(gateway.join().unwrap(), "payload");
        assert_eq!(send(address, "payload").unwrap_err().exit_code(), 69);
    }
}
