//! Many multiples of one point: a table of the point's multiples for every window of the scalar, and sums made together.

use crate::affine_sums::{Scratch, TOGETHER, add_each};
use crate::curve::Fr;
use crate::parallel::map_pieces;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{BigInt, PrimeField};

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
                add_each(&mut sums, &vec![longest; row.len()], &mut scratch);
                row.extend(sums);
            }
            let mut last = [row[row.len() - 1]];
            let half = last[0];
            add_each(&mut last, &[half], &mut scratch);
            next = last[0];
            rows.push(row);
        }
        Self { window, rows }
    }

    /// The point times each scalar.
    pub fn multiply(&self, scalars: &[Fr]) -> Vec<Affine<P>> {
        map_pieces(scalars, TOGETHER, |scalars| {
            let mut rest: Vec<(BigInt<4>, i32)> = scalars.iter().map(|scalar| (scalar.into_bigint(), 0)).collect();
            let mut sums = vec![Affine::<P>::identity(); scalars.len()];
            let mut addends = Vec::with_capacity(scalars.len());
            let mut scratch = Scratch::default();
            for row in &self.rows {
                // The table is looked up in a loop of its own: a processor then waits for many of its lines at a time.
                addends.clear();
                addends.extend(rest.iter_mut().map(|rest| match self.take_digit(rest) {
                    0 => Affine::identity(),
                    digit if digit > 0 => row[digit as usize - 1],
                    digit => -row[digit.unsigned_abs() as usize - 1],
                }));
                add_each(&mut sums, &addends, &mut scratch);
            }
            sums
        })
    }

    /// Takes the lowest digit off a scalar and its carry. The digit is more than -2^(window - 1) and not more than 2^(window - 1).
    fn take_digit(&self, (rest, carry): &mut (BigInt<4>, i32)) -> i32 {
        let limbs = &mut rest.0;
        let digit = (limbs[0] & ((1 << self.window) - 1)) as i32 + *carry;
        for i in 0..4 {
            let above = if i < 3 { limbs[i + 1] << (64 - self.window) } else { 0 };
            limbs[i] = limbs[i] >> self.window | above;
        }
        *carry = i32::from(digit > 1 << (self.window - 1));
        digit - (*carry << self.window)
    }
}

/// One bit more than a scalar has, for the last digit's carry.
fn windows(window: usize) -> usize {
    (Fr::MODULUS_BIT_SIZE as usize + 1).div_ceil(window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{G1Affine, G1Config, G2Affine, G2Config};
    use ark_ec::{AffineRepr, CurveGroup};
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
