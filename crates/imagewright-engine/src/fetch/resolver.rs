//! Remembers the addresses of hosts for a while: ureq asks for them at every request, also when it has a
//! connection already, and many requests in a row are more than some name servers answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

const LIFETIME: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct RememberingResolver {
    inner: DefaultResolver,
    known: Mutex<HashMap<String, (Instant, Vec<SocketAddr>)>>,
}

impl Resolver for RememberingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let key = format!("{:?} {:?}", uri.scheme(), uri.authority());
        // Held while asking, so that threads that begin together ask once.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, addresses)) = known.get(&key)
            && since.elapsed() < LIFETIME
        {
            let mut result = self.empty();
            addresses.iter().for_each(|address| result.push(*address));
            return Ok(result);
        }
        let result = self.inner.resolve(uri, config, timeout)?;
        known.insert(key, (Instant::now(), result.to_vec()));
        Ok(result)
    }
}
