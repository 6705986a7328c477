//! AES with keys of 128 bits, block by block (ECB), and only the way back: what the launchers of Enterprise Gateway encrypt with. Nothing
//! of ours is kept secret by it; it reads what a program says that we run ourselves, under a key that lives as long as that does.

/// Bytes of a block, and of a key.
const BLOCK: usize = 16;
const ROUNDS: usize = 10;
/// The remainder by which bytes are multiplied in this field.
const POLYNOMIAL: u8 = 0x1b;

/// Decrypts whole blocks; none where there is a part of one, or nothing.
pub(super) fn decrypted(bytes: &[u8], key: &[u8; BLOCK]) -> Option<Vec<u8>> {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    if blocks.is_empty() || !rest.is_empty() {
        return None;
    }
    let (there, back) = boxes();
    let keys = round_keys(key, &there);
    Some(blocks.iter().flat_map(|block| decrypted_block(*block, &keys, &back)).collect())
}

fn decrypted_block(
    mut block: [u8; BLOCK],
    keys: &[[u8; BLOCK]; ROUNDS + 1],
    back: &[u8; 256],
) -> [u8; BLOCK] {
    add(&mut block, &keys[ROUNDS]);
    for round in (0..ROUNDS).rev() {
        // Rows go to the right again, and each byte to what it was.
        let before = block;
        for (at, byte) in block.iter_mut().enumerate() {
            let (column, row) = (at / 4, at % 4);
            *byte = back[usize::from(before[(column + 4 - row) % 4 * 4 + row])];
        }
        add(&mut block, &keys[round]);
        if round > 0 {
            unmix(&mut block);
        }
    }
    block
}

fn add(block: &mut [u8; BLOCK], key: &[u8; BLOCK]) {
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
}

/// Takes back what mixed the bytes of each column.
fn unmix(block: &mut [u8; BLOCK]) {
    for column in block.as_chunks_mut::<4>().0 {
        let before = *column;
        for (row, byte) in column.iter_mut().enumerate() {
            let factors = [14, 11, 13, 9];
            let of = |number: usize| product(before[(row + number) % 4], factors[number]);
            *byte = (0..4).fold(0, |sum, number| sum ^ of(number));
        }
    }
}

fn product(mut left: u8, mut right: u8) -> u8 {
    let mut sum = 0;
    while right != 0 {
        if right & 1 != 0 {
            sum ^= left;
        }
        left = doubled(left);
        right >>= 1;
    }
    sum
}

fn doubled(byte: u8) -> u8 {
    (byte << 1) ^ if byte & 0x80 == 0 { 0 } else { POLYNOMIAL }
}

/// What each byte becomes, and what it was.
fn boxes() -> ([u8; 256], [u8; 256]) {
    let (mut there, mut back) = ([0; 256], [0; 256]);
    for byte in 0..=u8::MAX {
        let inverse = (0..=u8::MAX).find(|other| product(byte, *other) == 1).unwrap_or(0);
        let turned = (0..5).fold(0, |sum, turns| sum ^ inverse.rotate_left(turns)) ^ 0x63;
        there[usize::from(byte)] = turned;
        back[usize::from(turned)] = byte;
    }
    (there, back)
}

fn round_keys(key: &[u8; BLOCK], there: &[u8; 256]) -> [[u8; BLOCK]; ROUNDS + 1] {
    let mut keys = [*key; ROUNDS + 1];
    let mut constant = 1;
    for round in 1..=ROUNDS {
        let before = keys[round - 1];
        let mut next = before;
        for (at, byte) in next[..4].iter_mut().enumerate() {
            *byte ^= there[usize::from(before[12 + (at + 1) % 4])];
        }
        next[0] ^= constant;
        for at in 4..BLOCK {
            next[at] ^= next[at - 4];
        }
        constant = doubled(constant);
        keys[round] = next;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_has_this_example() {
        // FIPS 197, appendix C.1.
        let key: [u8; BLOCK] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let cipher =
            [0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a];
        let plain: Vec<u8> = (0..16).map(|at| at * 0x11).collect();
        assert_eq!(decrypted(&cipher, &key), Some(plain.clone()));
        assert_eq!(decrypted(&[cipher, cipher].concat(), &key), Some([plain.clone(), plain].concat()));
        assert_eq!(decrypted(&cipher[..15], &key), None);
        assert_eq!(decrypted(&[], &key), None);
    }
}
