//! Pushes in pieces: blobs, manifests, tags.

use imagewright_oci::Digest;
use imagewright_testkit::random::Random;
use serde_json::json;

use super::{Session, Work};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Bytes of a piece, and how many make a layer.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 4;
/// Tags go round, so that some are moved.
const TAGS: u64 = 7;

/// An image that was pushed.
#[derive(Clone, PartialEq, Eq)]
struct Pushed {
    manifest: Vec<u8>,
    blobs: Vec<String>,
}

/// Images are pushed to one repository.
pub(super) struct Pushes {
    random: Random,
    count: u64,
    /// What each tag stands for.
    tags: Vec<Option<Pushed>>,
    /// A tag that was being set.
    tagging: Option<(usize, Pushed)>,
    /// A tag that was being removed.
    removing: Option<usize>,
    /// How many were removed, as far as that was acknowledged.
    removed: usize,
    /// An upload, and how much of it was acknowledged.
    upload: Option<(String, usize)>,
}

impl Pushes {
    pub(super) fn new(seed: u64) -> Self {
        let tags = vec![None; usize::try_from(TAGS).unwrap()];
        Self {
            random: Random::of(seed),
            count: 0,
            tags,
            tagging: None,
            removing: None,
            removed: 0,
            upload: None,
        }
    }

    /// Sends a blob in pieces.
    fn push_blob(&mut self, session: &Session<'_>, bytes: &[u8]) -> Option<String> {
        let begun = session.send("POST", "/v2/storm/pushed/blobs/uploads/", &[], b"")?;
        begun.is(202);
        let mut location = begun.header("location").to_owned();
        let mut sent = 0;
        for piece in bytes.chunks(PIECE) {
            self.upload = Some((location.clone(), sent));
            let range = format!("{sent}-{}", sent + piece.len() - 1);
            let answer = session.send("PATCH", &location, &[("content-range", &range)], piece)?;
            answer.is(202);
            location = answer.header("location").to_owned();
            sent += piece.len();
            self.upload = Some((location.clone(), sent));
        }
        let digest = Digest::of(bytes).to_string();
        let joint = if location.contains('?') { '&' } else { '?' };
        // Once the end is asked for, the upload may be gone.
        self.upload = None;
        session.send("PUT", &format!("{location}{joint}digest={digest}"), &[], b"")?.is(201);
        Some(digest)
    }

    fn whole(session: &Session<'_>, pushed: &Pushed) {
        for digest in &pushed.blobs {
            let blob = session.get(&format!("/v2/storm/pushed/blobs/{digest}")).unwrap();
            assert_eq!((blob.status, &Digest::of(&blob.body).to_string()), (200, digest));
        }
    }
}

impl Work for Pushes {
    fn step(&mut self, session: &Session<'_>) -> Option<()> {
        self.count += 1;
        let layer: Vec<u8> =
            (0..PIECE * PIECES / 8).flat_map(|_| self.random.number().to_le_bytes()).collect();
        let layer_digest = self.push_blob(session, &layer)?;
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        });
        let config = config.to_string();
        let config_digest = self.push_blob(session, config.as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest,
                "size": config.len(),
            },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest, "size": layer.len(),
            }],
        });
        let manifest = manifest.to_string().into_bytes();
        let pushed = Pushed { manifest, blobs: vec![layer_digest, config_digest] };
        let tag = usize::try_from(self.count % TAGS).unwrap();
        self.tagging = Some((tag, pushed.clone()));
        let path = format!("/v2/storm/pushed/manifests/t{tag}");
        session.send("PUT", &path, &[("content-type", MANIFEST)], &pushed.manifest)?.is(201);
        self.tagging = None;
        self.tags[tag] = Some(pushed);
        if self.count.is_multiple_of(3) {
            self.removing = Some(tag);
            session.send("DELETE", &path, &[], b"")?.is(202);
            self.removing = None;
            self.tags[tag] = None;
            self.removed += 1;
        }
        Some(())
    }

    fn check(&mut self, session: &Session<'_>) {
        if let Some((location, acknowledged)) = self.upload.take() {
            let upload = session.get(&location).unwrap();
            assert_eq!(upload.status, 204, "an upload is gone of which {acknowledged} bytes were taken");
            let last: usize = upload.header("range").split_once('-').unwrap().1.parse().unwrap();
            assert!(acknowledged == 0 || last + 1 >= acknowledged, "{last} of {acknowledged}");
            session.send("DELETE", &location, &[], b"").unwrap();
        }
        if let Some(tag) = self.removing.take() {
            let path = format!("/v2/storm/pushed/manifests/t{tag}");
            let removed = session.send("DELETE", &path, &[], b"").unwrap();
            assert!(matches!(removed.status, 202 | 404), "{}", removed.status);
            self.tags[tag] = None;
            self.removed += 1;
        }
        let tagging = self.tagging.take();
        for (tag, known) in self.tags.iter_mut().enumerate() {
            let found = session.get(&format!("/v2/storm/pushed/manifests/t{tag}")).unwrap();
            let new = tagging.as_ref().filter(|(tagging, _)| *tagging == tag).map(|(_, pushed)| pushed);
            match (found.status, new) {
                (200, Some(new)) if found.body == new.manifest => *known = Some(new.clone()),
                (200, _) => assert!(
                    known.as_ref().is_some_and(|known| known.manifest == found.body),
                    "t{tag} is something else"
                ),
                (404, _) => assert!(known.is_none(), "t{tag} is gone"),
                (status, _) => panic!("t{tag}: {status}"),
            }
            if let (Some(known), Some(_)) = (&known, new) {
                Self::whole(session, known);
            }
        }
    }

    fn finish(&mut self, session: &Session<'_>) {
        self.tags.iter().flatten().for_each(|pushed| Self::whole(session, pushed));
        if self.tags.iter().any(Option::is_some) {
            let images = session.get("/api/v1/images?search=storm").unwrap().is(200);
            assert_eq!(images["items"].as_array().unwrap().len(), 1, "{images}");
            // What is gone is in the trail; twice where the first try was cut off.
            let mut noted = 0;
            let mut cursor = String::new();
            loop {
                let path = format!("/api/v1/audit?action=image.untagged&limit=500{cursor}");
                let page = session.get(&path).unwrap().is(200);
                noted += page["items"].as_array().unwrap().len();
                let Some(next) = page["next"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert!(noted >= self.removed, "{noted} of {} are in the trail", self.removed);
        }
    }

    fn tally(&self) -> String {
        format!("{} pushes", self.count)
    }
}
