//! BN254's scalar field. The arithmetic is arkworks', but for products in WebAssembly: that has no multiplication of 64 x 64 bits, and
//! what a compiler puts in its place costs several times the products of 32 x 32 bits below.

use ark_ff::{BigInt, Fp256, MontBackend, MontConfig, MontFp};

/// See [`Fr`].
pub struct FrConfig;

/// An element of the scalar field.
pub type Fr = Fp256<MontBackend<FrConfig, 4>>;

impl MontConfig<4> for FrConfig {
    const MODULUS: BigInt<4> = BigInt!("21888242871839275222246405745257275088548364400416034343698204186575808495617");
    const GENERATOR: Fr = MontFp!("5");
    const TWO_ADIC_ROOT_OF_UNITY: Fr =
        MontFp!("19103219067921713944291392827692070036145651957329286315305642004821462161904");

    #[cfg(target_arch = "wasm32")]
    fn mul_assign(a: &mut Fr, b: &Fr) {
        *a = columns::dot::<Self, 1>(&[*a], &[*b]);
    }

    #[cfg(target_arch = "wasm32")]
    fn square_in_place(a: &mut Fr) {
        *a = columns::dot::<Self, 1>(&[*a], &[*a]);
    }

    #[cfg(target_arch = "wasm32")]
    fn sum_of_products<const M: usize>(a: &[Fr; M], b: &[Fr; M]) -> Fr {
        columns::dot::<Self, M>(a, b)
    }
}

/// Montgomery products by columns of 32 bits, whose carries wait until the end.
#[cfg(any(target_arch = "wasm32", test))]
mod columns {
    use ark_ff::{BigInt, Fp256, MontBackend, MontConfig};

    type Element<C> = Fp256<MontBackend<C, 4>>;

    const LOW: u64 = 0xffff_ffff;

    #[inline(always)]
    fn limbs(x: &BigInt<4>) -> [u64; 8] {
        let x = x.0;
        [x[0] & LOW, x[0] >> 32, x[1] & LOW, x[1] >> 32, x[2] & LOW, x[2] >> 32, x[3] & LOW, x[3] >> 32]
    }

    /// t += a * b << 32 * at. A column grows by less than 2^33.
    #[inline(always)]
    fn add_row(t: &mut [u64; 17], at: usize, a: u64, b: &[u64; 8]) {
        for j in 0..8 {
            let product = a * b[j];
            t[at + j] += product & LOW;
            t[at + j + 1] += product >> 32;
        }
    }

    /// The sum of a[i] * b[i] over at most 13 of them, divided by 2^256, modulo C's modulus m, a number of 254 bits.
    ///
    /// A column holds at most 13 * 16 halves of products and 16 of the reduction, and so never more than 2^40. The result before
    /// its last step is under (13 m^2 + 2^256 m) / 2^256 < 4 m < 2^256.
    #[inline(always)]
    pub fn dot<C: MontConfig<4>, const M: usize>(a: &[Element<C>; M], b: &[Element<C>; M]) -> Element<C> {
        const { assert!(M <= 13) };
        let mut t = [0; 17];
        for k in 0..M {
            let (x, y) = (limbs(&a[k].0), limbs(&b[k].0));
            for (i, limb) in x.into_iter().enumerate() {
                add_row(&mut t, i, limb, &y);
            }
        }
        let modulus = limbs(&C::MODULUS);
        for i in 0..8 {
            let factor = ((t[i] & LOW) * (C::INV & LOW)) & LOW;
            add_row(&mut t, i, factor, &modulus);
            t[i + 1] += t[i] >> 32;
        }
        let mut out = [0; 4];
        let mut carry = 0;
        for i in 0..4 {
            let low = t[8 + 2 * i] + carry;
            let high = t[9 + 2 * i] + (low >> 32);
            out[i] = (low & LOW) | high << 32;
            carry = high >> 32;
        }
        while !less(&out, &C::MODULUS.0) {
            out = subtract(&out, &C::MODULUS.0);
        }
        Element::<C>::new_unchecked(BigInt(out))
    }

    #[inline(always)]
    fn less(a: &[u64; 4], b: &[u64; 4]) -> bool {
        for i in (0..4).rev() {
            if a[i] != b[i] {
                return a[i] < b[i];
            }
        }
        false
    }

    #[inline(always)]
    fn subtract(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
        let mut out = [0; 4];
        let mut borrow = false;
        for i in 0..4 {
            let (difference, lent) = a[i].overflowing_sub(b[i]);
            let (difference, lent_too) = difference.overflowing_sub(u64::from(borrow));
            out[i] = difference;
            borrow = lent || lent_too;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::{Fr, FrConfig, columns};
    use ark_ff::{AdditiveGroup, Field, PrimeField, UniformRand};

    #[test]
    fn the_field_is_that_of_bn254() {
        use ark_bn254::Fr as Other;
        assert_eq!(Fr::MODULUS, Other::MODULUS);
        assert_eq!(Fr::from(7u64).inverse().unwrap().into_bigint(), Other::from(7u64).inverse().unwrap().into_bigint());
    }

    #[test]
    fn products_by_columns_are_those_of_arkworks() {
        let mut random = ark_std::test_rng();
        let edges = [Fr::ZERO, Fr::from(1u64), -Fr::from(1u64), -Fr::from(2u64), Fr::from(u64::MAX)];
        for i in 0..2000 {
            let mut pick = |j: usize| {
                if (i + j).is_multiple_of(3) { edges[(i / 3 + j) % edges.len()] } else { Fr::rand(&mut random) }
            };
            let a: [Fr; 13] = core::array::from_fn(&mut pick);
            let b: [Fr; 13] = core::array::from_fn(|j| pick(j + 7));
            assert_eq!(columns::dot::<FrConfig, 1>(&[a[0]], &[b[0]]), a[0] * b[0]);
            let sum: Fr = a.iter().zip(&b).map(|(x, y)| *x * y).sum();
            assert_eq!(columns::dot::<FrConfig, 13>(&a, &b), sum);
        }
        let most = [-Fr::from(1u64); 13];
        assert_eq!(columns::dot::<FrConfig, 13>(&most, &most), Fr::from(13u64));
    }
}
