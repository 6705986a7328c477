//! Bundles as they travel: read back as they were written, and refused where a bit is another.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use std::io::Cursor;

use imagewright_facts::{Bundle, BundleError, BundleWriter, Fact, Head, Line, Place, PrivateKey, PublicKey};
use imagewright_model::Secret;
use imagewright_oci::Digest;
use serde_json::value::RawValue;

/// A key that is the same in every run; `number` tells it from others.
fn key(number: u8) -> PrivateKey {
    use base64::Engine as _;
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let text = base64::engine::general_purpose::STANDARD.encode([&head[..], &[number; 32]].concat());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    PrivateKey::parse(&Secret::new(pem)).unwrap()
}

fn fact(number: u64) -> Fact {
    let value = RawValue::from_string(format!("{{\"number\":{number}}}")).unwrap();
    Fact { kind: "test".to_owned(), key: Digest::of(&number.to_le_bytes()), value }
}

fn place() -> Place {
    let at = [
        "registry.example/team/a:1",
        "mirror.example:5000/b@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ];
    Place { layer: Digest::of(b"layer"), at: at.map(|place| place.parse().unwrap()).to_vec() }
}

fn written(facts: u64, key: Option<&PrivateKey>) -> Vec<u8> {
    let mut writer = BundleWriter::new(Cursor::new(Vec::new())).unwrap();
    writer.place(place()).unwrap();
    (0..facts).for_each(|number| writer.fact(fact(number)).unwrap());
    let mut out = Vec::new();
    let summary = writer.finish(key, &mut out).unwrap();
    assert_eq!((summary.facts, summary.places), (facts, 1));
    out
}

fn read(
    bytes: &[u8],
    check: impl FnOnce(&Head) -> Result<(), BundleError>,
) -> Result<Vec<Line>, BundleError> {
    let mut bundle = Bundle::open(&mut &*bytes, Cursor::new(Vec::new()), check)?;
    bundle.lines()?.collect()
}

fn trusting(keys: &[PublicKey]) -> impl FnOnce(&Head) -> Result<(), BundleError> + '_ {
    |head| head.check_trust(keys)
}

#[test]
fn what_was_written_is_read() {
    let key = key(1);
    let lines = read(&written(500, Some(&key)), trusting(&[key.public()])).unwrap();
    assert_eq!(lines.len(), 501);
    let Line::Place(found) = &lines[0] else { panic!("the place comes first") };
    assert_eq!(found, &place());
    for (number, line) in (0..).zip(&lines[1..]) {
        let Line::Fact(found) = line else { panic!("facts follow") };
        let expected = fact(number);
        assert_eq!(
            (&found.kind, &found.key, found.value.get()),
            (&expected.kind, &expected.key, expected.value.get())
        );
    }
}

#[test]
fn lines_can_be_read_again() {
    let bytes = written(3, None);
    let mut bundle = Bundle::open(&mut &*bytes, Cursor::new(Vec::new()), |_| Ok(())).unwrap();
    for _ in 0..2 {
        assert_eq!(bundle.lines().unwrap().filter(Result::is_ok).count(), 4);
    }
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    assert_eq!(written(50, Some(&key(1))), written(50, Some(&key(1))));
    assert_ne!(written(50, Some(&key(1))), written(50, Some(&key(2))));
    assert_ne!(written(50, Some(&key(1))), written(51, Some(&key(1))));
}

/// With and without a signature: without one the digest of the body still holds, which only honest damage respects.
#[test]
fn one_flipped_bit_anywhere_is_found() {
    let key = key(1);
    let bytes = written(5, Some(&key));
    for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut other = bytes.clone();
        other[at] ^= 1 << bit;
        let read = read(&other, trusting(&[key.public()]));
        assert!(read.is_err(), "bit {bit} of byte {at}, {:?}", char::from(bytes[at]));
    }
    let bytes = written(5, None);
    let body = bytes.len() - 20;
    for (at, bit) in (body..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut other = bytes.clone();
        other[at] ^= 1 << bit;
        assert!(matches!(read(&other, |_| Ok(())), Err(BundleError::Damaged)), "bit {bit} of byte {at}");
    }
}

#[test]
fn what_is_cut_short_or_goes_on_is_refused() {
    let key = key(1);
    let bytes = written(5, Some(&key));
    for length in 0..bytes.len() {
        assert!(
            read(&bytes[..length], trusting(&[key.public()])).is_err(),
            "{length} bytes of {}",
            bytes.len()
        );
    }
    for more in [&b"\0"[..], b"\n", &bytes] {
        let longer = [&bytes[..], more].concat();
        assert!(matches!(read(&longer, trusting(&[key.public()])), Err(BundleError::Damaged)));
    }
}

#[test]
fn only_trusted_keys_count() {
    let (right, other) = (key(1), key(2));
    let signed = written(5, Some(&right));
    let refused = |keys: &[PublicKey]| read(&signed, trusting(keys)).unwrap_err();
    assert!(matches!(refused(&[]), BundleError::UnknownKey { .. }));
    assert!(matches!(refused(&[other.public()]), BundleError::UnknownKey { key } if key == right.public()));
    assert!(read(&signed, trusting(&[other.public(), right.public()])).is_ok());
    let unsigned = read(&written(5, None), trusting(&[right.public()])).unwrap_err();
    assert!(matches!(unsigned, BundleError::Unsigned));
}

/// Takes the line with the signature from one bundle and puts it into another.
fn with_signature_of(bundle: &[u8], other: &[u8]) -> Vec<u8> {
    let lines = |bytes: &[u8]| bytes.splitn(4, |byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (mut parts, signature) = (lines(bundle), lines(other).swap_remove(2));
    parts[2] = signature;
    parts.join(&b'\n')
}

#[test]
fn a_signature_does_not_fit_another_bundle_key_or_version() {
    let key = key(1);
    let check = |bytes: &[u8]| read(bytes, trusting(&[key.public()])).unwrap_err();
    let (one, other) = (written(5, Some(&key)), written(6, Some(&key)));
    assert!(matches!(check(&with_signature_of(&one, &other)), BundleError::BadSignature { .. }));
    // Somebody else's signature under a trusted name.
    let theirs = written(5, Some(&self::key(2)));
    let text = String::from_utf8_lossy(&theirs).into_owned();
    let line = text.lines().nth(2).unwrap().to_owned();
    let claimed = line.replace(&self::key(2).public().to_string(), &key.public().to_string());
    let at = theirs.windows(line.len()).position(|window| window == line.as_bytes()).unwrap();
    let mut forged = theirs.clone();
    forged.splice(at..at + line.len(), claimed.into_bytes());
    assert!(matches!(check(&forged), BundleError::BadSignature { .. }));
    // The same under another version's name, which must not pass whoever signed it.
    for version in ["0", "2", "01", "1 ", "1.0"] {
        let replayed =
            [format!("imagewright facts {version}").as_bytes(), &one["imagewright facts 1".len()..]].concat();
        assert!(matches!(check(&replayed), BundleError::Version { version: said } if said == version));
    }
}

#[test]
fn what_is_no_bundle_is_said_to_be_none() {
    for bytes in [&b""[..], b"PK\x03\x04", b"imagewright facts", &[0; 10_000], &[b'a'; 10_000]] {
        assert!(matches!(read(bytes, |_| Ok(())), Err(BundleError::NotABundle)));
    }
    for text in ["imagewright facts 1\n", "imagewright facts 1\n{}\n\n", "imagewright facts 1\nnull\n\n"] {
        assert!(matches!(read(text.as_bytes(), |_| Ok(())), Err(BundleError::MalformedHead)), "{text}");
    }
}

/// A bundle around a body of any kind, as somebody would make it who means no good.
fn around(body: &[u8], facts: u64, plain: u64) -> Vec<u8> {
    let digest = Digest::of(body);
    let summary = format!(
        "{{\"facts\":{facts},\"places\":0,\"plain\":{plain},\"size\":{},\"digest\":\"{digest}\"}}",
        body.len()
    );
    [format!("imagewright facts 1\n{summary}\n\n").as_bytes(), body].concat()
}

fn compressed(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).unwrap()
}

#[test]
fn a_body_that_is_not_what_it_says_is_refused() {
    let line = format!("{}\n", serde_json::to_string(&Line::Fact(fact(1))).unwrap());
    let lines = |count: usize| line.repeat(count).into_bytes();
    let length = line.len() as u64;
    let good = around(&compressed(&lines(2)), 2, 2 * length);
    assert_eq!(read(&good, |_| Ok(())).unwrap().len(), 2);
    let two_frames = [compressed(&lines(1)), compressed(&lines(1))].concat();
    let cases = [
        ("fewer facts", around(&compressed(&lines(1)), 2, length)),
        ("more facts", around(&compressed(&lines(3)), 2, 3 * length)),
        ("more bytes than it says", around(&compressed(&lines(3)), 2, 2 * length)),
        ("fewer bytes than it says", around(&compressed(&lines(2)), 2, 3 * length)),
        ("a line without an end", around(&compressed(&lines(2)[..line.len() * 2 - 1]), 2, 2 * length - 1)),
        ("two frames", around(&two_frames, 2, 2 * length)),
        ("no frame", around(&lines(2), 2, 2 * length)),
        ("no JSON", around(&compressed(b"fact\n"), 1, 5)),
        (
            "a field too many",
            around(&compressed(b"{\"place\":{\"layer\":\"sha256:0\",\"at\":[],\"x\":1}}\n"), 1, 47),
        ),
    ];
    for (what, bytes) in cases {
        assert!(read(&bytes, |_| Ok(())).is_err(), "{what}");
    }
}

#[test]
fn a_place_behind_a_fact_is_refused() {
    let text =
        [Line::Fact(fact(1)), Line::Place(place())].map(|line| serde_json::to_string(&line).unwrap() + "\n");
    let text = text.concat();
    let bytes = around(&compressed(text.as_bytes()), 1, text.len() as u64);
    assert!(matches!(read(&bytes, |_| Ok(())), Err(BundleError::WrongCount)));
}

/// A few kilobytes that inflate to more than any bundle: reading ends where the head says.
#[test]
fn a_bomb_is_read_no_further_than_it_says() {
    let bomb = compressed(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 10_000);
    let bytes = around(&bomb, 1, 100);
    assert!(matches!(read(&bytes, |_| Ok(())), Err(BundleError::WrongCount)));
    let bytes = around(&bomb, 1, 64 << 20);
    assert!(matches!(read(&bytes, |_| Ok(())), Err(BundleError::TooLarge { .. })));
    let many = around(b"", u64::MAX, 1);
    assert!(matches!(read(&many, |_| Ok(())), Err(BundleError::TooMany { .. })));
    let huge = around(b"", 1, 1 << 60);
    assert!(matches!(read(&huge, |_| Ok(())), Err(BundleError::TooLarge { .. })));
}
