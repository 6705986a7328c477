//! Logging in with name and password, and what follows from it until logging out.

use std::net::IpAddr;

use imagewright_catalog::{NewPerson, Person, PersonId, Principal, Refusal, Token};
use imagewright_model::Secret;
use imagewright_records::Work;
use jiff::{SignedDuration, Timestamp};

use crate::principal::{hash, random_token};
use crate::{Server, ServerError, people};

/// How long somebody stays logged in: a working day.
const SESSION_LASTS: SignedDuration = SignedDuration::from_hours(12);

/// How long the first administrator can be made with the link that is printed.
const SETUP_LASTS: SignedDuration = SignedDuration::from_hours(1);

/// That somebody is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    /// What is sent with each request from now on.
    pub secret: Secret,
    /// Who.
    pub person: Person,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Server {
    /// Logs somebody in. Whatever is wrong, the answer is the same, and takes as long.
    pub async fn log_in(
        &self,
        name: &str,
        password: Secret,
        address: Option<IpAddr>,
    ) -> Result<Session, ServerError> {
        self.attempts.count(Some(name), address, self.now())?;
        let known = self.records.look().await?.person(name).await?;
        let (person, hash) = known.map(|known| (known.person, known.password)).unzip();
        let matches = self.passwords.verify(password, hash.flatten()).await?;
        match person.filter(|person| matches && !person.disabled) {
            Some(person) => {
                self.attempts.forget(name);
                self.begin_session(person).await
            }
            None => Err(ServerError::WrongLogin),
        }
    }

    async fn begin_session(&self, person: Person) -> Result<Session, ServerError> {
        let mut work = self.records.begin().await?;
        let session = self.session_of(&mut work, person).await?;
        work.commit().await?;
        Ok(session)
    }

    pub(crate) async fn session_of(&self, work: &mut Work, person: Person) -> Result<Session, ServerError> {
        let now = self.now();
        let secret = random_token()?;
        let expires_at = now.checked_add(SESSION_LASTS).unwrap_or(Timestamp::MAX);
        work.insert_session(&person.id, &hash(&secret), expires_at, now).await?;
        Ok(Session { secret, person, expires_at })
    }

    /// Whose session this is; nobody's where it has ended.
    pub async fn principal_of_session(&self, session: &Secret) -> Result<Option<Principal>, ServerError> {
        let mut look = self.records.look().await?;
        match look.session_owner(&hash(session), self.now()).await? {
            Some(person) => Ok(look.principal(&person).await?),
            None => Ok(None),
        }
    }

    /// Ends a session.
    pub async fn log_out(&self, session: &Secret) -> Result<(), ServerError> {
        let mut work = self.records.begin().await?;
        work.delete_session(&hash(session), self.now()).await?;
        Ok(work.commit().await?)
    }

    /// Whoever sends name and token together, as `docker login` does.
    pub async fn principal_of_login(&self, name: &str, token: &Secret) -> Result<Principal, ServerError> {
        let principal = self.principal_of_token(token).await?;
        if principal.name == name { Ok(principal) } else { Err(Refusal::NotLoggedIn.into()) }
    }

    /// The same, whatever the token is good for.
    pub(crate) async fn owner_of_login(
        &self,
        name: &str,
        token: &Secret,
    ) -> Result<(Principal, Token), ServerError> {
        let (principal, token) = self.owner_of_token(token).await?;
        if principal.name == name { Ok((principal, token)) } else { Err(Refusal::NotLoggedIn.into()) }
    }

    /// Where there is no administrator who can log in: what makes the first one, once and for an hour. One made before no
    /// longer does.
    pub async fn offer_setup(&self) -> Result<Option<Secret>, ServerError> {
        let mut work = self.records.begin().await?;
        if work.count_administrators().await? > 0 {
            return Ok(None);
        }
        let token = random_token()?;
        let expires_at = self.now().checked_add(SETUP_LASTS).unwrap_or(Timestamp::MAX);
        work.offer_setup(&hash(&token), expires_at).await?;
        work.commit().await?;
        Ok(Some(token))
    }

    /// Makes the first administrator, and logs them in.
    pub async fn set_up(
        &self,
        token: &Secret,
        name: String,
        password: Secret,
        address: Option<IpAddr>,
    ) -> Result<Session, ServerError> {
        let now = self.now();
        self.attempts.count(None, address, now)?;
        let new = NewPerson { name, admin: true, ..NewPerson::default() };
        // What is wrong with it is told before the token is used up.
        new.clone().into_person(PersonId::new(""), None, now)?;
        if !self.records.look().await?.setup_is_offered(&hash(token), now).await? {
            return Err(ServerError::WrongLogin);
        }
        let password = self.passwords.hash(password).await?;
        let mut work = self.records.begin().await?;
        work.change_administrators().await?;
        if !work.take_setup(&hash(token), now).await? || work.count_administrators().await? > 0 {
            return Err(ServerError::WrongLogin);
        }
        let person = new.into_person(work.new_person_id(), None, now)?;
        work.insert_person(&person, Some(&password)).await?;
        people::note(&mut work, &Principal::server(), "added", (None, Some(&person)), now).await?;
        let session = self.session_of(&mut work, person).await?;
        work.commit().await?;
        Ok(session)
    }
}
