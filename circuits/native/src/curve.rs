//! BN254's groups for keys and proofs: the one place that says which arithmetic they use. Outside WebAssembly it is arkworks' own;
//! inside, products are those of `columns.rs`.

#[cfg(target_arch = "wasm32")]
use crate::columns;
use ark_ec::CurveConfig;
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ff::{AdditiveGroup, BigInt, Field, Fp2, Fp2Config, Fp256, MontBackend, MontConfig, MontFp};

pub use crate::field::Fr;

/// See [`Fq`].
pub struct FqConfig;

/// An element of the base field.
pub type Fq = Fp256<MontBackend<FqConfig, 4>>;

impl MontConfig<4> for FqConfig {
    const MODULUS: BigInt<4> = BigInt!("21888242871839275222246405745257275088696311157297823662689037894645226208583");
    const GENERATOR: Fq = MontFp!("3");
    const TWO_ADIC_ROOT_OF_UNITY: Fq = MontFp!("-1");

    #[cfg(target_arch = "wasm32")]
    #[inline(never)]
    fn mul_assign(a: &mut Fq, b: &Fq) {
        *a = columns::product(a, b);
    }

    #[cfg(target_arch = "wasm32")]
    #[inline(never)]
    fn square_in_place(a: &mut Fq) {
        *a = columns::square(a);
    }

    #[cfg(target_arch = "wasm32")]
    fn sum_of_products<const M: usize>(a: &[Fq; M], b: &[Fq; M]) -> Fq {
        columns::sum_of_products(a, b)
    }
}

/// See [`Fq2`].
pub struct Fq2Config;

/// An element of the base field's extension by a root of -1.
pub type Fq2 = Fp2<Fq2Config>;

impl Fp2Config for Fq2Config {
    type Fp = Fq;
    const NONRESIDUE: Fq = MontFp!("-1");
    const FROBENIUS_COEFF_FP2_C1: &'static [Fq] = &[Fq::ONE, MontFp!("-1")];

    #[inline(always)]
    fn mul_fp_by_nonresidue_in_place(element: &mut Fq) -> &mut Fq {
        element.neg_in_place()
    }
}

/// See [`G1Affine`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct G1Config;

/// A point of the first group; (0, 0) is the neutral one, as in snarkjs' files.
pub type G1Affine = Affine<G1Config>;
/// A point of the first group while sums are made.
pub type G1 = Projective<G1Config>;

impl CurveConfig for G1Config {
    type BaseField = Fq;
    type ScalarField = Fr;
    const COFACTOR: &'static [u64] = &[1];
    const COFACTOR_INV: Fr = Fr::ONE;
}

impl SWCurveConfig for G1Config {
    const COEFF_A: Fq = Fq::ZERO;
    const COEFF_B: Fq = MontFp!("3");
    const GENERATOR: G1Affine = G1Affine::new_unchecked(Fq::ONE, MontFp!("2"));
    type ZeroFlag = ();

    #[inline(always)]
    fn mul_by_a(_: Fq) -> Fq {
        Fq::ZERO
    }
}

/// See [`G2Affine`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct G2Config;

/// A point of the second group; (0, 0) is the neutral one, as in snarkjs' files.
pub type G2Affine = Affine<G2Config>;
/// A point of the second group while sums are made.
pub type G2 = Projective<G2Config>;

impl CurveConfig for G2Config {
    type BaseField = Fq2;
    type ScalarField = Fr;
    const COFACTOR: &'static [u64] = &[0x345f2299c0f9fa8d, 0x06ceecda572a2489, 0xb85045b68181585e, 0x30644e72e131a029];
    const COFACTOR_INV: Fr = MontFp!("10944121435919637613327163357776759465618812564592884533313067514031822496649");
}

impl SWCurveConfig for G2Config {
    const COEFF_A: Fq2 = Fq2::ZERO;
    const COEFF_B: Fq2 = Fq2::new(
        MontFp!("19485874751759354771024239261021720505790618469301721065564631296452457478373"),
        MontFp!("266929791119991161246907387137283842545076965332900288569378510910307636690"),
    );
    const GENERATOR: G2Affine = G2Affine::new_unchecked(
        Fq2::new(
            MontFp!("10857046999023057135944570762232829481370756359578518086990519993285655852781"),
            MontFp!("11559732032986387107991004021392285783925812861821192530917403151452391805634"),
        ),
        Fq2::new(
            MontFp!("8495653923123431417604973247489272438418190587263600148770280649306958101930"),
            MontFp!("4082367875863433681332203403145435568316851327593401208105741076214120093531"),
        ),
    );
    type ZeroFlag = ();

    #[inline(always)]
    fn mul_by_a(_: Fq2) -> Fq2 {
        Fq2::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Bn254;
    use ark_ec::pairing::Pairing;

    #[test]
    fn the_groups_are_those_of_bn254() {
        use ark_ec::AffineRepr;
        let (one_1, one_2) = (<Bn254 as Pairing>::G1Affine::generator(), <Bn254 as Pairing>::G2Affine::generator());
        let (ours_1, ours_2) = (G1Affine::generator(), G2Affine::generator());
        assert_eq!((ours_1.x.0, ours_1.y.0), (one_1.x.0, one_1.y.0));
        let parts = |point: (BigInt<4>, BigInt<4>, BigInt<4>, BigInt<4>)| [point.0, point.1, point.2, point.3];
        assert_eq!(
            parts((ours_2.x.c0.0, ours_2.x.c1.0, ours_2.y.c0.0, ours_2.y.c1.0)),
            parts((one_2.x.c0.0, one_2.x.c1.0, one_2.y.c0.0, one_2.y.c1.0))
        );
        assert!(ours_1.is_on_curve() && ours_2.is_on_curve());
        assert!(ours_1.is_in_correct_subgroup_assuming_on_curve() && ours_2.is_in_correct_subgroup_assuming_on_curve());
        assert_eq!(<G2Config as CurveConfig>::COFACTOR, <ark_bn254::g2::Config as CurveConfig>::COFACTOR);
    }
}
