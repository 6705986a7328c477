//! The ports of a kernel: chosen in a range, and kept from others until the kernel has them.
//!
//! Enterprise Gateway's launchers look for free ports, let go of them, and have the kernel bind them a second later; somebody else may be faster.
//! Here each port is bound alone, which nobody can do twice, and stays bound. It is then marked as one that may be bound again: a
//! kernel can (ZeroMQ sets `SO_REUSEADDR`, and we do not listen), other launchers, which bind alone, cannot.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, setsockopt, socket,
    sockopt,
};

use crate::LauncherError;

/// Ports that a kernel needs for itself, in the order of [`Reservation::kernel_ports`].
pub const KERNEL_PORTS: usize = 5;
/// How many connections may wait to be accepted.
const BACKLOG: i32 = 128;

/// Where ports may be taken from; both bounds belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    low: u16,
    high: u16,
}

impl PortRange {
    /// Whatever the system gives.
    pub const ANY: Self = Self { low: 0, high: 0 };
    /// The lowest port that may bound a range.
    const LOWEST: u16 = 1024;

    /// Reads `low..high`. Equal bounds are no bounds; others must be `least` apart, as Enterprise Gateway wants it.
    pub fn parse(text: &str, least: u16) -> Result<Self, LauncherError> {
        let malformed = |expected: String| LauncherError::Malformed {
            name: "PORT_RANGE",
            value: text.chars().take(64).collect(),
            expected,
        };
        let bounds = text.split_once("..").and_then(|(low, high)| {
            Some((low.trim().parse::<u16>().ok()?, high.trim().parse::<u16>().ok()?))
        });
        let Some((low, high)) = bounds else {
            return Err(malformed("two ports, as `40000..41000`".to_owned()));
        };
        match () {
            () if low == high => Ok(Self::ANY),
            () if low < Self::LOWEST || high < low => {
                Err(malformed(format!("from {} upwards, the lower bound first", Self::LOWEST)))
            }
            () if high - low < least => Err(malformed(format!("at least {least} ports wide"))),
            () => Ok(Self { low, high }),
        }
    }

    /// Each port of the range once, from a place that differs from launch to launch.
    fn candidates(self) -> Box<dyn Iterator<Item = u16>> {
        if self == Self::ANY {
            // The system chooses; it says "none" when it has none left.
            return Box::new(std::iter::repeat_n(0, 64));
        }
        let size = u64::from(self.high - self.low) + 1;
        let start = RandomState::new().hash_one(()) % size;
        let low = u64::from(self.low);
        let port = move |step| u16::try_from(low + (start + step) % size).unwrap_or(u16::MAX);
        Box::new((0..size).map(port))
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}..{}", self.low, self.high)
    }
}

/// A port that is ours.
struct Port {
    number: u16,
    socket: OwnedFd,
}

/// Ports that nobody else gets while this lives.
pub struct Reservation {
    kernel: Vec<Port>,
    comm: Option<Port>,
}

impl Reservation {
    /// Takes six ports of the range, on all addresses of the machine.
    pub fn take(range: PortRange) -> Result<Self, LauncherError> {
        let mut ports = Vec::new();
        for candidate in range.candidates() {
            if let Some(port) = take_alone(candidate)? {
                ports.push(port);
            }
            if ports.len() > KERNEL_PORTS {
                break;
            }
        }
        if ports.len() <= KERNEL_PORTS {
            return Err(LauncherError::NoPorts { range });
        }
        let comm = ports.pop();
        Ok(Self { kernel: ports, comm })
    }

    /// The kernel's ports.
    pub fn kernel_ports(&self) -> [u16; KERNEL_PORTS] {
        let mut numbers = [0; KERNEL_PORTS];
        for (number, port) in numbers.iter_mut().zip(&self.kernel) {
            *number = port.number;
        }
        numbers
    }

    /// Takes the port that is ours to listen at, and listens.
    pub fn listen(&mut self) -> Result<(u16, TcpListener), LauncherError> {
        let Some(Port { number, socket }) = self.comm.take() else {
            let source = std::io::Error::other("that was done already");
            return Err(LauncherError::System { what: "listen", source });
        };
        let backlog = Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN);
        listen(&socket, backlog).map_err(system("listen"))?;
        Ok((number, TcpListener::from(socket)))
    }

    /// Lets the kernel bind its ports while they are still kept from others.
    pub fn offer(&self) -> Result<(), LauncherError> {
        let mut ports = self.kernel.iter();
        ports.try_for_each(|port| {
            setsockopt(&port.socket, sockopt::ReuseAddr, &true).map_err(system("share a port"))
        })
    }
}

/// Binds a port as nobody else can; nothing where somebody has it.
fn take_alone(number: u16) -> Result<Option<Port>, LauncherError> {
    let stream = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    let socket = stream.map_err(system("open a socket"))?;
    match bind(socket.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, number)) {
        Ok(()) => {}
        // Taken, or below what this user may bind.
        Err(Errno::EADDRINUSE | Errno::EACCES) => return Ok(None),
        Err(error) => return Err(system("bind a port")(error)),
    }
    let address: SockaddrIn = getsockname(socket.as_raw_fd()).map_err(system("bind a port"))?;
    Ok(Some(Port { number: address.port(), socket }))
}

fn system(what: &'static str) -> impl Fn(Errno) -> LauncherError {
    move |error| LauncherError::System { what, source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::TcpStream;

    #[test]
    fn ranges_are_read_as_enterprise_gateway_reads_them() {
        let parse = |text| PortRange::parse(text, 1000).ok().map(|range| range.to_string());
        let any = Some("0..0".to_owned());
        assert_eq!(parse("0..0"), any);
        assert_eq!(parse("40000..40000"), any);
        assert_eq!(parse("40000..41000"), Some("40000..41000".to_owned()));
        assert_eq!(parse(" 40000 .. 41000 "), Some("40000..41000".to_owned()));
        for wrong in [
            "",
            "40000",
            "40000-41000",
            "40000..40999",
            "1023..9000",
            "41000..40000",
            "40000..70000",
            "a..b",
            "1..2..3",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(PortRange::parse("40000..40005", 5).unwrap().to_string(), "40000..40005");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in ".{0,40}", least: u16) {
            if let Ok(range) = PortRange::parse(&text, least) {
                prop_assert!(range == PortRange::ANY || (range.low >= 1024 && range.high - range.low >= least));
            }
        }

        #[test]
        fn candidates_are_the_range_in_another_order(low in 1024u16..60000, size in 1u16..2000) {
            let range = PortRange { low, high: low + size };
            let mut found: Vec<u16> = range.candidates().collect();
            found.sort_unstable();
            prop_assert_eq!(found, (low..=low + size).collect::<Vec<_>>());
        }
    }

    #[test]
    fn reserved_ports_are_the_kernels_and_nobody_elses() {
        let mut ours = Reservation::take(PortRange::ANY).unwrap();
        let (comm, _listener) = ours.listen().unwrap();
        let ports = ours.kernel_ports();
        assert!(!ports.contains(&comm));
        ours.offer().unwrap();
        for port in ports {
            assert!(take_alone(port).unwrap().is_none(), "another launcher must not get {port}");
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens at {port} yet");
            // The standard library binds as ZeroMQ does.
            let kernel = TcpListener::bind(("0.0.0.0", port)).unwrap();
            TcpStream::connect(("127.0.0.1", port)).unwrap();
            drop(kernel);
        }
    }

    #[test]
    fn a_full_range_is_said_to_be_full() {
        // Six ports side by side, of which one is taken.
        let taken = (0..50).find_map(|_| take_alone(0).unwrap().filter(|port| port.number > 1100)).unwrap();
        let range = PortRange { low: taken.number - 5, high: taken.number };
        let error = Reservation::take(range).err().unwrap();
        assert_eq!(error.exit_code(), 75);
        assert!(error.to_string().contains(&range.to_string()), "{error}");
    }

    #[test]
    fn ports_lie_in_the_range() {
        let range = PortRange { low: 20000, high: 30000 };
        let ours = Reservation::take(range).unwrap();
        let other = Reservation::take(range).unwrap();
        let ports: Vec<u16> = ours.kernel_ports().into_iter().chain(other.kernel_ports()).collect();
        assert!(ports.iter().all(|port| (20000..=30000).contains(port)), "{ports:?}");
        assert_eq!(ports.iter().collect::<std::collections::BTreeSet<_>>().len(), 10);
    }
}
