//! Lists: tags, and what refers to a manifest.

use std::collections::HashSet;

use imagewright_oci::{Descriptor, Digest, Index, MediaType};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::{Method, header};

use super::manifests::read_bounded;
use super::{ManifestName, Repository};
use crate::RegistryError;
use crate::auth::Scopes;
use crate::endpoint::{Call, header_text};
use crate::http::Url;

/// The longest page that is read.
const LONGEST_PAGE: u64 = 16 * 1024 * 1024;
/// The most pages that are read.
const MOST_PAGES: usize = 10_000;
/// Tags asked for at once; registries may give fewer.
const PAGE: &str = "1000";

#[derive(Deserialize)]
struct Tags {
    /// Some registries write `null` for none.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Repository {
    /// All tags, in the registry's order.
    pub fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let what = format!("repository `{}`", self.shown);
        let first =
            self.patiently(|place| Ok(place.url("tags/list", &self.cancel)?.with_query(&[("n", PAGE)])))?;
        let mut all = Vec::new();
        let found = self.pages(first, &what, |page: Tags| all.extend(page.tags.unwrap_or_default()))?;
        if found { Ok(all) } else { Err(RegistryError::NotFound { what, answer: None }) }
    }

    /// The manifests that name the one with `digest` as their subject: signatures, inventories and the like.
    /// Registries without this list keep it under a tag made of the digest (distribution spec, "Referrers Tag
    /// Schema").
    pub fn referrers(&self, digest: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        let what = format!("what refers to `{}@{digest}`", self.shown);
        let first = self.patiently(|place| place.url(&format!("referrers/{digest}"), &self.cancel))?;
        let mut all = Vec::new();
        if self.pages(first, &what, |page: Index| all.extend(page.manifests))? {
            return Ok(all);
        }
        let tag = format!("{}-{}", digest.algorithm().name(), digest.hex());
        let name = ManifestName::Tag(tag.parse().expect("a digest makes a tag"));
        match self.get_manifest(&name) {
            Ok(fetched) if fetched.media_type == MediaType::Index => {
                Ok(self.parsed::<Index>(&fetched.bytes, &what)?.manifests)
            }
            Ok(_) | Err(RegistryError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Hands each page of a list over, following its links; whether there is such a list.
    fn pages<T: DeserializeOwned>(
        &self,
        first: Url,
        what: &str,
        mut take: impl FnMut(T),
    ) -> Result<bool, RegistryError> {
        let mut seen = HashSet::new();
        let mut next = Some(first);
        while let Some(url) = next {
            if !seen.insert(url.uri().clone()) || seen.len() > MOST_PAGES {
                return Err(self.own.endpoint.protocol(&format!("the pages of {what} do not end")));
            }
            let Some((page, link)) = self.page(&url, what)? else { return Ok(false) };
            take(page);
            next = link;
        }
        Ok(true)
    }

    /// A page of a list and the address of the next; `None` when there is no such list.
    fn page<T: DeserializeOwned>(
        &self,
        url: &Url,
        what: &str,
    ) -> Result<Option<(T, Option<Url>)>, RegistryError> {
        let scopes = Scopes::pull(self.name());
        self.patiently(|place| {
            let call = Call::new(Method::GET, url.clone(), &scopes, what).header(header::ACCEPT, "*/*");
            let response = place.endpoint.exchange(&call)?;
            match response.status().as_u16() {
                200 => {}
                404 => return Ok(None),
                _ => return Err(place.endpoint.refusal(response, what)),
            }
            let link =
                header_text(&response, &header::LINK).and_then(next_link).and_then(|link| url.join(link));
            let bytes = read_bounded(response, LONGEST_PAGE, what)?;
            Ok(Some((self.parsed(&bytes, what)?, link)))
        })
    }

    fn parsed<T: DeserializeOwned>(&self, bytes: &[u8], what: &str) -> Result<T, RegistryError> {
        serde_json::from_slice(bytes).map_err(|_| {
            self.own.endpoint.protocol(&format!("{what} is answered with something else than a list"))
        })
    }
}

/// The address of the next page in a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let parameter = parameter.trim().to_ascii_lowercase();
            parameter == "rel=next" || parameter == "rel=\"next\""
        });
        is_next.then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_the_link() {
        let cases = [
            ("</v2/a/tags/list?last=b&n=2>; rel=\"next\"", Some("/v2/a/tags/list?last=b&n=2")),
            ("<https://r.example/x>;rel=next", Some("https://r.example/x")),
            ("</first>; rel=\"first\", </second>; rel=\"next\"", Some("/second")),
            ("</first>; rel=\"first\"", None),
            ("nonsense", None),
            ("", None),
        ];
        for (header, expected) in cases {
            assert_eq!(next_link(header), expected, "{header}");
        }
    }
}
