//! BN254's scalar field. The arithmetic is arkworks', but for products in WebAssembly: see [`columns`](crate::columns).

#[cfg(target_arch = "wasm32")]
use crate::columns;
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
        *a = columns::product(a, b);
    }

    #[cfg(target_arch = "wasm32")]
    fn square_in_place(a: &mut Fr) {
        *a = columns::square(a);
    }

    #[cfg(target_arch = "wasm32")]
    fn sum_of_products<const M: usize>(a: &[Fr; M], b: &[Fr; M]) -> Fr {
        columns::sum_of_products(a, b)
    }
}

#[cfg(test)]
mod tests {
    use super::Fr;
    use ark_ff::{Field, PrimeField};

    #[test]
    fn the_field_is_that_of_bn254() {
        use ark_bn254::Fr as Other;
        assert_eq!(Fr::MODULUS, Other::MODULUS);
        assert_eq!(Fr::from(7u64).inverse().unwrap().into_bigint(), Other::from(7u64).inverse().unwrap().into_bigint());
    }
}
