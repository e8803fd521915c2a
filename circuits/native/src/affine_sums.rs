//! Sums of points in affine coordinates, many at a time, so that they share the one inversion that an affine sum needs. A sum then
//! takes six products, where one in projective coordinates takes ten.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{AdditiveGroup, Field};

/// Sums that share an inversion. More would save little and leave the cache.
pub const TOGETHER: usize = 1024;

/// What [`add_each`] keeps between its two passes, so that its memory serves again.
pub struct Scratch<F> {
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

/// Adds an addend to each sum, with one inversion for all (Montgomery's trick).
pub fn add_each<P: SWCurveConfig>(sums: &mut [Affine<P>], addends: &[Affine<P>], scratch: &mut Scratch<P::BaseField>) {
    scratch.divisors.clear();
    scratch.products.clear();
    let mut product = P::BaseField::ONE;
    for (sum, addend) in sums.iter().zip(addends) {
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
    let divided = scratch.divisors.iter().zip(&scratch.products);
    for ((sum, addend), (&divisor, before)) in sums.iter_mut().zip(addends).zip(divided).rev() {
        if divisor == P::BaseField::ZERO {
            *sum = match (sum.is_zero(), addend.is_zero()) {
                (true, _) => *addend,
                (_, true) => *sum,
                // They are opposites.
                _ => Affine::identity(),
            };
            continue;
        }
        let reciprocal = inverse * before;
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
