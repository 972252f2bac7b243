//! Hashing of many small pieces: they are gathered, because the hash function works on several blocks at a time only
//! when it is given them together. The hash is the same as that of the pieces one by one.

use std::io::{self, Write};

/// So much is gathered before it is hashed.
const ROOM: usize = 64 * 1024;

/// A hasher that is fed with small pieces.
pub(super) struct Gathering {
    hasher: blake3::Hasher,
    gathered: Vec<u8>,
}

impl Gathering {
    pub fn new() -> Self {
        Gathering {
            hasher: blake3::Hasher::new(),
            gathered: Vec::with_capacity(ROOM),
        }
    }

    /// The next piece.
    pub fn update(&mut self, piece: &[u8]) -> &mut Self {
        if self.gathered.len() + piece.len() > ROOM {
            self.hasher.update(&self.gathered);
            self.gathered.clear();
        }
        if piece.len() > ROOM {
            self.hasher.update(piece);
        } else {
            self.gathered.extend_from_slice(piece);
        }
        self
    }

    /// The hash of all pieces.
    pub fn finalize(mut self) -> blake3::Hash {
        self.hasher.update(&self.gathered);
        self.hasher.finalize()
    }
}

impl Write for Gathering {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.update(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathered_pieces_hash_as_the_whole() {
        let pieces: Vec<Vec<u8>> = [0, 1, 7, ROOM - 3, 3, ROOM, ROOM + 1, 5]
            .into_iter()
            .map(|length| (0..length).map(|at| (at % 251) as u8).collect())
            .collect();
        let mut gathering = Gathering::new();
        for piece in &pieces {
            gathering.update(piece);
        }
        assert_eq!(gathering.finalize(), blake3::hash(&pieces.concat()));
    }
}
