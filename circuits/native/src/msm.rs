//! Sums of points times scalars: Pippenger's buckets, each of them added up pair by pair in affine coordinates.
//!
//! What is small costs little, be it positive or negative: a scalar contributes to a window only where its digit is not zero. Bits, of
//! which circuits mostly consist, contribute to one.

use crate::affine_sums::{Scratch, TOGETHER, add_each};
use crate::curve::Fr;
use crate::parallel::map_pieces;
use ark_ec::VariableBaseMSM;
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, PrimeField};

/// Scalars are less than 2^253 once those above half the modulus are negated.
const SCALAR_BITS: usize = 253;

/// The sum of points[i] * scalars[i]. Scalars are less than the modulus; of lists that are not equally long, the longer one's rest is
/// ignored.
pub fn msm<P: SWCurveConfig<ScalarField = Fr>>(points: &[Affine<P>], scalars: &[BigInt<4>]) -> Projective<P> {
    let mut halves: Vec<(BigInt<4>, bool)> = scalars.iter().take(points.len()).map(halve).collect();
    let bits = halves.iter().map(|(scalar, _)| scalar.num_bits() as usize).sum();
    let window = window_for(bits);
    let windows = windows(window);
    // With half a window's range added to all windows but the highest, a digit is a window's bits less that half, without carries.
    let mut offset = BigInt::<4>::zero();
    for w in 0..windows - 1 {
        let bit = w * window + window - 1;
        offset.0[bit / 64] |= 1 << (bit % 64);
    }
    for (scalar, _) in &mut halves {
        scalar.add_with_carry(&offset);
    }
    let all: Vec<usize> = (0..windows).collect();
    let sums = map_pieces(&all, 1, |w| w.iter().map(|w| window_sum(points, &halves, window, *w)).collect());
    sums.into_iter().rev().fold(Projective::ZERO, |mut total, sum| {
        for _ in 0..window {
            total.double_in_place();
        }
        total + sum
    })
}

/// The scalar, or its negative if that is less, and whether it is.
fn halve(scalar: &BigInt<4>) -> (BigInt<4>, bool) {
    if *scalar <= Fr::MODULUS_MINUS_ONE_DIV_TWO {
        return (*scalar, false);
    }
    let mut negative = Fr::MODULUS;
    negative.sub_with_borrow(scalar);
    (negative, true)
}

/// One bit more than a scalar has, since the highest digit takes a carry.
fn windows(window: usize) -> usize {
    (SCALAR_BITS + 1).div_ceil(window)
}

/// The width that takes the fewest products for scalars of so many bits in all: six for each digit, and two dozen for each bucket.
fn window_for(bits: usize) -> usize {
    (3..=15).min_by_key(|window| bits / window * 6 + windows(*window) * (24 << (window - 1))).unwrap_or(3)
}

/// A window's part of the sum. Scalars have the offset added, and say whether they were negated.
fn window_sum<P: SWCurveConfig<ScalarField = Fr>>(
    points: &[Affine<P>],
    shifted: &[(BigInt<4>, bool)],
    window: usize,
    w: usize,
) -> Projective<P> {
    let half = if w + 1 < windows(window) { 1 << (window - 1) } else { 0 };
    let digit = |scalar: &BigInt<4>| {
        let (limb, bit) = (w * window / 64, w * window % 64);
        let mut bits = scalar.0[limb] >> bit;
        if bit + window > 64 && limb < 3 {
            bits |= scalar.0[limb + 1] << (64 - bit);
        }
        (bits & ((1 << window) - 1)) as i32 - half
    };
    // Where the points of every bucket begin once they are sorted by it; bucket 0 is left out.
    let mut starts = vec![0u32; (1 << (window - 1)) + 2];
    for (scalar, _) in shifted {
        let digit = digit(scalar);
        if digit != 0 {
            starts[digit.unsigned_abs() as usize + 1] += 1;
        }
    }
    for bucket in 1..starts.len() {
        starts[bucket] += starts[bucket - 1];
    }
    let mut next = starts.clone();
    let mut sorted = vec![Affine::<P>::identity(); starts[starts.len() - 1] as usize];
    for (point, (scalar, negated)) in points.iter().zip(shifted) {
        let digit = digit(scalar);
        if digit != 0 {
            let at = &mut next[digit.unsigned_abs() as usize];
            sorted[*at as usize] = if (digit < 0) == *negated { *point } else { -*point };
            *at += 1;
        }
    }
    add_up_buckets(&mut sorted, &mut starts);

    // The sum of every bucket times its number: a running sum from the highest bucket down, added up.
    type Bucket<P> = <Projective<P> as VariableBaseMSM>::Bucket;
    let (mut running, mut total) = (Bucket::<P>::default(), Bucket::<P>::default());
    for bucket in (1..starts.len() - 1).rev() {
        if starts[bucket] < starts[bucket + 1] {
            running += &sorted[starts[bucket] as usize];
        }
        total += &running;
    }
    total.into()
}

/// Halves every bucket until none has more than one point. Bucket b is what stands from starts[b] up to starts[b + 1].
fn add_up_buckets<P: SWCurveConfig>(sorted: &mut Vec<Affine<P>>, starts: &mut [u32]) {
    let mut scratch = Scratch::default();
    let mut halved = Vec::with_capacity(sorted.len() / 2 + starts.len());
    let mut addends = Vec::with_capacity(halved.capacity());
    while starts.windows(2).any(|pair| pair[1] - pair[0] > 1) {
        halved.clear();
        addends.clear();
        let mut start = 0;
        for next_start in starts.iter_mut().skip(1) {
            let end = *next_start as usize;
            for pair in sorted[start..end].chunks(2) {
                halved.push(pair[0]);
                addends.push(*pair.get(1).unwrap_or(&Affine::identity()));
            }
            start = end;
            *next_start = halved.len() as u32;
        }
        for (sums, addends) in halved.chunks_mut(TOGETHER).zip(addends.chunks(TOGETHER)) {
            add_each(sums, addends, &mut scratch);
        }
        std::mem::swap(sorted, &mut halved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{G1, G1Affine, G1Config, G2, G2Affine, G2Config};
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{Field, UniformRand};

    /// Scalars of all sizes and both signs, and points of which some are equal, opposite or neutral.
    fn example(count: usize) -> (Vec<G1Affine>, Vec<Fr>) {
        let mut random = ark_std::test_rng();
        let mut points = vec![G1Affine::generator(); count];
        let mut scalars = vec![Fr::ZERO; count];
        for i in 0..count {
            let scalar = Fr::rand(&mut random);
            scalars[i] = match i % 7 {
                0 => Fr::from((i % 2) as u64),
                1 => -Fr::from((i % 300) as u64),
                2 => Fr::from(i as u64),
                _ => scalar,
            };
            points[i] = match i % 11 {
                0 => G1Affine::identity(),
                1 if i > 1 => -points[i - 1],
                2 if i > 1 => points[i - 1],
                _ => (G1Affine::generator() * scalar).into_affine(),
            };
        }
        (points, scalars)
    }

    #[test]
    fn sums_are_those_of_arkworks() {
        for count in [0, 1, 2, 3, 40, 1000, 3000] {
            let (points, scalars) = example(count);
            let integers: Vec<BigInt<4>> = scalars.iter().map(|scalar| scalar.into_bigint()).collect();
            assert_eq!(msm::<G1Config>(&points, &integers), G1::msm(&points, &scalars).unwrap());
        }
        let scalars: Vec<Fr> = example(60).1;
        let points: Vec<G2Affine> = (1..61u64).map(|i| (G2Affine::generator() * Fr::from(i)).into_affine()).collect();
        let integers: Vec<BigInt<4>> = scalars.iter().map(|scalar| scalar.into_bigint()).collect();
        assert_eq!(msm::<G2Config>(&points, &integers), G2::msm(&points, &scalars).unwrap());
    }

    #[test]
    fn the_greatest_digits_fit_at_every_width() {
        let edges =
            [Fr::ONE, -Fr::ONE, Fr::from(Fr::MODULUS_MINUS_ONE_DIV_TWO), -Fr::from(Fr::MODULUS_MINUS_ONE_DIV_TWO)];
        let powers = (0..254u64).flat_map(|bit| [Fr::from(2u64).pow([bit]), Fr::from(2u64).pow([bit]) - Fr::ONE]);
        let scalars: Vec<Fr> = edges.into_iter().chain(powers).collect();
        for repeated in [1, 4, 60] {
            let scalars = scalars.repeat(repeated);
            let points = vec![G1Affine::generator(); scalars.len()];
            let integers: Vec<BigInt<4>> = scalars.iter().map(|scalar| scalar.into_bigint()).collect();
            let expected = G1Affine::generator() * scalars.iter().sum::<Fr>();
            assert_eq!(msm::<G1Config>(&points, &integers), expected);
        }
    }
}
