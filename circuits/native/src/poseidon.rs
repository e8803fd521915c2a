//! Poseidon over BN254 with 12 inputs, x^5, 8 full and 65 partial rounds, and the constants of circomlib
//! (Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems", 2019/458).
//! Constants come out of the paper's generator.

use crate::columns::{Columns, Digits, Row};
use crate::field::{Fr, FrConfig};
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};

/// Elements of the state: 12 inputs and the capacity.
pub const WIDTH: usize = 13;
/// Inputs of a hash.
pub const INPUTS: usize = WIDTH - 1;
const FULL_ROUNDS: usize = 8;
const PARTIAL_ROUNDS: usize = 65;
/// Full rounds before the partial ones, and behind them.
const HALF: usize = FULL_ROUNDS / 2;
/// Pairs of elements behind the state's first.
const PAIRS: usize = INPUTS / 2;
/// As many partial rounds as there are elements behind the first: a window. Their first elements tell all others.
const WINDOW: usize = INPUTS;
/// A window's elements: behind the S-box of the round before it, then before and behind the S-box of each of its own rounds.
const SEEN: usize = 1 + 2 * WINDOW;

/// What a hash needs, computed once.
///
/// A partial round's S-box sees the first element alone, and all else is linear. So the twelve elements behind it need not be known:
/// a round's first element is a linear form of the window before it, the same one in every round. It costs 25 products and one
/// reduction, where matrices that are mostly zeros (the paper's appendix B) cost as many products and a reduction for every element.
pub struct Poseidon {
    /// The first round's constants.
    first: [Digits; WIDTH],
    mix: [Row<PAIRS>; WIDTH],
    /// What is added behind the matrix of a full round that another one follows, before the partial rounds and behind them.
    before: [[Digits; WIDTH]; HALF - 1],
    behind: [[Digits; WIDTH]; HALF - 1],
    /// What the last round's matrix takes to add nothing.
    last: Digits,
    /// From the state before the partial rounds and their first matrix to a window that would have led there: the first elements of
    /// rounds whose S-boxes gave zero, but for the last one's.
    enter: [Row<PAIRS>; WINDOW],
    entering: [Digits; WINDOW],
    /// What is added to the first element before each partial round.
    partial: [Digits; PARTIAL_ROUNDS],
    /// From a window to the state behind it. The first row is that of every partial round.
    leave: [Row<WINDOW>; WIDTH],
    leaving: [Digits; WIDTH],
}

impl Poseidon {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let mut grain = Grain::new();
        let mut rounds: Vec<[Fr; WIDTH]> =
            (0..FULL_ROUNDS + PARTIAL_ROUNDS).map(|_| core::array::from_fn(|_| grain.element())).collect();
        let points: [Fr; 2 * WIDTH] = core::array::from_fn(|_| grain.any_element());
        let mix: [[Fr; WIDTH]; WIDTH] = core::array::from_fn(|i| {
            core::array::from_fn(|j| (points[i] + points[WIDTH + j]).inverse().expect("distinct points"))
        });

        // Constants behind the first element pass a partial round's S-box untouched, and so can be added behind its matrix.
        for round in HALF..HALF + PARTIAL_ROUNDS {
            let moved = mix.map(|row| dot(&row[1..], &rounds[round][1..]));
            rounds[round + 1].iter_mut().zip(&moved).for_each(|(constant, moved)| *constant += moved);
        }
        let partial: Vec<Fr> = rounds[HALF..HALF + PARTIAL_ROUNDS].iter().map(|constants| constants[0]).collect();

        // A window and the round before it, as linear forms of the elements behind the first that they begin with and of what the
        // S-boxes give. No form takes the first element that they begin with.
        let unit = |i: usize| -> [Fr; SEEN] { core::array::from_fn(|j| Fr::from(u64::from(i == j))) };
        let mut state: [_; WIDTH] = core::array::from_fn(|i| unit(i.saturating_sub(1)));
        let mut window = vec![];
        let mut tail = vec![];
        for round in 0..=WINDOW {
            if round > 0 {
                window.push(state[0].to_vec());
            }
            if round == WINDOW {
                tail = state[1..].iter().map(|form| form[..WINDOW].to_vec()).collect();
            }
            state[0] = unit(WINDOW + round);
            window.push(state[0].to_vec());
            state = mix.map(|row| core::array::from_fn(|j| dot(&row, &state.map(|form| form[j]))));
        }
        let leave = quotients(&state.map(|form| form.to_vec()), &window);
        let firsts: Vec<_> = window[1..].iter().step_by(2).map(|form| form[..WINDOW].to_vec()).collect();
        let enter = quotients(&firsts, &tail);

        // A window's first elements have their rounds' constants in them, of which the forms know nothing. Before the first round there
        // are no constants.
        let constants_in = |row: &[Fr], round: usize| -> Fr {
            (0..WINDOW).filter(|j| round + j >= WINDOW).map(|j| row[1 + 2 * j] * partial[round + j - WINDOW]).sum()
        };
        let enter: [Vec<Fr>; WINDOW] = core::array::from_fn(|i| [&[Fr::ZERO], &enter[i][..]].concat());
        let full = |round: usize| core::array::from_fn(|i| Row::<PAIRS>::constant(&mix[i], rounds[round][i]));
        let behind = HALF + PARTIAL_ROUNDS;
        Self {
            first: rounds[0].map(Digits::of),
            mix: core::array::from_fn(|i| Row::new(&mix[i])),
            before: core::array::from_fn(|i| full(1 + i)),
            behind: core::array::from_fn(|i| full(behind + 1 + i)),
            last: Row::<PAIRS>::constant(&mix[0], Fr::ZERO),
            enter: core::array::from_fn(|i| Row::new(&enter[i])),
            entering: core::array::from_fn(|i| Row::<PAIRS>::constant(&enter[i], Fr::ZERO)),
            partial: core::array::from_fn(|i| {
                Row::<WINDOW>::constant(&leave[0], partial[i] - constants_in(&leave[0], i))
            }),
            leave: core::array::from_fn(|i| Row::new(&leave[i])),
            leaving: core::array::from_fn(|i| {
                Row::<WINDOW>::constant(&leave[i], rounds[behind][i] - constants_in(&leave[i], PARTIAL_ROUNDS))
            }),
        }
    }

    /// The hash of 12 elements.
    pub fn hash(&self, inputs: &[Fr; INPUTS]) -> Fr {
        // Up to 33 times the modulus, for the first S-boxes only.
        let mut state = self.first;
        for (element, input) in state[1..].iter_mut().zip(inputs) {
            *element = element.plus(input);
        }
        let mut state = state.map(power_of_five);
        for constants in &self.before {
            state = multiply(&self.mix, &state, constants).map(power_of_five);
        }
        state = self.partial_rounds(&state).map(power_of_five);
        for constants in &self.behind {
            state = multiply(&self.mix, &state, constants).map(power_of_five);
        }
        let [hash] = multiply(self.mix.first_chunk().expect("rows"), &state, &[self.last]);
        hash.element()
    }

    /// All partial rounds, and the matrix before them.
    fn partial_rounds(&self, state: &[Digits; WIDTH]) -> [Digits; WIDTH] {
        // First elements before S-boxes and behind them, in front of the rounds a window and the round before it; and their products.
        let mut seen = [[Digits::ZERO; 2]; 1 + WINDOW + PARTIAL_ROUNDS];
        let mut products = [Columns::ZERO; 1 + WINDOW + PARTIAL_ROUNDS];
        for (i, element) in multiply(&self.enter, state, &self.entering).into_iter().enumerate() {
            seen[1 + i][0] = element;
        }
        seen[WINDOW][1] = state[0];
        products[WINDOW] = Columns::product(&seen[WINDOW]);
        let mut sum = products[WINDOW];
        for (i, constant) in self.partial.iter().enumerate() {
            let element = self.leave[0].dot::<FrConfig>(&seen[i][1], window(&seen[i + 1..]), &sum, constant);
            let at = 1 + WINDOW + i;
            seen[at] = [element, power_of_five(element)];
            products[at] = Columns::product(&seen[at]);
            sum += &products[at];
            sum -= &products[1 + i];
        }
        let window = window(&seen[1 + PARTIAL_ROUNDS..]);
        core::array::from_fn(|i| {
            self.leave[i].dot::<FrConfig>(&seen[PARTIAL_ROUNDS][1], window, &sum, &self.leaving[i])
        })
    }
}

fn window(seen: &[[Digits; 2]]) -> &[[Digits; 2]; WINDOW] {
    seen.first_chunk().expect("a window")
}

/// Of a number from -33 m to 33 m for the modulus m. The fifth power is from -m/3 to 4m/3, since m^2 / 2^261 is less than m/168.
#[inline(never)]
fn power_of_five(x: Digits) -> Digits {
    x.squared::<FrConfig>().squared::<FrConfig>().times::<FrConfig>(&x)
}

fn multiply<const N: usize>(
    rows: &[Row<PAIRS>; N],
    [first, others @ ..]: &[Digits; WIDTH],
    constants: &[Digits; N],
) -> [Digits; N] {
    let pairs = others.as_chunks().0.first_chunk().expect("pairs");
    let mut products = Columns::ZERO;
    for pair in pairs {
        products += &Columns::product(pair);
    }
    core::array::from_fn(|i| rows[i].dot::<FrConfig>(first, pairs, &products, &constants[i]))
}

fn dot(a: &[Fr], b: &[Fr]) -> Fr {
    a.iter().zip(b).map(|(a, b)| *a * b).sum()
}

/// x with x * b = a, by elimination. What comes here is made of Poseidon's constants alone, for which b is regular.
fn quotients(a: &[Vec<Fr>], b: &[Vec<Fr>]) -> Vec<Vec<Fr>> {
    let size = b.len();
    let column = |i: usize| -> Vec<Fr> { b.iter().chain(a).map(|row| row[i]).collect() };
    let mut columns: Vec<_> = (0..size).map(column).collect();
    for i in 0..size {
        let pivot = (i..size).find(|&k| columns[k][i] != Fr::ZERO).expect("a regular matrix");
        columns.swap(i, pivot);
        let inverse = columns[i][i].inverse().expect("a pivot is not zero");
        columns[i].iter_mut().for_each(|element| *element *= inverse);
        let pivots = columns[i].clone();
        for k in (0..size).filter(|&k| k != i) {
            let factor = columns[k][i];
            columns[k].iter_mut().zip(&pivots).for_each(|(element, pivot)| *element -= factor * pivot);
        }
    }
    (0..a.len()).map(|i| columns.iter().map(|column| column[size + i]).collect()).collect()
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
