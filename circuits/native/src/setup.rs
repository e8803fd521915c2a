//! Makes an INSECURE DEVELOPMENT KEY: a Groth16 proving key that snarkjs reads, from a circuit and a public seed. Whoever has the
//! seed can forge proofs, and the file says so itself (section 11). A production key comes from a ceremony.
//!
//! The same circuit and seed give the same bytes on every machine. Coefficients of C never reach a key: they are added up per wire
//! as they are read, so that a circuit may have many more of them than there is memory.

use crate::curve::{Fr, G1Affine, G1Config, G2Affine, G2Config};
use crate::fixed_base::FixedBase;
use crate::points::Point;
use crate::r1cs::{R1csError, R1csHeader, R1csStream, Side, Term};
use crate::trapdoor::{SEED_BYTES, Trapdoor};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, BigInt, FftField, Field, MontConfig, PrimeField, batch_inversion};
use blake2::{Blake2b512, Digest};
use std::fmt;
use std::io::{self, Read, Write};

/// The section that snarkjs does not have. It holds [`INSECURE`] and then the seed's 32 bytes.
pub const INSECURE_SECTION: u32 = 11;

/// What the file says of itself.
pub const INSECURE: &[u8] = b"INSECURE DEVELOPMENT KEY: whoever has the seed can forge proofs. Seed: ";

/// A matrix' number, a row, a column and a coefficient in a key's section 4.
const COEFFICIENT_BYTES: usize = 3 * 4 + 32;
/// Scalars that are multiplied before their points are written.
const TOGETHER: usize = 1 << 15;

/// Why there is no key.
#[derive(Debug)]
pub enum SetupError {
    R1cs(R1csError),
    /// There was no memory for a circuit of this size.
    Memory,
    /// The key could not be written.
    Write(io::Error),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::R1cs(error) => error.fmt(f),
            Self::Memory => write!(f, "There is not enough memory for a circuit of this size."),
            Self::Write(error) => write!(f, "The key could not be written: {error}."),
        }
    }
}

impl std::error::Error for SetupError {}

impl From<R1csError> for SetupError {
    fn from(error: R1csError) -> Self {
        Self::R1cs(error)
    }
}

impl From<io::Error> for SetupError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Reads an .r1cs from `r1cs` and writes an INSECURE DEVELOPMENT KEY as .zkey to `key`, both from front to back and in small pieces.
/// Returns how many of everything the circuit has.
pub fn setup(r1cs: impl Read, seed: &[u8; SEED_BYTES], key: impl Write) -> Result<R1csHeader, SetupError> {
    let r1cs = R1csStream::open(r1cs)?;
    let header = r1cs.header();
    let trapdoor = Trapdoor::from_seed(seed);
    let rows = header.constraints as usize + header.public() as usize + 1;
    let domain = rows.next_power_of_two();
    let columns = Columns::read(r1cs, &lagrange(trapdoor.tau, domain, domain, Fr::ONE)?)?;
    write_key(key, header, domain, &trapdoor, seed, columns)?;
    Ok(header)
}

/// The matrices A, B and C of a circuit, each column evaluated at tau, and section 4 of the key.
struct Columns {
    a: Vec<Fr>,
    b: Vec<Fr>,
    c: Vec<Fr>,
    coefficients: Vec<u8>,
}

impl Columns {
    /// `lagrange` holds for every row its Lagrange polynomial at tau.
    fn read(r1cs: R1csStream<impl Read>, lagrange: &[Fr]) -> Result<Self, SetupError> {
        let header = r1cs.header();
        let wires = header.wires as usize;
        let mut columns = Self { a: zeros(wires)?, b: zeros(wires)?, c: zeros(wires)?, coefficients: Vec::new() };
        // A coefficient is read as if it were in Montgomery form, which divides it by the radix. What it is multiplied with makes up
        // for that: the radix gives the element, the radix squared what snarkjs writes, a coefficient times the radix squared.
        let radix = Fr::new_unchecked(crate::field::FrConfig::R2);
        let to_file = radix.square();
        let mut row = Fr::ZERO;
        let mut row_of = None;
        r1cs.for_each_term(|Term { constraint, side, wire, value }| {
            if row_of != Some(constraint) {
                row_of = Some(constraint);
                row = lagrange[constraint as usize] * radix;
            }
            let value = Fr::new_unchecked(value);
            let column = match side {
                Side::A => &mut columns.a,
                Side::B => &mut columns.b,
                Side::C => &mut columns.c,
            };
            column[wire as usize] += value * row;
            if side == Side::C {
                return Ok(());
            }
            push_coefficient(&mut columns.coefficients, side as u32, constraint, wire, (value * to_file).0)
        })?;
        // A row for the constant one and for each public signal makes their columns in A independent (footnote of Groth16's proof
        // for inputs that occur in no constraint).
        for wire in 0..=header.public() {
            let row = header.constraints + wire;
            columns.a[wire as usize] += lagrange[row as usize];
            push_coefficient(&mut columns.coefficients, Side::A as u32, row, wire, radix.0)?;
        }
        Ok(columns)
    }
}

fn push_coefficient(out: &mut Vec<u8>, matrix: u32, row: u32, wire: u32, value: BigInt<4>) -> Result<(), SetupError> {
    out.try_reserve(COEFFICIENT_BYTES).map_err(|_| SetupError::Memory)?;
    for word in [matrix, row, wire] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    for limb in value.0 {
        out.extend_from_slice(&limb.to_le_bytes());
    }
    Ok(())
}

fn zeros(count: usize) -> Result<Vec<Fr>, SetupError> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(count).map_err(|_| SetupError::Memory)?;
    zeros.resize(count, Fr::ZERO);
    Ok(zeros)
}

/// `count` Lagrange polynomials at tau for the domain of so many roots of unity: those of shift, shift * step, shift * step^2 and so
/// on, where step is a root of unity of order `count`.
///
/// The polynomial of a root x is (tau^domain - 1) * x / (domain * (tau - x)). Tau is no root of unity but with a probability of
/// 2^-226, and then the key would be useless, not this division wrong.
fn lagrange(tau: Fr, domain: usize, count: usize, shift: Fr) -> Result<Vec<Fr>, SetupError> {
    let step = root_of_unity(count);
    let mut values = zeros(count)?;
    let mut root = shift;
    for value in values.iter_mut() {
        *value = tau - root;
        root *= step;
    }
    batch_inversion(&mut values);
    let size = Fr::from(domain as u64);
    let mut factor = (tau.pow([domain as u64]) - Fr::ONE) * size.inverse().unwrap_or(Fr::ZERO) * shift;
    for value in values.iter_mut() {
        *value *= factor;
        factor *= step;
    }
    Ok(values)
}

fn root_of_unity(order: usize) -> Fr {
    Fr::get_root_of_unity(order as u64).expect("the .r1cs' reader lets no more rows through than there are roots")
}

fn write_key(
    key: impl Write,
    header: R1csHeader,
    domain: usize,
    trapdoor: &Trapdoor,
    seed: &[u8; SEED_BYTES],
    columns: Columns,
) -> Result<(), SetupError> {
    let Columns { a, b, mut c, coefficients } = columns;
    let (wires, public) = (header.wires as usize, header.public() as usize);
    let used = |scalars: &[Fr]| scalars.iter().filter(|scalar| **scalar != Fr::ZERO).count();
    let in_g2 = FixedBase::<G2Config>::new(G2Affine::generator(), used(&b));
    let in_g1 = FixedBase::<G1Config>::new(G1Affine::generator(), 3 * wires + used(&b) + 2 * domain);
    // The verifying side of every wire; of those that are not public the key has it divided by delta.
    for ((c, a), b) in c.iter_mut().zip(&a).zip(&b) {
        *c += trapdoor.beta * a + trapdoor.alpha * b;
    }
    let (public_side, private_side) = c.split_at(public + 1);
    let one_over_delta = trapdoor.delta.inverse().unwrap_or(Fr::ONE);

    let mut file = KeyFile { key, circuit_hash: Blake2b512::new() };
    file.key.write_all(b"zkey")?;
    file.words(&[1, 11])?;
    file.section(1, 4)?;
    // Protocol 1 is Groth16.
    file.words(&[1])?;

    file.section(2, 2 * (4 + 32) + 3 * 4 + 3 * G1Affine::BYTES + 3 * G2Affine::BYTES)?;
    file.words(&[32])?;
    file.integer(&crate::curve::Fq::MODULUS)?;
    file.words(&[32])?;
    file.integer(&Fr::MODULUS)?;
    file.words(&[header.wires, header.public(), domain as u32])?;
    let points_1 = in_g1.multiply(&[trapdoor.alpha, trapdoor.beta, trapdoor.delta]);
    let points_2 = in_g2.multiply(&[trapdoor.beta, trapdoor.delta]);
    let (one_1, one_2) = (G1Affine::generator(), G2Affine::generator());
    // snarkjs hashes a circuit before anybody contributed a delta.
    file.points(&points_1[..2])?;
    file.hash_points(&points_1[..2]);
    file.points(&[points_2[0], one_2])?;
    file.hash_points(&[points_2[0], one_2]);
    file.points(&points_1[2..])?;
    file.hash_points(&[one_1]);
    file.points(&points_2[1..])?;
    file.hash_points(&[one_2]);

    file.section(4, 4 + coefficients.len())?;
    file.words(&[(coefficients.len() / COEFFICIENT_BYTES) as u32])?;
    file.key.write_all(&coefficients)?;
    drop(coefficients);

    file.section(3, public_side.len() * G1Affine::BYTES)?;
    file.hash_count(public_side.len());
    for_points(&in_g1, public_side, |points| {
        file.hash_points(points);
        file.points(points)
    })?;

    file.section(9, domain * G1Affine::BYTES)?;
    let odd = lagrange(trapdoor.tau, 2 * domain, domain, root_of_unity(2 * domain))?;
    let over_delta = odd.iter().map(|scalar| *scalar * one_over_delta).collect::<Vec<_>>();
    drop(odd);
    for_points(&in_g1, &over_delta, |points| file.points(points))?;
    drop(over_delta);
    file.hash_count(domain - 1);
    for_points(&in_g1, &quotient_powers(trapdoor.tau, domain), |points| {
        file.hash_points(points);
        Ok(())
    })?;

    file.section(8, private_side.len() * G1Affine::BYTES)?;
    file.hash_count(private_side.len());
    for_points(&in_g1, private_side, |points| {
        file.hash_points(points);
        Ok(())
    })?;
    let over_delta = private_side.iter().map(|scalar| *scalar * one_over_delta).collect::<Vec<_>>();
    for_points(&in_g1, &over_delta, |points| file.points(points))?;
    drop(over_delta);

    for (id, scalars) in [(5, &a), (6, &b)] {
        file.section(id, wires * G1Affine::BYTES)?;
        file.hash_count(wires);
        for_points(&in_g1, scalars, |points| {
            file.hash_points(points);
            file.points(points)
        })?;
    }
    file.section(7, wires * G2Affine::BYTES)?;
    file.hash_count(wires);
    for_points(&in_g2, &b, |points| {
        file.hash_points(points);
        file.points(points)
    })?;

    let hash = std::mem::take(&mut file.circuit_hash).finalize();
    file.section(10, hash.len() + 4)?;
    file.key.write_all(&hash)?;
    // Nobody contributed.
    file.words(&[0])?;

    file.section(INSECURE_SECTION, INSECURE.len() + seed.len())?;
    file.key.write_all(INSECURE)?;
    file.key.write_all(seed)?;
    file.key.flush()?;
    Ok(())
}

/// tau^i * (tau^domain - 1), of which snarkjs' circuit hash covers the first domain - 1, rounded up to a multiple of 2^14 if they are more.
fn quotient_powers(tau: Fr, domain: usize) -> Vec<Fr> {
    const PIECE: usize = 1 << 14;
    let count = if domain > PIECE { (domain - 1).next_multiple_of(PIECE) } else { domain - 1 };
    let vanishing = tau.pow([domain as u64]) - Fr::ONE;
    std::iter::successors(Some(vanishing), |power| Some(*power * tau)).take(count).collect()
}

/// Hands the multiples by `scalars` to `take`, some at a time.
fn for_points<P: ark_ec::short_weierstrass::SWCurveConfig<ScalarField = Fr>>(
    base: &FixedBase<P>,
    scalars: &[Fr],
    mut take: impl FnMut(&[ark_ec::short_weierstrass::Affine<P>]) -> io::Result<()>,
) -> io::Result<()> {
    scalars.chunks(TOGETHER).try_for_each(|scalars| take(&base.multiply(scalars)))
}

/// A key while it is written, and snarkjs' hash of the circuit in it.
struct KeyFile<W> {
    key: W,
    circuit_hash: Blake2b512,
}

impl<W: Write> KeyFile<W> {
    fn section(&mut self, id: u32, length: usize) -> io::Result<()> {
        self.words(&[id])?;
        self.key.write_all(&(length as u64).to_le_bytes())
    }

    fn words(&mut self, words: &[u32]) -> io::Result<()> {
        words.iter().try_for_each(|word| self.key.write_all(&word.to_le_bytes()))
    }

    fn integer(&mut self, integer: &BigInt<4>) -> io::Result<()> {
        integer.0.iter().try_for_each(|limb| self.key.write_all(&limb.to_le_bytes()))
    }

    fn points<P: Point>(&mut self, points: &[P]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(points.len() * P::BYTES);
        points.iter().for_each(|point| point.write_montgomery(&mut bytes));
        self.key.write_all(&bytes)
    }

    fn hash_count(&mut self, count: usize) {
        self.circuit_hash.update((count as u32).to_be_bytes());
    }

    fn hash_points<P: Point>(&mut self, points: &[P]) {
        let mut bytes = Vec::with_capacity(points.len() * P::BYTES);
        points.iter().for_each(|point| point.write_integers(&mut bytes));
        self.circuit_hash.update(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::zkey::{PointsOf, Zkey};

    fn key(order: [u32; 3], seed: u8) -> Vec<u8> {
        let mut key = Vec::new();
        setup(sample::r1cs(order).as_slice(), &[seed; SEED_BYTES], &mut key).unwrap();
        key
    }

    #[test]
    fn a_key_follows_from_circuit_and_seed() {
        let first = key([1, 2, 3], 7);
        assert_eq!(first, key([1, 2, 3], 7));
        assert_eq!(first, key([2, 1, 3], 7));
        assert_ne!(first, key([1, 2, 3], 8));
        // The same on every machine: what it was when this was written.
        let digest = <sha2::Sha256 as sha2::Digest>::digest(&first);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "529407e384cad88cda22879299bf801b9b4729f32cd37bb198a3b5da712b4513");
    }

    #[test]
    fn a_key_says_that_it_is_insecure() {
        let key = key([1, 2, 3], 7);
        let said = [INSECURE, &[7; SEED_BYTES]].concat();
        assert!(key.ends_with(&said));
    }

    #[test]
    fn delta_is_not_gamma() {
        let bytes = key([1, 2, 3], 7);
        let key = Zkey::parse(&bytes).unwrap();
        assert_eq!(key.gamma_2, G2Affine::generator());
        assert_ne!(key.delta_2, key.gamma_2);
        assert_eq!(key.points::<G1Affine>(PointsOf::Private).unwrap().len(), sample::SQUARES);
    }

    #[test]
    fn lagrange_polynomials_interpolate() {
        let tau = Fr::from(123456789u64);
        let polynomial = |x: Fr| x.square() * x + Fr::from(5u64) * x + Fr::from(9u64);
        let root = root_of_unity(16);
        let even = lagrange(tau, 16, 8, Fr::ONE).unwrap();
        let odd = lagrange(tau, 16, 8, root).unwrap();
        let sum: Fr = (0..8)
            .map(|i| {
                let x = root.pow([2 * i as u64]);
                even[i] * polynomial(x) + odd[i] * polynomial(x * root)
            })
            .sum();
        assert_eq!(sum, polynomial(tau));
    }

    #[test]
    fn no_shorter_circuit_makes_a_key() {
        let file = sample::r1cs([1, 2, 3]);
        for length in 0..file.len() {
            let error = setup(&file[..length], &[7; SEED_BYTES], Vec::new()).unwrap_err();
            assert_eq!(error.to_string(), "The .r1cs ends before what it announced.");
        }
    }
}
