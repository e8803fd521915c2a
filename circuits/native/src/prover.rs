//! Groth16 proofs from snarkjs' keys and witnesses, as snarkjs makes them (src/groth16_prove.js of snarkjs 0.7.6; Jens Groth, On the
//! Size of Pairing-based Non-interactive Arguments, 2016).
//!
//! A key has no matrix C, and so no prover can see whether a witness satisfies the circuit: from one that does not, it makes a proof
//! that does not verify. Check the witness against the .r1cs where that matters.

use crate::curve::{Fr, G1, G1Affine, G2, G2Affine};
use crate::points::Point;
use crate::witness::{WitnessError, parse_witness};
use crate::zkey::{PointsOf, Zkey, ZkeyError};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInt, FftField, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use std::fmt;

/// Points A, B, C without flags, coordinates with the highest byte first, of B's the imaginary part first: the order of EIP-197 and
/// of Solana's alt_bn128.
pub const PROOF_BYTES: usize = 64 + 128 + 64;

/// Two numbers of 64 bytes from the host's generator for cryptography. They hide the witness, and serve once.
pub const RANDOM_BYTES: usize = 128;

/// Why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProveError {
    Key(ZkeyError),
    Witness(WitnessError),
    /// The witness is of another circuit than the key.
    OtherCircuit {
        wires: usize,
        values: usize,
    },
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => write!(f, "The key was refused. {error}"),
            Self::Witness(error) => write!(f, "The witness was refused. {error}"),
            Self::OtherCircuit { wires, values } => {
                write!(f, "The witness has {values} values and the key {wires} wires.")
            }
        }
    }
}

impl std::error::Error for ProveError {}

impl From<ZkeyError> for ProveError {
    fn from(error: ZkeyError) -> Self {
        Self::Key(error)
    }
}

impl From<WitnessError> for ProveError {
    fn from(error: WitnessError) -> Self {
        Self::Witness(error)
    }
}

/// A proof and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// [`PROOF_BYTES`] bytes.
    pub proof: Vec<u8>,
    /// 32 bytes for each public signal, the highest first.
    pub public: Vec<u8>,
}

/// Proves that a witness satisfies the circuit of a key, from a .zkey and a .wtns.
pub fn prove(zkey: &[u8], wtns: &[u8], random: &[u8; RANDOM_BYTES]) -> Result<Proven, ProveError> {
    let key = Zkey::parse(zkey)?;
    let witness = parse_witness(wtns)?;
    if witness.len() != key.wires {
        return Err(ProveError::OtherCircuit { wires: key.wires, values: witness.len() });
    }
    let (r, s) = random.split_at(RANDOM_BYTES / 2);
    let (r, s) = (Fr::from_le_bytes_mod_order(r), Fr::from_le_bytes_mod_order(s));

    let quotient = quotient(&key, &witness)?;
    let sum_1 = |list: PointsOf, scalars: &[BigInt<4>]| -> Result<G1, ZkeyError> {
        Ok(G1::msm_bigint(&key.points::<G1Affine>(list)?, scalars))
    };
    let a = sum_1(PointsOf::A, &witness)? + key.alpha_1 + key.delta_1 * r;
    let b_1 = sum_1(PointsOf::B1, &witness)? + key.beta_1 + key.delta_1 * s;
    let b = G2::msm_bigint(&key.points::<G2Affine>(PointsOf::B2)?, &witness) + key.beta_2 + key.delta_2 * s;
    let c =
        sum_1(PointsOf::Private, &witness[key.public + 1..])? + sum_1(PointsOf::Quotient, &quotient)? + a * s + b_1 * r
            - key.delta_1 * (r * s);

    let mut proof = Vec::with_capacity(PROOF_BYTES);
    a.into_affine().write_integers(&mut proof);
    b.into_affine().write_integers(&mut proof);
    c.into_affine().write_integers(&mut proof);
    let public = witness[1..=key.public].iter().flat_map(|value| {
        let limbs = value.0;
        limbs.into_iter().rev().flat_map(u64::to_be_bytes)
    });
    Ok(Proven { proof, public: public.collect() })
}

/// A * B - C at the odd powers of a root of unity of twice the domain's order, as integers. C is what A * B is at the even powers: the
/// difference is zero there, and its values between suffice.
fn quotient(key: &Zkey, witness: &[BigInt<4>]) -> Result<Vec<BigInt<4>>, ZkeyError> {
    let mut a = vec![Fr::ZERO; key.domain];
    let mut b = vec![Fr::ZERO; key.domain];
    for coefficient in key.coefficients() {
        let coefficient = coefficient?;
        let value = coefficient.value * Fr::new_unchecked(witness[coefficient.wire]);
        let column = if coefficient.in_b { &mut b } else { &mut a };
        column[coefficient.row] += value;
    }
    let mut c: Vec<Fr> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
    // The key's parser lets only domains through that have these roots.
    let (Some(even), Some(root)) =
        (Radix2EvaluationDomain::<Fr>::new(key.domain), Fr::get_root_of_unity(2 * key.domain as u64))
    else {
        return Ok(Vec::new());
    };
    let Some(odd) = even.get_coset(root) else { return Ok(Vec::new()) };
    for values in [&mut a, &mut b, &mut c] {
        even.ifft_in_place(values);
        odd.fft_in_place(values);
    }
    Ok(a.iter().zip(&b).zip(&c).map(|((a, b), c)| (*a * b - c).into_bigint()).collect())
}
