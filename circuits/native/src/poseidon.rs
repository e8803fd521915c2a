//! Poseidon over BN254 with 12 inputs, x^5, 8 full and 65 partial rounds, and the constants of circomlib
//! (Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems", 2019/458).
//! Constants come out of the paper's generator. Partial rounds multiply by sparse matrices (appendix B).

use crate::field::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};

/// Elements of the state: 12 inputs and the capacity.
pub const WIDTH: usize = 13;
/// Inputs of a hash.
pub const INPUTS: usize = WIDTH - 1;
const FULL_ROUNDS: usize = 8;
const PARTIAL_ROUNDS: usize = 65;

type State = [Fr; WIDTH];
type Matrix = [State; WIDTH];

/// A partial round's matrix: its first row, and its first column but for the corner. The rest is the identity.
struct Sparse {
    row: State,
    column: State,
}

/// What a hash needs, computed once.
pub struct Poseidon {
    full: [State; FULL_ROUNDS],
    partial: [Fr; PARTIAL_ROUNDS],
    mix: Matrix,
    sparse: Vec<Sparse>,
    /// What is left of the partial rounds' matrices, applied behind the last one.
    rest: Matrix,
}

impl Poseidon {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let mut grain = Grain::new();
        let mut rounds: Vec<State> =
            (0..FULL_ROUNDS + PARTIAL_ROUNDS).map(|_| core::array::from_fn(|_| grain.element())).collect();
        let points: [Fr; 2 * WIDTH] = core::array::from_fn(|_| grain.any_element());
        let mix: Matrix = core::array::from_fn(|i| {
            core::array::from_fn(|j| (points[i] + points[WIDTH + j]).inverse().expect("distinct points"))
        });

        // Constants behind the first element pass a partial round's S-box untouched, and so can be added behind its matrix.
        let first = FULL_ROUNDS / 2;
        for round in first..first + PARTIAL_ROUNDS {
            let mut moved = rounds[round];
            moved[0] = Fr::ZERO;
            let moved = multiply(&mix, &moved);
            for i in 0..WIDTH {
                rounds[round + 1][i] += moved[i];
            }
        }
        let partial = core::array::from_fn(|i| rounds[first + i][0]);
        let full = core::array::from_fn(|i| rounds[if i < first { i } else { i + PARTIAL_ROUNDS }]);

        // mix = dense * sparse, where dense leaves the first element alone and so can wait behind the next S-box.
        let mut sparse = Vec::with_capacity(PARTIAL_ROUNDS);
        let mut rest = identity();
        for _ in 0..PARTIAL_ROUNDS {
            let whole = product(&mix, &rest);
            rest = whole;
            rest[0] = identity()[0];
            let mut column = [Fr::ZERO; WIDTH];
            for i in 1..WIDTH {
                rest[i][0] = Fr::ZERO;
                column[i] = whole[i][0];
            }
            sparse.push(Sparse { row: whole[0], column: solve(&rest, column) });
        }
        Self { full, partial, mix, sparse, rest }
    }

    /// The hash of 12 elements.
    pub fn hash(&self, inputs: &[Fr; INPUTS]) -> Fr {
        let mut state = [Fr::ZERO; WIDTH];
        state[1..].copy_from_slice(inputs);
        let (before, behind) = self.full.split_at(FULL_ROUNDS / 2);
        for constants in before {
            self.full_round(&mut state, constants);
        }
        for (constant, Sparse { row, column }) in self.partial.iter().zip(&self.sparse) {
            let first = power_of_five(state[0] + constant);
            state[0] = first;
            let mixed = Fr::sum_of_products(&state, row);
            for i in 1..WIDTH {
                state[i] += first * column[i];
            }
            state[0] = mixed;
        }
        state = multiply(&self.rest, &state);
        for constants in behind {
            self.full_round(&mut state, constants);
        }
        state[0]
    }

    fn full_round(&self, state: &mut State, constants: &State) {
        for i in 0..WIDTH {
            state[i] = power_of_five(state[i] + constants[i]);
        }
        *state = multiply(&self.mix, state);
    }
}

fn power_of_five(x: Fr) -> Fr {
    x.square().square() * x
}

fn multiply(matrix: &Matrix, state: &State) -> State {
    core::array::from_fn(|i| Fr::sum_of_products(&matrix[i], state))
}

fn identity() -> Matrix {
    core::array::from_fn(|i| core::array::from_fn(|j| Fr::from(u64::from(i == j))))
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    core::array::from_fn(|i| core::array::from_fn(|j| (0..WIDTH).map(|k| a[i][k] * b[k][j]).sum()))
}

/// x with matrix * x = y, by elimination. Poseidon's matrices are maximum distance separable: no square part of them is singular.
fn solve(matrix: &Matrix, y: State) -> State {
    let (mut m, mut y) = (*matrix, y);
    for i in 0..WIDTH {
        let pivot = (i..WIDTH).find(|&k| m[k][i] != Fr::ZERO).expect("a regular matrix");
        m.swap(i, pivot);
        y.swap(i, pivot);
        let inverse = m[i][i].inverse().expect("a pivot is not zero");
        m[i] = m[i].map(|element| element * inverse);
        y[i] *= inverse;
        let (row, value) = (m[i], y[i]);
        for k in (0..WIDTH).filter(|&k| k != i) {
            let factor = m[k][i];
            m[k].iter_mut().zip(&row).for_each(|(element, pivot)| *element -= factor * pivot);
            y[k] -= factor * value;
        }
    }
    y
}

/// The paper's generator of constants: an 80-bit linear register that begins with the hash's parameters (appendix E).
struct Grain([bool; 80]);

const FIELD_BITS: usize = 254;

impl Grain {
    fn new() -> Self {
        let mut bits = [true; 80];
        // A prime field, the S-box x^alpha, the field's bits, the state's elements, full rounds, partial rounds; then ones.
        let parameters = [(2, 1), (4, 0), (12, FIELD_BITS), (12, WIDTH), (10, FULL_ROUNDS), (10, PARTIAL_ROUNDS)];
        let mut at = 0;
        for (length, value) in parameters {
            for i in (0..length).rev() {
                bits[at] = value >> i & 1 == 1;
                at += 1;
            }
        }
        let mut grain = Self(bits);
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    fn step(&mut self) -> bool {
        let b = &mut self.0;
        let bit = b[62] ^ b[51] ^ b[38] ^ b[23] ^ b[13] ^ b[0];
        b.rotate_left(1);
        b[79] = bit;
        bit
    }

    /// Of every two bits the second one, if the first is set.
    fn bit(&mut self) -> bool {
        while !self.step() {
            self.step();
        }
        self.step()
    }

    fn integer(&mut self) -> BigInt<4> {
        let mut limbs = [0u64; 4];
        for i in (0..FIELD_BITS).rev() {
            limbs[i / 64] |= u64::from(self.bit()) << (i % 64);
        }
        BigInt(limbs)
    }

    /// The next integer below the modulus.
    fn element(&mut self) -> Fr {
        loop {
            let integer = self.integer();
            if integer < Fr::MODULUS {
                return Fr::from_bigint(integer).expect("below the modulus");
            }
        }
    }

    /// The next integer, reduced.
    fn any_element(&mut self) -> Fr {
        let BigInt(limbs) = self.integer();
        let bytes: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        Fr::from_le_bytes_mod_order(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{INPUTS, Poseidon};
    use crate::field::Fr;
    use ark_ff::{PrimeField, UniformRand};
    use light_poseidon::PoseidonHasher;

    #[test]
    fn hashes_as_circomlib_does() {
        let ours = Poseidon::new();
        let mut theirs = light_poseidon::Poseidon::<ark_bn254::Fr>::new_circom(INPUTS).unwrap();
        let mut random = ark_std::test_rng();
        for _ in 0..20 {
            let inputs: [Fr; INPUTS] = core::array::from_fn(|_| Fr::rand(&mut random));
            let same = inputs.map(|x| ark_bn254::Fr::from_bigint(x.into_bigint()).unwrap());
            assert_eq!(ours.hash(&inputs).into_bigint(), theirs.hash(&same).unwrap().into_bigint());
        }
    }
}
