//! Passwords: kept as hashes that take time and memory to try (Argon2id), in PHC's string format.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use imagewright_model::Secret;
use tokio::sync::Semaphore;

use crate::ServerError;

/// Characters of the shortest password.
const SHORTEST: usize = 10;

/// Bytes of the longest password: nobody types more, and each byte is worked on.
const LONGEST: usize = 1000;

/// How many passwords are worked on at once. Each takes 19 MiB and a core for a while.
const AT_ONCE: usize = 2;

/// What a password is held against where there is none: nobody can learn from the time an answer takes who has an account.
/// Salt and hash are random, the parameters those of all others.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$RabltfH3vYXdvy5QWTJRxw$GcrnFyuEt4mUAC9IwgCnrnYQqvzvbThVQMknw0y84lg";

/// Hashes and verifies, a few at a time, on threads of their own.
#[derive(Clone)]
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passwords {
    /// The hash of a new password, if it is one.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String, ServerError> {
        let (characters, bytes) = (password.expose().chars().count(), password.expose().len());
        if characters < SHORTEST || bytes > LONGEST {
            let detail = format!("a password has at least {SHORTEST} characters and at most {LONGEST} bytes");
            return Err(ServerError::field("/password", detail));
        }
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(ServerError::Random)?;
        self.on_a_thread(move || {
            let hash: PasswordHash = Argon2::default()
                .hash_password_with_salt(password.expose().as_bytes(), &salt)
                .expect("salt and parameters have their lengths");
            hash.to_string()
        })
        .await
    }

    /// Whether a password is the one of this hash; where there is no hash it takes as long and is not.
    pub(crate) async fn verify(&self, password: Secret, hash: Option<String>) -> Result<bool, ServerError> {
        self.on_a_thread(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODYS.to_owned());
            let matches = PasswordHash::new(&hash).is_ok_and(|hash| {
                Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok()
            });
            known && matches
        })
        .await
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ServerError> {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("it is never closed");
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        })
        .await
        .map_err(ServerError::Panicked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_are_known_again() {
        let passwords = Passwords::default();
        let hash = passwords.hash(Secret::new("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify(Secret::new("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(Secret::new("correct house"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(Secret::new("correct horse"), None).await.unwrap());
        assert_ne!(passwords.hash(Secret::new("correct horse")).await.unwrap(), hash);
        for wrong in ["short", &"long".repeat(300)] {
            assert!(passwords.hash(Secret::new(wrong)).await.is_err());
        }
    }

    /// A stand-in that could not be read, or was made with less work, would be told by the time it takes.
    #[tokio::test]
    async fn a_name_that_nobody_has_takes_as_much_work() {
        let hash = Passwords::default().hash(Secret::new("correct horse")).await.unwrap();
        PasswordHash::new(NOBODYS).unwrap();
        let work = |hash: &str| {
            let parts: Vec<String> = hash.split('$').map(str::to_owned).collect();
            let lengths: Vec<usize> = parts[4..].iter().map(String::len).collect();
            (parts[..4].to_vec(), lengths)
        };
        assert_eq!(work(NOBODYS), work(&hash));
    }
}
