//! Same bytes on any number of threads, and errors that come back instead of hanging.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use imagewright_layer::{
    ChunkMemory, Compression, LayerDigests, LayerEncoder, LayerWriter, StoredChunk, decompress,
};
use imagewright_oci::Digest;

use crate::support::{Drip, FullDisk, data, file};

const MIB: usize = 1024 * 1024;
const COMPRESSIONS: [Compression; 6] = [
    Compression::None,
    Compression::Gzip { level: 1 },
    Compression::Gzip { level: 6 },
    Compression::Gzip { level: 12 },
    Compression::Zstd { level: 1 },
    Compression::Zstd { level: 3 },
];

fn encode(bytes: &[u8], compression: Compression, threads: usize, cut: usize) -> (Vec<u8>, LayerDigests) {
    let mut encoder = LayerEncoder::new(Vec::new(), compression, threads);
    for part in bytes.chunks(cut) {
        encoder.write_all(part).unwrap();
    }
    encoder.finish().unwrap()
}

fn decode(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    decompress(reader)?.read_to_end(&mut plain)?;
    Ok(plain)
}

/// Remembers what it is told, and how often it was asked for something that it knew.
#[derive(Default)]
struct Memory {
    known: HashMap<Digest, Vec<u8>>,
    recalled: AtomicUsize,
}

impl ChunkMemory for Memory {
    fn recall(&self, plain: &Digest) -> Option<Vec<u8>> {
        let known = self.known.get(plain)?;
        self.recalled.fetch_add(1, Ordering::Relaxed);
        Some(known.clone())
    }
}

fn encode_entries(
    files: &[(String, Vec<u8>)],
    compression: Compression,
    memory: &Arc<dyn ChunkMemory>,
) -> (Vec<u8>, LayerDigests, Vec<StoredChunk>) {
    let mut writer = LayerWriter::new(LayerEncoder::with_memory(Vec::new(), compression, 3, memory));
    for (name, body) in files {
        let entry = file(name, body.len());
        writer.get_mut().announce(&entry).unwrap();
        writer.append(&entry, &mut body.as_slice()).unwrap();
    }
    writer.finish().unwrap().finish_with_chunks().unwrap()
}

#[test]
fn chunks_that_are_known_are_taken_as_they_are() {
    let mut files: Vec<(String, Vec<u8>)> =
        (0..300).map(|number| (format!("usr/{number:03}"), data(20_000, number))).collect();
    files.push(("usr/large".to_owned(), data(5 * MIB, 1)));
    files.push(("usr/small".to_owned(), data(100, 1)));
    let nothing: Arc<dyn ChunkMemory> = Arc::new(Memory::default());
    for compression in [Compression::Gzip { level: 1 }, Compression::Zstd { level: 1 }] {
        let (bytes, digests, chunks) = encode_entries(&files, compression, &nothing);
        assert_eq!(digests.diff_id.digest(), &Digest::of(&decode(bytes.as_slice()).unwrap()));
        let mut known = HashMap::new();
        for (number, chunk) in chunks.iter().enumerate() {
            let (start, end) = (chunk.offset as usize, (chunk.offset + chunk.length) as usize);
            let stored = &bytes[start..end];
            assert_eq!(chunk.stored, Digest::of(stored));
            assert_eq!(chunk.plain, Digest::of(&decode(stored).unwrap()), "a chunk stands for itself");
            assert_eq!(chunks.get(number + 1).map_or(bytes.len(), |next| next.offset as usize), end);
            known.insert(chunk.plain.clone(), stored.to_vec());
        }
        let memory = Arc::new(Memory { known, ..Memory::default() });
        let memory_of: Arc<dyn ChunkMemory> = memory.clone();
        assert_eq!(encode_entries(&files, compression, &memory_of).0, bytes);
        assert_eq!(memory.recalled.swap(0, Ordering::Relaxed), chunks.len());

        let mut more = files.clone();
        more.insert(150, ("usr/149-and-more".to_owned(), data(9_000, 5)));
        let (with_more, digests, _) = encode_entries(&more, compression, &memory_of);
        let recalled = memory.recalled.load(Ordering::Relaxed);
        assert!(
            recalled + 3 >= chunks.len() && recalled < chunks.len() + 1,
            "{recalled} of {}",
            chunks.len()
        );
        assert_eq!(digests.diff_id.digest(), &Digest::of(&decode(with_more.as_slice()).unwrap()));
        assert_eq!(encode_entries(&more, compression, &nothing).0, with_more);
    }
}

#[test]
fn bytes_depend_on_neither_threads_nor_cuts() {
    for length in [0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB + 7] {
        let plain = data(length, 7);
        for compression in COMPRESSIONS {
            // Level 12 is slow without adding a case.
            if compression == (Compression::Gzip { level: 12 }) && length > MIB + 1 {
                continue;
            }
            let (bytes, digests) = encode(&plain, compression, 1, usize::MAX);
            for (threads, cut) in [(0, 4096), (2, 3 * MIB + 1), (5, 65_537)] {
                let (again, same) = encode(&plain, compression, threads, cut);
                assert!(again == bytes, "{compression} of {length} bytes on {threads} threads");
                assert_eq!(same, digests);
            }
            assert!(decode(bytes.as_slice()).unwrap() == plain, "{compression} of {length} bytes");
            assert_eq!(digests.digest, Digest::of(&bytes));
            assert_eq!(digests.size, bytes.len() as u64);
            assert_eq!(digests.diff_id.digest(), &Digest::of(&plain));
            assert_eq!(digests.uncompressed_size, length as u64);
            assert_eq!(digests.descriptor().media_type, compression.media_type());
        }
    }
}

#[test]
fn an_empty_stream_is_one_member_all_the_same() {
    let (gzip, _) = encode(b"", Compression::default(), 2, 1);
    assert_eq!(gzip[..2], [0x1f, 0x8b]);
    let (zstd, _) = encode(b"", Compression::Zstd { level: 3 }, 2, 1);
    assert_eq!(zstd[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    assert!(encode(b"", Compression::None, 2, 1).0.is_empty());
}

#[test]
fn gzip_headers_have_neither_name_nor_time_nor_system() {
    let (bytes, _) = encode(&data(100, 1), Compression::default(), 1, 100);
    assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
}

#[test]
fn a_full_disk_comes_back_as_such_and_leaves_no_thread() {
    let plain = data(24 * MIB, 3);
    for room in [0, 1, 10, 2 * MIB] {
        for threads in [1, 2, 5] {
            let disk = FullDisk::with_room(room);
            let alive = disk.alive();
            let mut encoder = LayerEncoder::new(disk, Compression::Gzip { level: 1 }, threads);
            let error = match encoder.write_all(&plain) {
                Err(error) => {
                    assert!(encoder.write_all(&plain).is_err(), "it stays broken");
                    assert!(encoder.finish().is_err());
                    error
                }
                Ok(()) => encoder.finish().map(|_| ()).unwrap_err(),
            };
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "room {room}, threads {threads}");
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    }
}

#[test]
fn a_short_stream_fails_at_the_end() {
    let disk = FullDisk::with_room(5);
    let mut encoder = LayerEncoder::new(disk, Compression::default(), 2);
    encoder.write_all(b"fits into one chunk").unwrap();
    assert_eq!(encoder.finish().map(|_| ()).unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn dropped_unfinished_it_leaves_no_thread() {
    let disk = FullDisk::with_room(usize::MAX);
    let alive = disk.alive();
    let mut encoder = LayerEncoder::new(disk, Compression::default(), 5);
    encoder.write_all(&data(7 * MIB, 5)).unwrap();
    drop(encoder);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn levels_that_do_not_exist_are_errors() {
    let encoder = LayerEncoder::new(Vec::new(), Compression::Gzip { level: 13 }, 1);
    assert_eq!(encoder.finish().unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn concatenated_and_foreign_streams_are_read_to_the_end() {
    let plain = data(3000, 9);
    for compression in COMPRESSIONS {
        let (one, _) = encode(&plain, compression, 1, 3000);
        let twice = [one.as_slice(), &one].concat();
        assert_eq!(decode(Drip(twice.as_slice())).unwrap(), [plain.as_slice(), &plain].concat());
    }
    // A skippable frame in front, as tables of contents of zstd layers are.
    let (frame, _) = encode(&plain, Compression::Zstd { level: 3 }, 1, 3000);
    let skippable = [&[0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'a', b'b', b'c'][..], &frame].concat();
    assert_eq!(decode(skippable.as_slice()).unwrap(), plain);
}

#[test]
fn broken_streams_are_errors() {
    let plain = data(3000, 9);
    for compression in [Compression::default(), Compression::Zstd { level: 3 }] {
        let (whole, _) = encode(&plain, compression, 1, 3000);
        for kept in [whole.len() - 1, whole.len() / 2, 5] {
            assert!(decode(&whole[..kept]).is_err(), "{compression} cut to {kept}");
        }
        for garbage in [&b"g"[..], b"\0\0\0\0", b"\x1f\x8b", &[b'x'; 600]] {
            let longer = [whole.as_slice(), garbage].concat();
            assert!(decode(longer.as_slice()).is_err(), "{compression} with {garbage:?}");
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x10;
        assert!(decode(flipped.as_slice()).map_or(true, |read| read != plain), "{compression}");
    }
    for (magic, name) in [(&b"\xfd7zXZ\0rest"[..], "xz"), (b"BZh91AY", "bzip2")] {
        let error = decode(magic).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}
