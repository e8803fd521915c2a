//! Many multiples of one point: a table of the point's multiples for every window of the scalar, and sums made in affine
//! coordinates, many at a time, so that they share the one inversion that an affine sum needs.

use crate::curve::Fr;
use crate::parallel::map_pieces;
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{AdditiveGroup, Field, PrimeField};

/// Sums that share an inversion. More would save little and leave the cache.
const TOGETHER: usize = 1024;

/// Multiples of a point: row w holds (k + 1) * 2^(w * window) times it, for k below 2^(window - 1).
pub struct FixedBase<P: SWCurveConfig> {
    window: usize,
    rows: Vec<Vec<Affine<P>>>,
}

impl<P: SWCurveConfig<ScalarField = Fr>> FixedBase<P> {
    /// A table whose size suits so many multiplications.
    pub fn new(base: Affine<P>, multiplications: usize) -> Self {
        let window =
            (4..=15).min_by_key(|window| windows(*window) * (multiplications + (1 << (window - 1)))).unwrap_or(4);
        let mut rows = Vec::with_capacity(windows(window));
        let mut scratch = Scratch::default();
        let mut next = base;
        for _ in 0..windows(window) {
            let mut row = vec![next];
            while row.len() < 1 << (window - 1) {
                let longest = row[row.len() - 1];
                let mut sums = row.clone();
                add_each(&mut sums, |_| longest, &mut scratch);
                row.extend(sums);
            }
            let mut last = [row[row.len() - 1]];
            let half = last[0];
            add_each(&mut last, |_| half, &mut scratch);
            next = last[0];
            rows.push(row);
        }
        Self { window, rows }
    }

    /// The point times each scalar.
    pub fn multiply(&self, scalars: &[Fr]) -> Vec<Affine<P>> {
        map_pieces(scalars, TOGETHER, |scalars| {
            let digits: Vec<Vec<i32>> = scalars.iter().map(|scalar| self.digits(scalar)).collect();
            let mut sums = vec![Affine::<P>::identity(); scalars.len()];
            let mut scratch = Scratch::default();
            for (w, row) in self.rows.iter().enumerate() {
                let addend = |i: usize| match digits[i][w] {
                    0 => Affine::identity(),
                    digit if digit > 0 => row[digit as usize - 1],
                    digit => -row[digit.unsigned_abs() as usize - 1],
                };
                add_each(&mut sums, addend, &mut scratch);
            }
            sums
        })
    }

    /// The scalar's digits, the lowest first, each from -2^(window - 1) to 2^(window - 1).
    fn digits(&self, scalar: &Fr) -> Vec<i32> {
        let limbs = scalar.into_bigint().0;
        let mut carry = 0;
        (0..self.rows.len())
            .map(|w| {
                let (limb, bit) = (w * self.window / 64, w * self.window % 64);
                let mut bits = limbs[limb] >> bit;
                if bit + self.window > 64 && limb + 1 < limbs.len() {
                    bits |= limbs[limb + 1] << (64 - bit);
                }
                let digit = (bits & ((1 << self.window) - 1)) as i32 + carry;
                carry = i32::from(digit > 1 << (self.window - 1));
                digit - (carry << self.window)
            })
            .collect()
    }
}

/// One bit more than a scalar has, for the last digit's carry.
fn windows(window: usize) -> usize {
    (Fr::MODULUS_BIT_SIZE as usize + 1).div_ceil(window)
}

/// What [`add_each`] keeps between its two passes, so that its memory serves again.
struct Scratch<F> {
    /// What each sum divides by; zero where nothing is divided.
    divisors: Vec<F>,
    /// The product of the divisors before each.
    products: Vec<F>,
}

impl<F> Default for Scratch<F> {
    fn default() -> Self {
        Self { divisors: Vec::new(), products: Vec::new() }
    }
}

/// Adds `addend(i)` to each sum, with one inversion for all (Montgomery's trick).
fn add_each<P: SWCurveConfig>(
    sums: &mut [Affine<P>],
    addend: impl Fn(usize) -> Affine<P>,
    scratch: &mut Scratch<P::BaseField>,
) {
    scratch.divisors.clear();
    scratch.products.clear();
    let mut product = P::BaseField::ONE;
    for (i, sum) in sums.iter().enumerate() {
        let addend = addend(i);
        let divisor = if sum.is_zero() || addend.is_zero() {
            P::BaseField::ZERO
        } else if sum.x != addend.x {
            addend.x - sum.x
        } else if sum.y == addend.y {
            sum.y.double()
        } else {
            P::BaseField::ZERO
        };
        scratch.divisors.push(divisor);
        scratch.products.push(product);
        if divisor != P::BaseField::ZERO {
            product *= divisor;
        }
    }
    // A product of what is not zero has an inverse.
    let mut inverse = product.inverse().unwrap_or(P::BaseField::ONE);
    for (i, sum) in sums.iter_mut().enumerate().rev() {
        let (addend, divisor) = (addend(i), scratch.divisors[i]);
        if divisor == P::BaseField::ZERO {
            *sum = match (sum.is_zero(), addend.is_zero()) {
                (true, _) => addend,
                (_, true) => *sum,
                // They are opposites.
                _ => Affine::identity(),
            };
            continue;
        }
        let reciprocal = inverse * scratch.products[i];
        inverse *= divisor;
        let slope = if sum.x == addend.x {
            let square = sum.x.square();
            (square.double() + square) * reciprocal
        } else {
            (addend.y - sum.y) * reciprocal
        };
        let x = slope.square() - sum.x - addend.x;
        let y = slope * (sum.x - x) - sum.y;
        *sum = Affine::new_unchecked(x, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{G1Affine, G1Config, G2Affine, G2Config};
    use ark_ec::CurveGroup;
    use ark_ff::UniformRand;

    #[test]
    fn multiples_are_those_of_arkworks() {
        let mut random = ark_std::test_rng();
        let edges = [0u64, 1, 2, 3, 8, 9, 15, 16, 17, 255, 256, u64::MAX];
        let mut scalars: Vec<Fr> = edges.iter().flat_map(|x| [Fr::from(*x), -Fr::from(*x)]).collect();
        scalars.extend((0..1100).map(|_| Fr::rand(&mut random)));
        for multiplications in [1, 1 << 10, 1 << 16] {
            let multiples = FixedBase::<G1Config>::new(G1Affine::generator(), multiplications).multiply(&scalars);
            for (scalar, multiple) in scalars.iter().zip(&multiples) {
                assert_eq!((G1Affine::generator() * scalar).into_affine(), *multiple);
            }
        }
        let multiples = FixedBase::<G2Config>::new(G2Affine::generator(), 100).multiply(&scalars[..100]);
        for (scalar, multiple) in scalars.iter().zip(&multiples) {
            assert_eq!((G2Affine::generator() * scalar).into_affine(), *multiple);
        }
    }
}
