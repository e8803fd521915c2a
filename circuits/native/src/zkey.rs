//! Reads a Groth16 proving key in snarkjs' format (.zkey).
//!
//! Every length and index is checked, and that coordinates and coefficients are less than their moduli. That points are on their
//! curves and belong together is NOT checked: load only a key whose hash is pinned. A bad key makes proofs that do not verify; one
//! that an adversary made may make proofs that tell the witness.

use crate::container::{Container, ContainerError, Cursor};
use crate::curve::{Fq, Fr, G1Affine, G2Affine};
use crate::points::Point;
use crate::r1cs::integer;
use ark_ff::{BigInt, FftField, PrimeField};
use std::fmt;

/// Why a key was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZkeyError {
    Container(ContainerError),
    /// It is not for Groth16.
    OtherProtocol,
    /// It is not over BN254.
    OtherCurve,
    /// Its numbers of wires, public signals and rows contradict each other.
    Sizes {
        wires: u32,
        public: u32,
        domain: u32,
    },
    /// A coefficient is in a matrix, row or column that does not exist, or not less than the modulus.
    Coefficient(usize),
    /// A point of that section has a coordinate that is not less than the modulus.
    Point(u32),
}

impl fmt::Display for ZkeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(error) => error.fmt(f),
            Self::OtherProtocol => write!(f, "The key is not for Groth16."),
            Self::OtherCurve => write!(f, "The key is not over BN254."),
            Self::Sizes { wires, public, domain } => {
                write!(f, "The key cannot have {wires} wires, {public} public signals and {domain} rows.")
            }
            Self::Coefficient(index) => write!(f, "The key's coefficient {index} has no place or is not in the field."),
            Self::Point(section) => write!(f, "A point in the key's section {section} is not in the field."),
        }
    }
}

impl std::error::Error for ZkeyError {}

impl From<ContainerError> for ZkeyError {
    fn from(error: ContainerError) -> Self {
        Self::Container(error)
    }
}

/// A key whose points still lie in the file.
pub struct Zkey<'a> {
    pub wires: usize,
    /// Public signals, without the constant one.
    pub public: usize,
    /// Rows, a power of two.
    pub domain: usize,
    pub alpha_1: G1Affine,
    pub beta_1: G1Affine,
    pub beta_2: G2Affine,
    pub gamma_2: G2Affine,
    pub delta_1: G1Affine,
    pub delta_2: G2Affine,
    coefficients: &'a [[u8; 44]],
    container: Container<'a>,
}

/// A key's lists of points, by their sections' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointsOf {
    /// For the constant one and every public signal: what the verifier adds up.
    Public = 3,
    /// For every wire: its column in A.
    A = 5,
    /// For every wire: its column in B.
    B1 = 6,
    /// The same in the second group.
    B2 = 7,
    /// For every wire that is not public.
    Private = 8,
    /// For every row: odd powers of a root of unity of twice the order.
    Quotient = 9,
}

/// A coefficient of A or B.
pub struct Coefficient {
    pub in_b: bool,
    pub row: usize,
    pub wire: usize,
    /// The coefficient times the radix of the Montgomery form: times a raw integer, it makes an element.
    pub value: Fr,
}

impl<'a> Zkey<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ZkeyError> {
        let container = Container::open(bytes, *b"zkey", 1)?;
        if container.items(1, 1, 4)? != 1u32.to_le_bytes() {
            return Err(ZkeyError::OtherProtocol);
        }
        let mut header = Cursor(container.section(2)?);
        for modulus in [Fq::MODULUS, Fr::MODULUS] {
            if header.u32()? != 32 || integer(header.take(32)?) != modulus {
                return Err(ZkeyError::OtherCurve);
            }
        }
        let (wires, public, domain) = (header.u32()?, header.u32()?, header.u32()?);
        // The proof needs roots of unity of twice the domain's order.
        let roots = domain.is_power_of_two() && domain.trailing_zeros() < Fr::TWO_ADICITY;
        if public >= wires || public >= domain || !roots {
            return Err(ZkeyError::Sizes { wires, public, domain });
        }
        let mut coefficients = Cursor(container.section(4)?);
        let count = coefficients.u32()? as usize;
        let (coefficients, rest) = coefficients.0.as_chunks();
        if coefficients.len() != count || !rest.is_empty() {
            return Err(ContainerError::Length(4).into());
        }
        let key = Self {
            wires: wires as usize,
            public: public as usize,
            domain: domain as usize,
            alpha_1: header_point(&mut header)?,
            beta_1: header_point(&mut header)?,
            beta_2: header_point(&mut header)?,
            gamma_2: header_point(&mut header)?,
            delta_1: header_point(&mut header)?,
            delta_2: header_point(&mut header)?,
            coefficients,
            container,
        };
        if !header.0.is_empty() {
            return Err(ContainerError::Length(2).into());
        }
        use PointsOf::{A, B1, B2, Private, Public, Quotient};
        for list in [Public, A, B1, Private, Quotient] {
            key.section::<G1Affine>(list)?;
        }
        key.section::<G2Affine>(B2)?;
        Ok(key)
    }

    /// The points of a list: of the second group for [`PointsOf::B2`], else of the first.
    pub fn points<P: Point>(&self, list: PointsOf) -> Result<Vec<P>, ZkeyError> {
        let points = self.section::<P>(list)?.chunks(P::BYTES);
        points.map(|bytes| P::read_montgomery(bytes).ok_or(ZkeyError::Point(list as u32))).collect()
    }

    pub fn coefficients(&self) -> impl Iterator<Item = Result<Coefficient, ZkeyError>> {
        self.coefficients.iter().enumerate().map(|(index, bytes)| {
            let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
            let (matrix, row, wire) = (word(0), word(4) as usize, word(8) as usize);
            let value: BigInt<4> = integer(&bytes[12..]);
            if matrix > 1 || row >= self.domain || wire >= self.wires || value >= Fr::MODULUS {
                return Err(ZkeyError::Coefficient(index));
            }
            Ok(Coefficient { in_b: matrix == 1, row, wire, value: Fr::new_unchecked(value) })
        })
    }

    fn section<P: Point>(&self, list: PointsOf) -> Result<&'a [u8], ZkeyError> {
        let count = match list {
            PointsOf::Public => self.public + 1,
            PointsOf::A | PointsOf::B1 | PointsOf::B2 => self.wires,
            PointsOf::Private => self.wires - self.public - 1,
            PointsOf::Quotient => self.domain,
        };
        Ok(self.container.items(list as u32, count, P::BYTES)?)
    }
}

fn header_point<P: Point>(header: &mut Cursor) -> Result<P, ZkeyError> {
    P::read_montgomery(header.take(P::BYTES)?).ok_or(ZkeyError::Point(2))
}
