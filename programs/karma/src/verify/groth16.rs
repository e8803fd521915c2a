//! Groth16 over BN254 (Groth, "On the Size of Pairing-based Non-interactive Arguments", 2016/260; docs/proofs.md, Z-20 to Z-23).
use super::bn254::{
    add, decompress_g1, decompress_g2, has_coordinates, is_signal, multiply, negate, pair_to_one, G1, G1_BYTES,
    G2_BYTES,
};
use crate::{
    error::{require, KarmaError},
    state::Key,
};
use pinocchio::error::ProgramError;

/// Attention, the operator with the most, has six.
pub const MAX_SIGNALS: usize = 8;

const BETA: usize = G1_BYTES;
const GAMMA: usize = BETA + G2_BYTES;
const DELTA: usize = GAMMA + G2_BYTES;
const INPUTS: usize = DELTA + G2_BYTES;

/// alpha, beta, gamma, delta, the constant's point and one for each signal.
pub const MAX_KEY_BYTES: usize = INPUTS + (MAX_SIGNALS + 1) * G1_BYTES;

/// Bytes of the key of so many signals.
#[inline(always)]
pub fn key_bytes(signals: usize) -> usize {
    INPUTS.wrapping_add((signals + 1).wrapping_mul(G1_BYTES))
}

/// A verifying key as an instruction carries it, of half the bytes.
pub struct CompressedKey<'a> {
    pub alpha: &'a [u8; 32],
    pub beta: &'a [u8; 64],
    pub gamma: &'a [u8; 64],
    pub delta: &'a [u8; 64],
    /// The constant's point, then each signal's.
    pub inputs: &'a [[u8; 32]],
}

/// Z-20: writes the key's points to the beginning of `out` and returns how many signals it has. `BadKey` unless there are 1 to
/// `MAX_SIGNALS`, every point is on its curve, in its group and not zero, and gamma is not delta.
#[inline(never)]
pub fn decompress(key: &CompressedKey, out: &mut [u8; MAX_KEY_BYTES]) -> Result<usize, ProgramError> {
    let count = key.inputs.len();
    require((2..=MAX_SIGNALS + 1).contains(&count), KarmaError::BadKey)?;
    write_g1(key.alpha, &mut out[..BETA])?;
    write_g2(key.beta, &mut out[BETA..GAMMA])?;
    write_g2(key.gamma, &mut out[GAMMA..DELTA])?;
    write_g2(key.delta, &mut out[DELTA..INPUTS])?;
    for (point, to) in key.inputs.iter().zip(out[INPUTS..].chunks_exact_mut(G1_BYTES)) {
        write_g1(point, to)?;
    }
    require(out[GAMMA..DELTA] != out[DELTA..INPUTS], KarmaError::BadKey)?;
    // The pairing of zero with any point of the group is one; of a point outside of it there is none.
    let mut pairs = [[0u8; G1_BYTES + G2_BYTES]; 3];
    for (pair, point) in pairs.iter_mut().zip(out[BETA..INPUTS].chunks_exact(G2_BYTES)) {
        pair[G1_BYTES..].copy_from_slice(point);
    }
    require(pair_to_one(&pairs) == Some(true), KarmaError::BadKey)?;
    Ok(count - 1)
}

#[inline(never)]
fn write_g1(point: &[u8; 32], to: &mut [u8]) -> Result<(), ProgramError> {
    let point = decompress_g1(point).ok_or(KarmaError::BadKey)?;
    require(point != [0; G1_BYTES], KarmaError::BadKey)?;
    to.copy_from_slice(&point);
    Ok(())
}

#[inline(never)]
fn write_g2(point: &[u8; 64], to: &mut [u8]) -> Result<(), ProgramError> {
    let point = decompress_g2(point).ok_or(KarmaError::BadKey)?;
    require(point != [0; G2_BYTES], KarmaError::BadKey)?;
    to.copy_from_slice(&point);
    Ok(())
}

/// A proof and what it is to prove.
pub struct Statement<'a> {
    /// As `decompress` left it.
    pub key: &'a [u8; MAX_KEY_BYTES],
    /// As many as the key has, big-endian.
    pub signals: &'a [Key],
    /// A, B and C.
    pub proof: &'a [u8; 256],
}

/// Z-21: `SignalRange` unless every signal is below the field's order.
#[inline(always)]
pub fn require_signals(signals: &[Key]) -> Result<(), ProgramError> {
    require(signals.iter().all(is_signal), KarmaError::SignalRange)
}

/// Z-22: `BadPoint` unless coordinates are of their field, A and C on the curve and B in its group. Z-23: `BadProof` unless
/// `e(A, B) = e(alpha, beta) e(inputs, gamma) e(C, delta)`. Signals must be as many as the key's and have passed `require_signals`.
#[inline(never)]
pub fn verify(statement: &Statement) -> Result<(), ProgramError> {
    let Statement { key, signals, proof } = statement;
    require(has_coordinates(*proof), KarmaError::BadPoint)?; // Z-22
    let inputs = combine(&key[INPUTS..], signals)?;
    let (a, rest) = proof.split_first_chunk::<G1_BYTES>().ok_or(KarmaError::BadPoint)?;
    let (b, c) = rest.split_first_chunk::<G2_BYTES>().ok_or(KarmaError::BadPoint)?;
    let mut pairs = [[0u8; G1_BYTES + G2_BYTES]; 4];
    put(&mut pairs[0], &negate(a), b);
    put(&mut pairs[1], &key[..BETA], &key[BETA..GAMMA]);
    put(&mut pairs[2], &inputs, &key[GAMMA..DELTA]);
    put(&mut pairs[3], c, &key[DELTA..INPUTS]);
    // The key's points are known to be good, so a bad one is the proof's.
    let holds = pair_to_one(&pairs).ok_or(KarmaError::BadPoint)?; // Z-22
    require(holds, KarmaError::BadProof) // Z-23
}

#[inline(always)]
fn put(pair: &mut [u8; G1_BYTES + G2_BYTES], g1: &[u8], g2: &[u8]) {
    pair[..G1_BYTES].copy_from_slice(g1);
    pair[G1_BYTES..].copy_from_slice(g2);
}

/// The constant's point plus each signal's times the signal.
#[inline(never)]
fn combine(points: &[u8], signals: &[Key]) -> Result<G1, ProgramError> {
    let (points, _) = points.as_chunks::<G1_BYTES>();
    let (constant, points) = points.split_first().ok_or(KarmaError::BadKey)?;
    let mut sum = *constant;
    for (point, signal) in points.iter().zip(signals) {
        let product = multiply(point, signal).ok_or(KarmaError::BadKey)?;
        sum = add(&sum, &product).ok_or(KarmaError::BadKey)?;
    }
    Ok(sum)
}
