//! Logging in at a provider of OpenID Connect. What it says of somebody's groups and role holds from each login to the next.

mod client;
mod settings;

use imagewright_catalog::{Group, Membership, Person, Principal, Subject};
use imagewright_model::Secret;
use imagewright_records::{PendingLogin, RecordsError, Work};
use imagewright_service::WebClient;
use jiff::{SignedDuration, Timestamp};

use self::client::{OidcClient, Returned};
use self::settings::Claimed;
use crate::principal::{hash, random_token};
use crate::{Server, ServerError, Session, people};

pub use client::{Cause, OidcError};
pub use settings::{ClaimSettings, Provider};

/// How long somebody has to log in at the provider.
const LOGIN_LASTS: SignedDuration = SignedDuration::from_mins(15);

/// A login that has begun.
#[derive(Clone, Debug)]
pub struct BegunLogin {
    /// Where the browser is sent.
    pub address: String,
    /// What the browser has to bring back itself: only there the login can end.
    pub browser: Secret,
    /// How many seconds there are for it.
    pub seconds: i64,
}

/// What came back with the browser.
#[derive(Clone, Debug)]
pub struct ReturnedLogin {
    /// What the token is asked for with.
    pub code: Secret,
    /// Tells which login it is.
    pub state: Secret,
    /// What the browser was given when it began.
    pub browser: Secret,
    /// The address that the browser was sent back to.
    pub redirect: String,
}

/// The provider of a server, if it has one.
#[derive(Clone, Default)]
pub(crate) struct Providers(Option<OidcClient>);

impl Server {
    /// With a provider where people log in.
    #[must_use]
    pub fn with_provider(mut self, provider: Provider) -> Self {
        self.providers = Providers(Some(OidcClient::new(provider)));
        self
    }

    /// Whether people can log in at a provider.
    pub fn has_provider(&self) -> bool {
        self.providers.0.is_some()
    }

    /// Begins a login at the provider, which sends the browser back to `redirect`, and we to `return_to`.
    pub async fn begin_login(&self, redirect: String, return_to: &str) -> Result<BegunLogin, ServerError> {
        let begun = self.at_the_provider(move |client, web| client.begin(web, &redirect)).await?;
        let browser = random_token()?;
        let login =
            PendingLogin { nonce: begun.nonce, verifier: begun.verifier, return_to: own_page(return_to) };
        let now = self.now();
        let expires_at = now.checked_add(LOGIN_LASTS).unwrap_or(Timestamp::MAX);
        let mut work = self.records.begin().await?;
        work.begin_login((&hash(&begun.state), &hash(&browser)), &login, (now, expires_at)).await?;
        work.commit().await?;
        Ok(BegunLogin { address: begun.address, browser, seconds: LOGIN_LASTS.as_secs() })
    }

    /// Ends a login that began in the same browser: logs in whoever the provider says it is. Says where the browser goes.
    pub async fn finish_login(&self, returned: ReturnedLogin) -> Result<(Session, String), ServerError> {
        let keys = (&hash(&returned.state), &hash(&returned.browser));
        let mut work = self.records.begin().await?;
        let login = work.take_login(keys, self.now()).await?;
        // It is used up whatever comes of it.
        work.commit().await?;
        let login = login.ok_or(ServerError::WrongLogin)?;
        let ReturnedLogin { code, redirect, .. } = returned;
        let returned = Returned { code, nonce: login.nonce, verifier: login.verifier, redirect };
        let claimed = self.at_the_provider(move |client, web| client.finish(web, &returned)).await?;
        Ok((self.come_in(claimed).await?, login.return_to))
    }

    /// Logs somebody in with what the provider says of them.
    async fn come_in(&self, claimed: Claimed) -> Result<Session, ServerError> {
        let now = self.now();
        let mut work = self.records.begin().await?;
        work.change_administrators().await?;
        let person = match work.person_of_subject(&claimed.subject).await? {
            Some(known) if known.person.disabled => return Err(ServerError::WrongLogin),
            Some(known) => as_claimed(&mut work, known.person, &claimed, now).await?,
            None => added(&mut work, &claimed, now).await?,
        };
        self.claim_groups(&mut work, &person, &claimed.memberships, now).await?;
        let session = self.session_of(&mut work, person).await?;
        work.commit().await?;
        Ok(session)
    }

    async fn claim_groups(
        &self,
        work: &mut Work,
        person: &Person,
        claimed: &[Membership],
        now: Timestamp,
    ) -> Result<(), ServerError> {
        let by = by_the_provider(person);
        if self.provider()?.provider().claims.create_groups {
            let known = work.all_groups().await?;
            let missing = claimed.iter().filter(|it| known.iter().all(|group| group.name != it.group));
            for Membership { group, .. } in missing {
                let id = work.new_group_id();
                let group = Group { id, name: group.clone(), display_name: None, created_at: now };
                work.insert_group(&group).await?;
                let subject = (Subject::Group, group.id.as_str(), group.name.as_str());
                work.note_change(&by, subject, "added", (None, Some(&group)), now).await?;
            }
        }
        let before = work.memberships(&person.id).await?;
        work.claim_memberships(&person.id, claimed).await?;
        let after = work.memberships(&person.id).await?;
        if after != before {
            let subject = (Subject::Person, person.id.as_str(), person.name.as_str());
            work.note_change(&by, subject, "groups_claimed", (Some(&before), Some(&after)), now).await?;
        }
        Ok(())
    }

    fn provider(&self) -> Result<&OidcClient, ServerError> {
        let none = || ServerError::NotFound { what: "provider", name: "oidc".to_owned() };
        self.providers.0.as_ref().ok_or_else(none)
    }

    /// Providers are asked on a thread: what goes out blocks.
    async fn at_the_provider<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OidcClient, &WebClient) -> Result<T, OidcError> + Send + 'static,
    ) -> Result<T, ServerError> {
        let client = self.provider()?.clone();
        let done = self.blocking(move |service| {
            let web = service.web_client().map_err(imagewright_service::ServiceError::from)?;
            Ok(work(&client, &web)?)
        });
        done.await?
    }
}

/// Somebody who was here before. The name stays: others know them by it.
async fn as_claimed(
    work: &mut Work,
    before: Person,
    claimed: &Claimed,
    now: Timestamp,
) -> Result<Person, ServerError> {
    let person = Person {
        display_name: claimed.display_name.clone(),
        email: claimed.email.clone(),
        admin: claimed.admin.unwrap_or(before.admin),
        ..before.clone()
    };
    if person != before {
        work.replace_person(&person).await?;
        let by = by_the_provider(&person);
        people::note(work, &by, "changed", (Some(&before), Some(&person)), now).await?;
    }
    Ok(person)
}

/// Somebody who comes for the first time. Who has the name already is somebody else: a provider does not hand over accounts.
async fn added(work: &mut Work, claimed: &Claimed, now: Timestamp) -> Result<Person, ServerError> {
    let person = Person {
        id: work.new_person_id(),
        name: claimed.name.clone(),
        display_name: claimed.display_name.clone(),
        email: claimed.email.clone(),
        admin: claimed.admin.unwrap_or(false),
        disabled: false,
        subject: Some(claimed.subject.clone()),
        created_at: now,
    };
    work.insert_person(&person, None).await.map_err(|error| match error {
        RecordsError::Taken { name, .. } => ServerError::OthersName(name),
        error => error.into(),
    })?;
    people::note(work, &by_the_provider(&person), "added", (None, Some(&person)), now).await?;
    Ok(person)
}

/// What follows from a login is done by whoever logs in.
fn by_the_provider(person: &Person) -> Principal {
    Principal { person: Some(person.id.clone()), name: person.name.clone(), ..Principal::default() }
}

/// A page of ours; the first one where it is none. Nobody is sent elsewhere by a link to us.
fn own_page(path: &str) -> String {
    let is_ours = path.starts_with('/')
        && !path[1..].starts_with(['/', '\\'])
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours { path.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for page in ["/", "/images/a?tab=log#end", "/a//b"] {
            assert_eq!(own_page(page), page);
        }
        let elsewhere = [
            "",
            "images",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a\r\nb",
        ];
        for page in elsewhere {
            assert_eq!(own_page(page), "/", "{page}");
        }
    }
}
