//! Stored layers against what their image says.

use std::io::Write;

use imagewright_layer::{Compression, LayerEncoder, LayerError, verify_layer};
use imagewright_oci::{Descriptor, DiffId, Digest};

use crate::support::data;

fn layer(plain: &[u8], compression: Compression) -> (Vec<u8>, Descriptor, DiffId) {
    let mut encoder = LayerEncoder::new(Vec::new(), compression, 2);
    encoder.write_all(plain).unwrap();
    let (bytes, digests) = encoder.finish().unwrap();
    (bytes, digests.descriptor(), digests.diff_id)
}

#[test]
fn a_layer_that_is_what_it_should_be() {
    let plain = data(5000, 1);
    for compression in [Compression::None, Compression::default(), Compression::Zstd { level: 3 }] {
        let (bytes, descriptor, diff_id) = layer(&plain, compression);
        let digests = verify_layer(bytes.as_slice(), &descriptor, &diff_id).unwrap();
        assert_eq!(digests.descriptor(), descriptor);
        assert_eq!((digests.diff_id, digests.uncompressed_size), (diff_id, 5000));
    }
}

#[test]
fn other_bytes_are_named_for_what_differs() {
    let (bytes, descriptor, diff_id) = layer(&data(5000, 1), Compression::default());

    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    let error = verify_layer(flipped.as_slice(), &descriptor, &diff_id).unwrap_err();
    assert!(matches!(error, LayerError::Digest { .. }), "{error}");

    let size = bytes.len() as u64;
    for other in [&bytes[..bytes.len() - 1], &[bytes.as_slice(), b"x"].concat()] {
        let error = verify_layer(other, &descriptor, &diff_id).unwrap_err();
        assert!(matches!(error, LayerError::Size { expected, .. } if expected == size), "{error}");
    }

    let other = DiffId::new(Digest::of(b"other"));
    let error = verify_layer(bytes.as_slice(), &descriptor, &other).unwrap_err();
    assert!(matches!(error, LayerError::DiffId { .. }), "{error}");

    let broken = &bytes[..bytes.len() - 4];
    let honest = Descriptor::of(descriptor.media_type, broken);
    let error = verify_layer(broken, &honest, &diff_id).unwrap_err();
    assert!(matches!(error, LayerError::Read { .. }), "{error}");
}
