//! The secret of an INSECURE DEVELOPMENT KEY, which is none: it follows from a public seed. Whoever has the seed can forge proofs.

use crate::curve::Fr;
use ark_ff::{AdditiveGroup, Field, PrimeField};
use sha2::{Digest, Sha256};

/// The bytes of a seed.
pub const SEED_BYTES: usize = 32;

const DOMAIN: &[u8] = b"karmesh/insecure-development-key/v1";

/// What a production key's ceremony destroys. Gamma is 1.
pub struct Trapdoor {
    pub tau: Fr,
    pub alpha: Fr,
    pub beta: Fr,
    pub delta: Fr,
}

impl Trapdoor {
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        Self {
            tau: element(seed, b"tau"),
            alpha: element(seed, b"alpha"),
            beta: element(seed, b"beta"),
            delta: element(seed, b"delta"),
        }
    }
}

/// The first element other than 0 and 1, so that delta is never gamma: two SHA-256 digests over domain, name, seed and a counter,
/// read as one little-endian integer modulo the field's.
fn element(seed: &[u8; SEED_BYTES], name: &[u8]) -> Fr {
    let mut counter = 0u32;
    loop {
        let mut bytes = [0; 64];
        for half in bytes.chunks_mut(32) {
            let digest = Sha256::new()
                .chain_update((DOMAIN.len() as u32).to_le_bytes())
                .chain_update(DOMAIN)
                .chain_update((name.len() as u32).to_le_bytes())
                .chain_update(name)
                .chain_update(seed)
                .chain_update(counter.to_le_bytes())
                .finalize();
            half.copy_from_slice(&digest);
            counter += 1;
        }
        let element = Fr::from_le_bytes_mod_order(&bytes);
        if element != Fr::ZERO && element != Fr::ONE {
            return element;
        }
    }
}
