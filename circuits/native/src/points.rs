//! How files and proofs write points: snarkjs' files coordinate by coordinate in Montgomery form, the lowest byte first; proofs and
//! snarkjs' hashes as integers, the highest byte first. The neutral point is (0, 0).

use crate::curve::{Fq, Fq2, G1Affine, G2Affine};
use crate::r1cs::integer;
use ark_ff::PrimeField;

/// A coordinate: an element of the base field or of its extension.
pub trait Coordinate: Sized {
    /// Length in files and in proofs.
    const BYTES: usize;

    /// Reads [`Coordinate::BYTES`] bytes in Montgomery form. None unless every element is less than the modulus.
    fn read_montgomery(bytes: &[u8]) -> Option<Self>;
    fn write_montgomery(&self, out: &mut Vec<u8>);
    /// As an integer, the highest byte first; of the extension the imaginary part first (EIP-197).
    fn write_integer(&self, out: &mut Vec<u8>);
}

impl Coordinate for Fq {
    const BYTES: usize = 32;

    fn read_montgomery(bytes: &[u8]) -> Option<Self> {
        let limbs = integer(bytes);
        (limbs < Fq::MODULUS).then(|| Fq::new_unchecked(limbs))
    }

    fn write_montgomery(&self, out: &mut Vec<u8>) {
        for limb in self.0.0 {
            out.extend_from_slice(&limb.to_le_bytes());
        }
    }

    fn write_integer(&self, out: &mut Vec<u8>) {
        for limb in self.into_bigint().0.iter().rev() {
            out.extend_from_slice(&limb.to_be_bytes());
        }
    }
}

impl Coordinate for Fq2 {
    const BYTES: usize = 64;

    fn read_montgomery(bytes: &[u8]) -> Option<Self> {
        let (real, imaginary) = bytes.split_at(Fq::BYTES);
        Some(Fq2::new(Fq::read_montgomery(real)?, Fq::read_montgomery(imaginary)?))
    }

    fn write_montgomery(&self, out: &mut Vec<u8>) {
        self.c0.write_montgomery(out);
        self.c1.write_montgomery(out);
    }

    fn write_integer(&self, out: &mut Vec<u8>) {
        self.c1.write_integer(out);
        self.c0.write_integer(out);
    }
}

/// A point of one of the groups.
pub trait Point: Copy + Send + Sync {
    type Coordinate: Coordinate;
    /// Length in files and in proofs.
    const BYTES: usize = 2 * Self::Coordinate::BYTES;

    fn from_coordinates(x: Self::Coordinate, y: Self::Coordinate) -> Self;
    fn coordinates(&self) -> (Self::Coordinate, Self::Coordinate);

    /// Reads a point that may not be on the curve. None unless every coordinate is less than the modulus.
    fn read_montgomery(bytes: &[u8]) -> Option<Self> {
        let (x, y) = bytes.split_at(Self::Coordinate::BYTES);
        Some(Self::from_coordinates(Self::Coordinate::read_montgomery(x)?, Self::Coordinate::read_montgomery(y)?))
    }

    fn write_montgomery(&self, out: &mut Vec<u8>) {
        let (x, y) = self.coordinates();
        x.write_montgomery(out);
        y.write_montgomery(out);
    }

    fn write_integers(&self, out: &mut Vec<u8>) {
        let (x, y) = self.coordinates();
        x.write_integer(out);
        y.write_integer(out);
    }
}

impl Point for G1Affine {
    type Coordinate = Fq;

    fn from_coordinates(x: Fq, y: Fq) -> Self {
        Self::new_unchecked(x, y)
    }

    fn coordinates(&self) -> (Fq, Fq) {
        (self.x, self.y)
    }
}

impl Point for G2Affine {
    type Coordinate = Fq2;

    fn from_coordinates(x: Fq2, y: Fq2) -> Self {
        Self::new_unchecked(x, y)
    }

    fn coordinates(&self) -> (Fq2, Fq2) {
        (self.x, self.y)
    }
}
