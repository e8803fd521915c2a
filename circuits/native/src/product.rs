//! Montgomery products for machines that multiply 32 x 32 bits, such as WebAssembly. A number is nine limbs of 29 bits, so that a
//! column of products fits 64 bits without a carry; the radix stays 2^256, so that elements are arkworks' and those of snarkjs' files.

use ark_ff::{BigInt, Fp256, MontBackend, MontConfig};

type Element<C> = Fp256<MontBackend<C, 4>>;

/// Nine limbs of 29 bits, the lowest first.
type Limbs = [u64; 9];

const BITS: u32 = 29;
const MASK: u64 = (1 << BITS) - 1;
/// What is left of the radix' 256 bits after eight limbs.
const LAST_MASK: u64 = (1 << (256 - 8 * BITS)) - 1;

#[inline(always)]
const fn limbs(x: &[u64; 4]) -> Limbs {
    [
        x[0] & MASK,
        (x[0] >> 29) & MASK,
        ((x[0] >> 58) | (x[1] << 6)) & MASK,
        (x[1] >> 23) & MASK,
        ((x[1] >> 52) | (x[2] << 12)) & MASK,
        (x[2] >> 17) & MASK,
        ((x[2] >> 46) | (x[3] << 18)) & MASK,
        (x[3] >> 11) & MASK,
        x[3] >> 40,
    ]
}

/// a * b / 2^256 modulo C's modulus, a number of 254 bits.
#[inline(always)]
pub fn product<C: MontConfig<4>>(a: &Element<C>, b: &Element<C>) -> Element<C> {
    sum_of_products::<C, 1>(&[*a], &[*b])
}

/// a * a / 2^256 modulo C's modulus, a number of 254 bits.
#[inline(always)]
pub fn square<C: MontConfig<4>>(a: &Element<C>) -> Element<C> {
    let x = limbs(&a.0.0);
    let mut columns = [0; 18];
    for i in 0..9 {
        columns[2 * i] += x[i] * x[i];
        let twice = x[i] << 1;
        for j in i + 1..9 {
            columns[i + j] += twice * x[j];
        }
    }
    reduce::<C>(columns)
}

/// The sum of a[i] * b[i] over at most 5 of them, divided by 2^256, modulo C's modulus, a number of 254 bits.
///
/// A column holds at most 9 * 5 products of 58 bits, 9 of the reduction and a carry of less than 2^35: less than 2^64.
#[inline(always)]
pub fn sum_of_products<C: MontConfig<4>, const M: usize>(a: &[Element<C>; M], b: &[Element<C>; M]) -> Element<C> {
    const { assert!(M <= 5) };
    let mut columns = [0; 18];
    for k in 0..M {
        let (x, y) = (limbs(&a[k].0.0), limbs(&b[k].0.0));
        for i in 0..9 {
            for j in 0..9 {
                columns[i + j] += x[i] * y[j];
            }
        }
    }
    reduce::<C>(columns)
}

/// Divides by 2^256: eight steps clear 29 bits each, a ninth the last 24.
#[inline(always)]
fn reduce<C: MontConfig<4>>(mut t: [u64; 18]) -> Element<C> {
    let modulus = const { limbs(&C::MODULUS.0) };
    for i in 0..8 {
        let factor = t[i].wrapping_mul(C::INV) & MASK;
        for j in 0..9 {
            t[i + j] += factor * modulus[j];
        }
        t[i + 1] += t[i] >> BITS;
    }
    let factor = t[8].wrapping_mul(C::INV) & LAST_MASK;
    for j in 0..9 {
        t[8 + j] += factor * modulus[j];
    }
    // Above the 24 cleared bits stand five more of the lowest limb, then limbs of 29 bits.
    let low = t[8] >> 24;
    t[9] += low >> 5;
    for i in 9..17 {
        t[i + 1] += t[i] >> BITS;
        t[i] &= MASK;
    }
    let mut out = [
        (low & 31) | t[9] << 5 | t[10] << 34 | t[11] << 63,
        t[11] >> 1 | t[12] << 28 | t[13] << 57,
        t[13] >> 7 | t[14] << 22 | t[15] << 51,
        t[15] >> 13 | t[16] << 16 | t[17] << 45,
    ];
    // A single product leaves less than twice the modulus, a sum of five less than three times.
    loop {
        let (less, borrow) = subtract(&out, &C::MODULUS.0);
        if borrow {
            return Element::<C>::new_unchecked(BigInt(out));
        }
        out = less;
    }
}

#[inline(always)]
fn subtract(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let mut out = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (difference, lent) = a[i].overflowing_sub(b[i]);
        let (difference, lent_too) = difference.overflowing_sub(u64::from(borrow));
        out[i] = difference;
        borrow = lent || lent_too;
    }
    (out, borrow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{Fq, FqConfig, Fr, FrConfig};
    use ark_ff::{AdditiveGroup, UniformRand};

    #[test]
    fn products_of_29_bits_are_those_of_arkworks() {
        let mut random = ark_std::test_rng();
        let edges = [Fq::ZERO, Fq::from(1u64), -Fq::from(1u64), -Fq::from(2u64), Fq::from(u64::MAX)];
        for i in 0..2000 {
            let mut pick = |j: usize| {
                if (i + j).is_multiple_of(3) { edges[(i / 3 + j) % edges.len()] } else { Fq::rand(&mut random) }
            };
            let a: [Fq; 5] = core::array::from_fn(&mut pick);
            let b: [Fq; 5] = core::array::from_fn(|j| pick(j + 7));
            assert_eq!(product::<FqConfig>(&a[0], &b[0]), a[0] * b[0]);
            assert_eq!(square::<FqConfig>(&a[1]), a[1] * a[1]);
            let sum: Fq = a.iter().zip(&b).map(|(x, y)| *x * y).sum();
            assert_eq!(sum_of_products::<FqConfig, 5>(&a, &b), sum);
        }
        let most = [-Fq::from(1u64); 5];
        assert_eq!(sum_of_products::<FqConfig, 5>(&most, &most), Fq::from(5u64));
        let (x, y) = (Fr::rand(&mut random), Fr::rand(&mut random));
        assert_eq!(product::<FrConfig>(&x, &y), x * y);
    }
}
