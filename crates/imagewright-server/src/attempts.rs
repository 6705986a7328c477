//! How often somebody may try to log in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// For how long tries are counted, from the first.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// Tries with one name. A password of ten characters is not found by so few; whoever mistypes has enough.
const OF_A_NAME: u32 = 10;

/// Tries from one address: behind one there may be an office.
const OF_AN_ADDRESS: u32 = 100;

/// How many names and addresses are counted at once; what is older goes first.
const MOST: usize = 100_000;

/// Tries of this process. Several servers count each for itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempts {
    counted: Arc<Mutex<HashMap<Key, Count>>>,
}

/// That there were too many tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOften {
    /// In how many seconds the next one counts.
    pub(crate) seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Name(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Count {
    tries: u32,
    since: Timestamp,
}

impl Attempts {
    /// Counts a try, before anything is compared, unless there were too many.
    pub(crate) fn count(
        &self,
        name: Option<&str>,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), TooOften> {
        let keys = [
            (name.map(|name| Key::Name(name.chars().take(200).collect())), OF_A_NAME),
            (address.map(|address| Key::Address(network(address))), OF_AN_ADDRESS),
        ];
        let keys: Vec<(Key, u32)> = keys.into_iter().filter_map(|(key, most)| Some((key?, most))).collect();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = |count: &Count| count.since.checked_add(WINDOW).unwrap_or(Timestamp::MAX);
        if counted.len() >= MOST {
            counted.retain(|_, count| ends(count) > now);
        }
        for (key, most) in &keys {
            let current = counted.get(key).filter(|count| ends(count) > now);
            if let Some(count) = current.filter(|count| count.tries >= *most) {
                let left = ends(count).duration_since(now).as_secs().max(0) + 1;
                let seconds = u32::try_from(left).unwrap_or(u32::MAX);
                return Err(TooOften { seconds });
            }
        }
        if counted.len() >= MOST {
            // Nobody is counted for ever, and nothing is counted without end.
            counted.clear();
        }
        for (key, _) in keys {
            let count = counted.entry(key).or_insert(Count { tries: 0, since: now });
            if ends(count) <= now {
                *count = Count { tries: 0, since: now };
            }
            count.tries += 1;
        }
        Ok(())
    }

    /// Forgets the tries with a name, because it was right. Those from the address stay: somebody there may try other names.
    pub(crate) fn forget(&self, name: &str) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.remove(&Key::Name(name.chars().take(200).collect()));
    }
}

/// Whoever has one address of IPv6 has the whole network of it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_name_can_be_tried_a_few_times() {
        let attempts = Attempts::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        for second in 0..10 {
            attempts.count(Some("ada"), Some(address), at(second)).unwrap();
        }
        assert_eq!(attempts.count(Some("ada"), None, at(10)), Err(TooOften { seconds: 291 }));
        attempts.count(Some("bob"), Some(address), at(10)).unwrap();
        attempts.forget("ada");
        attempts.count(Some("ada"), None, at(10)).unwrap();
        for second in 11..20 {
            attempts.count(Some("ada"), None, at(second)).unwrap();
        }
        assert!(attempts.count(Some("ada"), None, at(309)).is_err());
        attempts.count(Some("ada"), None, at(310)).unwrap();
    }

    #[test]
    fn an_address_can_try_a_few_names() {
        let attempts = Attempts::default();
        for number in 0..100 {
            let address = format!("2001:db8:0:1::{number:x}").parse().unwrap();
            attempts.count(Some(&number.to_string()), Some(address), at(0)).unwrap();
        }
        let same = Some("2001:db8:0:1:ffff::1".parse().unwrap());
        assert!(attempts.count(Some("x"), same, at(1)).is_err());
        attempts.count(Some("x"), Some("2001:db8:0:2::1".parse().unwrap()), at(1)).unwrap();
        // What was refused is not counted.
        attempts.count(Some("x"), same, at(300)).unwrap();
    }
}
