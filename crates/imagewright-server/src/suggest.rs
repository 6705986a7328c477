//! Suggestions for whoever fills in what is to be built: packages from the lists of indexes, images from the catalogue and their registries.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use imagewright_catalog::{
    Action, ImageFilter, Object, OrderBy, PageRequest, Principal, SecretKind, Source, may,
};
use imagewright_model::in_one_line;
use imagewright_model::spec::BaseSource;
use imagewright_oci::Reference;
use imagewright_service::{Login, Packages, SuggestCommand, Suggestion, Suggestions};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Server, ServerError};

/// How long somebody who types waits for a list that is fetched for the first time.
const WAIT: Duration = Duration::from_secs(2);
/// How long a list that could not be had is not asked for again.
const PAUSE: Duration = Duration::from_secs(60);
/// How many entries are looked at for what people here use.
const LOOKED_AT: u32 = 200;
/// The most suggestions that anybody gets.
const MOST: usize = 50;

/// What is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SuggestedKind {
    /// A Debian package.
    Apt,
    /// A conda package.
    Conda,
    /// A Python package.
    Pip,
    /// A reference of an image.
    Image,
}

/// What suggestions are wanted for.
#[derive(Clone, Debug, Deserialize)]
pub struct SuggestRequest {
    /// What is being typed.
    pub kind: SuggestedKind,
    /// The line so far.
    pub text: String,
    /// The base of what is to be built: says which distribution's packages are meant.
    pub base: Option<String>,
    /// conda channels, with commas between them; those that are configured by default.
    pub channels: Option<String>,
    /// How many are wanted; default: 10.
    pub limit: Option<usize>,
}

/// Lists that could not be had, and when.
#[derive(Clone, Default)]
pub(crate) struct Missing(Arc<Mutex<HashMap<String, Instant>>>);

impl Missing {
    fn is_to_be_asked(&self, key: &str) -> bool {
        let missing = self.0.lock().expect("nobody panics with it");
        missing.get(key).is_none_or(|since| since.elapsed() > PAUSE)
    }

    fn note(&self, key: String) {
        let mut missing = self.0.lock().expect("nobody panics with it");
        missing.retain(|_, since| since.elapsed() <= PAUSE);
        missing.insert(key, Instant::now());
    }
}

impl Server {
    /// Suggests how a line may go on. For whoever may build.
    pub async fn suggest(
        &self,
        principal: &Principal,
        request: &SuggestRequest,
    ) -> Result<Suggestions, ServerError> {
        may(principal, Action::Build, Object::Server)?;
        let limit = request.limit.unwrap_or(10).clamp(1, MOST);
        let packages = match request.kind {
            SuggestedKind::Image => return self.suggest_images(principal, &request.text, limit).await,
            SuggestedKind::Apt => debian(request.base.as_deref()),
            SuggestedKind::Conda => Packages::Conda { channels: listed(request.channels.as_deref()) },
            SuggestedKind::Pip => Packages::Python,
        };
        let preferred = self.used_here(principal, request.kind).await?;
        self.refresh(&packages).await?;
        let command = SuggestCommand { packages, text: request.text.clone(), preferred, limit };
        match self.blocking(move |service| service.suggest(&command)).await? {
            Ok(suggestions) => Ok(suggestions),
            // Nobody who types wants to be told that an index does not answer; the plan tells.
            Err(error) => {
                tracing::info!(error = in_one_line(&error), "no suggestions");
                Ok(Suggestions::default())
            }
        }
    }

    /// Has a list brought up to date, and waits a moment for it. It goes on where that is too short.
    async fn refresh(&self, packages: &Packages) -> Result<(), ServerError> {
        let key = format!("{packages:?}");
        if !self.missing_names.is_to_be_asked(&key) {
            return Ok(());
        }
        let (packages, missing) = (packages.clone(), self.missing_names.clone());
        let refreshed = self.blocking(move |service| {
            if let Err(error) = service.refresh_names(&packages) {
                tracing::warn!(error = in_one_line(&error), "a list of packages could not be had");
                missing.note(key);
            }
        });
        match tokio::time::timeout(WAIT, refreshed).await {
            Ok(refreshed) => refreshed,
            Err(_) => Ok(()),
        }
    }

    /// Names of packages in specs that one sees: what is used here is what is meant most often.
    async fn used_here(
        &self,
        principal: &Principal,
        kind: SuggestedKind,
    ) -> Result<HashSet<String>, ServerError> {
        let list = match kind {
            SuggestedKind::Apt => "apt",
            SuggestedKind::Conda => "conda",
            SuggestedKind::Pip | SuggestedKind::Image => "pip",
        };
        let built = ImageFilter { source: Some(Source::Built), ..ImageFilter::default() };
        let page = PageRequest { after: None, limit: LOOKED_AT };
        let images = self.images(principal, &built, OrderBy::default(), &page).await?.items;
        let mut names = HashSet::new();
        for view in &images {
            let said = view.image.spec.as_ref().and_then(|spec| spec.get(list));
            // A list is short for an object that has one.
            let lines = said.and_then(|said| said.get("packages").unwrap_or(said).as_array());
            names.extend(lines.into_iter().flatten().filter_map(Value::as_str).map(name_in));
        }
        Ok(names)
    }

    async fn suggest_images(
        &self,
        principal: &Principal,
        text: &str,
        limit: usize,
    ) -> Result<Suggestions, ServerError> {
        let text = text.trim();
        let wanted = text.to_lowercase();
        let mut items: Vec<Suggestion> = Vec::new();
        let offers = self.offers(principal, None, false).await?;
        for offer in offers {
            let Some(reference) = offer.reference else { continue };
            let names = [&reference, &offer.display_name];
            if names.iter().any(|name| name.to_lowercase().contains(&wanted)) {
                items.push(Suggestion { text: reference, detail: Some(offer.display_name) });
            }
        }
        if "bootstrap".starts_with(&wanted) {
            let detail = Some("Debian packages alone".to_owned());
            items.push(Suggestion { text: "bootstrap".to_owned(), detail });
        }
        // Those that begin so come first; what is equally good stays in the order of the catalogue.
        items.sort_by_key(|item| !item.text.to_lowercase().starts_with(&wanted));
        items.truncate(limit);
        if let Some((repository, tag)) = being_tagged(text) {
            for tag in self.tags_of(principal, &repository, tag).await? {
                let text = format!("{}:{tag}", &text[..text.len() - tag_length(text)]);
                if items.len() < limit && !items.iter().any(|item| item.text == text) {
                    items.push(Suggestion { text, detail: None });
                }
            }
        }
        Ok(Suggestions { items, complete: true })
    }

    /// The tags that a registry has, as far as it tells them: with the secret of an entry of that repository, if one sees it.
    async fn tags_of(
        &self,
        principal: &Principal,
        repository: &Reference,
        begin: &str,
    ) -> Result<Vec<String>, ServerError> {
        if repository.registry() == self.registry_host() {
            return Ok(Vec::new());
        }
        let all = PageRequest { after: None, limit: LOOKED_AT };
        let images = self.images(principal, &ImageFilter::default(), OrderBy::default(), &all).await?.items;
        let is_of = |reference: &Option<String>| {
            reference.as_ref().and_then(|text| text.parse::<Reference>().ok()).is_some_and(|known| {
                known.registry() == repository.registry() && known.repository() == repository.repository()
            })
        };
        let secret = images
            .into_iter()
            .filter(|view| is_of(&view.image.reference) || is_of(&view.image.gpu_reference))
            .find_map(|view| view.image.pull_secret);
        let credential = match secret {
            None => None,
            Some(name) => match self.login(&name, SecretKind::Pull).await? {
                Ok(login) => Some(Login::from(login)),
                Err(_) => None,
            },
        };
        let credential = credential.filter(|login| login.registry == repository.registry());
        let (repository, begin) = (repository.clone(), begin.to_owned());
        let tags = self.blocking(move |service| {
            service.tags(&repository, &begin, credential.map(|login| login.credential))
        });
        Ok(tags.await?.unwrap_or_default())
    }
}

/// Packages of the base that is named; of the machine's distribution where that says nothing.
fn debian(base: Option<&str>) -> Packages {
    match base.and_then(|base| base.parse::<BaseSource>().ok()) {
        Some(BaseSource::Bootstrap { distribution, suite }) => Packages::Debian { distribution, suite },
        _ => Packages::Debian { distribution: None, suite: None },
    }
}

fn listed(channels: Option<&str>) -> Vec<String> {
    let all = channels.unwrap_or_default().split(',').map(str::trim);
    // The server's own files are nobody's channel.
    all.filter(|channel| !channel.is_empty() && !channel.starts_with("file:") && !channel.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

/// The name at the begin of a line of a list.
fn name_in(line: &str) -> String {
    let line = line.rsplit("::").next().unwrap_or(line).trim();
    let belongs = |letter: char| letter.is_ascii_alphanumeric() || "._-+".contains(letter);
    line[..line.find(|letter| !belongs(letter)).unwrap_or(line.len())].to_lowercase()
}

/// The length of the tag that a reference ends with, and of the colon before it.
fn tag_length(text: &str) -> usize {
    text.rfind(':').map_or(0, |colon| text.len() - colon)
}

/// The repository of a reference whose tag is being typed, and the tag so far.
fn being_tagged(text: &str) -> Option<(Reference, &str)> {
    let (repository, tag) = text.rsplit_once(':')?;
    // A colon before a slash is that of a port.
    if tag.contains('/') || !repository.contains('/') {
        return None;
    }
    Some((repository.parse().ok()?, tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_typed_behind_a_repository() {
        let typed = |text| being_tagged(text).map(|(repository, tag)| (repository.to_string(), tag));
        assert_eq!(typed("registry.example/a:3."), Some(("registry.example/a:latest".to_owned(), "3.")));
        assert_eq!(
            typed("registry.example:5000/a:"),
            Some(("registry.example:5000/a:latest".to_owned(), ""))
        );
        for text in ["registry.example:5000", "registry.example:5000/a", "a:1", ":", "A B/c:1"] {
            assert_eq!(typed(text), None, "{text}");
        }
    }

    #[test]
    fn names_stand_at_the_begin_of_lines() {
        for (line, name) in
            [("numpy>=2", "numpy"), ("conda-forge::Pandas=2", "pandas"), ("git", "git"), ("a[b]", "a")]
        {
            assert_eq!(name_in(line), name);
        }
    }
}
