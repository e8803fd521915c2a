//! Montgomery products of numbers in nine digits of 29 bits, by columns. WebAssembly has no product of 64 x 64 bits; that of two
//! digits fits in 64 bits with room above it, so that a column is summed up without carries.
//!
//! Moduli are below 2^254, and nine digits hold 261 bits: numbers need not be reduced to the last, nor after every product.

use ark_ff::{BigInt, BigInteger, Field, Fp256, MontBackend, MontConfig, PrimeField};

type Element<C> = Fp256<MontBackend<C, 4>>;

const BITS: u32 = 29;
const MASK: i64 = (1 << BITS) - 1;

/// Writes its body out for i = 0 to 8, or for i = 0 to 16: what a compiler leaves as a loop keeps its columns in memory.
macro_rules! unroll {
    (digit $i:ident $body:block) => { unroll!([0 1 2 3 4 5 6 7 8] $i $body) };
    (column $i:ident $body:block) => { unroll!([0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16] $i $body) };
    ([$($n:literal)*] $i:ident $body:block) => {{ $({ let $i: usize = $n; $body })* }};
}

/// A number in nine digits, the lowest first. All but the highest one are 0 to 2^29 - 1; that one has the number's sign.
#[derive(Clone, Copy)]
pub struct Digits([i64; 9]);

impl Digits {
    pub const ZERO: Self = Self([0; 9]);

    #[inline(always)]
    pub const fn new(BigInt(words): &BigInt<4>) -> Self {
        let mut digits = [0; 9];
        let mut i = 0;
        while i < 9 {
            let (word, shift) = (29 * i / 64, 29 * i % 64);
            let mut digit = words[word] >> shift;
            if shift > 64 - 29 && word < 3 {
                digit |= words[word + 1] << (64 - shift);
            }
            digits[i] = digit as i64 & MASK;
            i += 1;
        }
        Self(digits)
    }

    /// 2^261 x modulo C's modulus, which is how numbers are multiplied here.
    pub fn of<C: MontConfig<4>>(x: Element<C>) -> Self {
        Self::new(&(x * Element::<C>::from(2u64).pow([261])).into_bigint())
    }

    /// 2^5 x + self, for the 2^256 x of arkworks.
    pub fn plus<C: MontConfig<4>>(&self, x: &Element<C>) -> Self {
        let mut sum = *self;
        for (digit, other) in sum.0.iter_mut().zip(Self::new(&x.0).0) {
            *digit += other << 5;
        }
        for i in 0..8 {
            sum.0[i + 1] += sum.0[i] >> BITS;
            sum.0[i] &= MASK;
        }
        sum
    }

    /// The element that this is 2^261 times of, for -m to 30 m of C's modulus m.
    pub fn element<C: MontConfig<4>>(&self) -> Element<C> {
        // (self + m) 2^251, divided by 2^256.
        let modulus = const { Self::new(&C::MODULUS) };
        let mut t = Columns::ZERO;
        for i in 0..9 {
            t.0[8 + i] = (self.0[i] + modulus.0[i]) << 19;
        }
        to_element(t)
    }

    /// self * other / 2^261 modulo C's modulus.
    #[inline(always)]
    pub fn times<C: MontConfig<4>>(&self, other: &Self) -> Self {
        divide::<C, BITS>(Product(&self.0, &other.0)).1
    }

    /// self^2 / 2^261 modulo C's modulus.
    #[inline(always)]
    pub fn squared<C: MontConfig<4>>(&self) -> Self {
        let twice = self.0.map(|digit| 2 * digit);
        divide::<C, BITS>(Square(&self.0, &twice)).1
    }

    /// Digit by digit, and so with digits of -2^29 + 1 to 2^29 - 1.
    #[inline(always)]
    fn minus(&self, other: &Self) -> [i64; 9] {
        core::array::from_fn(|i| self.0[i] - other.0[i])
    }
}

/// A number in 18 columns, that of 2^(29 i) at i: a sum of a few products, each of them carried and so with columns below 2^29.
#[derive(Clone, Copy)]
pub struct Columns([i64; 18]);

impl Columns {
    pub const ZERO: Self = Self([0; 18]);

    /// Adds at most three products of numbers, and carries. A product of digits is below 2^58 in size and a column has nine of them,
    /// so that a column stays below 27 * 2^58 and what is carried, which is less than 2^63.
    #[inline(always)]
    fn add(&mut self, sum: impl Sum) {
        let mut carry = 0;
        unroll!(column k {
            let sum = self.0[k] + carry + sum.column(k);
            self.0[k] = sum & MASK;
            carry = sum >> BITS;
        });
        self.0[17] += carry;
    }

    pub fn product([a, b]: &[Digits; 2]) -> Self {
        let mut product = Self::ZERO;
        product.add(Product(&a.0, &b.0));
        product
    }
}

impl core::ops::AddAssign<&Self> for Columns {
    fn add_assign(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(column, other)| *column += other);
    }
}

impl core::ops::SubAssign<&Self> for Columns {
    fn sub_assign(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(column, other)| *column -= other);
    }
}

/// Factors for an odd number of elements: one for the first, and for all others by pairs.
pub struct Row<const PAIRS: usize> {
    first: Digits,
    pairs: [[Digits; 2]; PAIRS],
}

impl<const PAIRS: usize> Row<PAIRS> {
    pub fn new<C: MontConfig<4>>(factors: &[Element<C>]) -> Self {
        let factor = |i: usize| Digits::of(factors[i]);
        Self { first: factor(0), pairs: core::array::from_fn(|i| [factor(1 + 2 * i), factor(2 + 2 * i)]) }
    }

    /// What `dot` takes to add x.
    pub fn constant<C: MontConfig<4>>(factors: &[Element<C>], x: Element<C>) -> Digits {
        let products: Element<C> = factors[1..].chunks_exact(2).map(|pair| pair[0] * pair[1]).sum();
        Digits::of((x + products) * Element::<C>::from(2u64).pow([261]))
    }

    /// The sum of all elements times their factors, and of what `constant` was made for. `products` is the sum of each pair's
    /// product of elements.
    ///
    /// For elements a, b and factors c, d, a c + b d = (d - a) (b - c) + a b + c d. The third term does not depend on the row, nor
    /// the last one on the elements, so that a pair costs one product (Winograd, "A New Algorithm for Inner Product", 1968).
    ///
    /// Elements are from -m/3 to 4m/3 for C's modulus m, factors from 0 to m, and the result is like the elements: 12 pairs without
    /// their c d are from -20 m^2 to 32 m^2, and with all else it is still less than 34 m^2 in size, which is m/3 times 2^261 at most.
    // On its own, so that there is one copy for each size: the code is long, and an instance compiles it when it starts.
    #[inline(never)]
    pub fn dot<C: MontConfig<4>>(
        &self,
        first: &Digits,
        pairs: &[[Digits; 2]; PAIRS],
        products: &Columns,
        constant: &Digits,
    ) -> Digits {
        const { assert!(PAIRS.is_multiple_of(3) && PAIRS <= 12) };
        let mut t = *products;
        unroll!(digit i {
            t.0[i] += constant.0[i];
        });
        for (elements, factors) in pairs.chunks_exact(3).zip(self.pairs.chunks_exact(3)) {
            let left: [_; 3] = core::array::from_fn(|i| factors[i][1].minus(&elements[i][0]));
            let right: [_; 3] = core::array::from_fn(|i| elements[i][1].minus(&factors[i][0]));
            let product = |i: usize| Product(&left[i], &right[i]);
            t.add((product(0), (product(1), product(2))));
        }
        divide::<C, BITS>((t, Product(&first.0, &self.first.0))).1
    }
}

/// The product of elements as arkworks has them.
#[cfg(any(target_arch = "wasm32", test))]
#[inline(always)]
pub fn product<C: MontConfig<4>>(a: &Element<C>, b: &Element<C>) -> Element<C> {
    to_element(Product(&Digits::new(&a.0).0, &Digits::new(&b.0).0))
}

/// The sum of the products of elements as arkworks has them. It divides once where they are two, as in a field's quadratic extension.
#[cfg(any(target_arch = "wasm32", test))]
#[inline(always)]
pub fn sum_of_products<C: MontConfig<4>, const M: usize>(a: &[Element<C>; M], b: &[Element<C>; M]) -> Element<C> {
    if M != 2 {
        return a.iter().zip(b).map(|(a, b)| product(a, b)).sum();
    }
    let digits = |x: &Element<C>| Digits::new(&x.0).0;
    let (a, b) = (a.each_ref().map(digits), b.each_ref().map(digits));
    to_element((Product(&a[0], &b[0]), Product(&a[1], &b[1])))
}

/// The square of an element as arkworks has it.
#[cfg(any(target_arch = "wasm32", test))]
#[inline(always)]
pub fn square<C: MontConfig<4>>(a: &Element<C>) -> Element<C> {
    let a = Digits::new(&a.0).0;
    let twice = a.map(|digit| 2 * digit);
    to_element(Square(&a, &twice))
}

/// What a number in columns is made of. A trait and no closure: only functions can be always inlined, and a column that is not known
/// when this is compiled costs a third more.
trait Sum {
    fn column(&self, k: usize) -> i64;
}

impl Sum for Columns {
    #[inline(always)]
    fn column(&self, k: usize) -> i64 {
        self.0[k]
    }
}

impl<A: Sum, B: Sum> Sum for (A, B) {
    #[inline(always)]
    fn column(&self, k: usize) -> i64 {
        self.0.column(k) + self.1.column(k)
    }
}

struct Product<'a>(&'a [i64; 9], &'a [i64; 9]);

impl Sum for Product<'_> {
    #[inline(always)]
    fn column(&self, k: usize) -> i64 {
        let mut sum = 0;
        unroll!(digit i {
            if i <= k && k - i < 9 {
                sum += self.0[i] * self.1[k - i];
            }
        });
        sum
    }
}

/// A number's digits, and twice those.
struct Square<'a>(&'a [i64; 9], &'a [i64; 9]);

impl Sum for Square<'_> {
    #[inline(always)]
    fn column(&self, k: usize) -> i64 {
        let mut sum = 0;
        unroll!(digit i {
            if 2 * i < k && k - i < 9 {
                sum += self.1[i] * self.0[k - i];
            } else if 2 * i == k {
                sum += self.0[i] * self.0[i];
            }
        });
        sum
    }
}

/// Adds to a number a multiple of C's modulus m that makes 2^(232 + LAST) divide it, and divides. Returns bits LAST to 28 of column
/// 8, and what is above that column, which is the number divided by 2^261.
///
/// The multiple is below (1 + 2^-22) 2^(232 + LAST) m. It puts nine products of digits into a column, which leaves the number's own
/// columns 22 of 2^58.
#[inline(always)]
fn divide<C: MontConfig<4>, const LAST: u32>(sum: impl Sum) -> (i64, Digits) {
    const { assert!(C::MODULUS.0[3] >> 62 == 0) };
    let modulus = const { Digits::new(&C::MODULUS).0 };
    let inverse = const { inverse_of_digit::<C>().0 };
    // Of columns 0 to 8 what they are cleared with, of columns above them their digits.
    let mut out = [0; 18];
    let mut low = 0;
    let mut carry = 0;
    unroll!(column k {
        let mut column = sum.column(k) + carry;
        unroll!(digit i {
            if i < 7 && i < k && k - i <= 9 {
                column += out[i] * inverse[k - i - 1];
            } else if i >= 7 && i < k && k - i < 9 {
                column += out[i] * modulus[k - i];
            }
        });
        out[k] = column & MASK;
        if k == 7 || k == 8 {
            // A multiple of m clears a column after two products in a row, and adds the least. The columns below wait for one
            // product only: what is in them is as good one column higher, times 2^-29 modulo m.
            let mask = if k == 7 { MASK } else { (1 << LAST) - 1 };
            out[k] = column.wrapping_mul(C::INV as i64) & mask;
            column += out[k] * modulus[0];
            low = (column & MASK) >> LAST;
        }
        carry = column >> BITS;
    });
    out[17] = sum.column(17) + carry;
    (low, Digits(core::array::from_fn(|i| out[9 + i])))
}

/// 2^-29 modulo C's modulus m: the multiple of m that ends with 29 ones, and 1, without their zeros.
const fn inverse_of_digit<C: MontConfig<4>>() -> Digits {
    let factor = C::INV & MASK as u64;
    let mut words = [0; 5];
    let mut sum = 1;
    let mut i = 0;
    while i < 4 {
        sum += C::MODULUS.0[i] as u128 * factor as u128;
        words[i] = sum as u64;
        sum >>= 64;
        i += 1;
    }
    words[4] = sum as u64;
    i = 0;
    while i < 4 {
        words[i] = words[i] >> BITS | words[i + 1] << (64 - BITS);
        i += 1;
    }
    let [a, b, c, d, _] = words;
    Digits::new(&BigInt([a, b, c, d]))
}

/// A number divided by 2^256 modulo C's modulus m, as arkworks has it: from 0 to m - 1. The number is from 0 to 31/32 of 2^256 m, so
/// that the division leaves less than 2 m.
#[inline(always)]
fn to_element<C: MontConfig<4>>(sum: impl Sum) -> Element<C> {
    let (low, Digits(digits)) = divide::<C, 24>(sum);
    let mut words = [low as u64, 0, 0, 0];
    unroll!(digit i {
        let (word, shift) = ((5 + 29 * i) / 64, (5 + 29 * i) % 64);
        words[word] |= (digits[i] as u64) << shift;
        if shift > 64 - 29 && word < 3 {
            words[word + 1] |= digits[i] as u64 >> (64 - shift);
        }
    });
    let mut out = BigInt(words);
    if out >= C::MODULUS {
        out.sub_with_borrow(&C::MODULUS);
    }
    Element::<C>::new_unchecked(out)
}

#[cfg(test)]
mod tests {
    use super::{Columns, Digits, Element, MASK, Row, product, square, sum_of_products};
    use crate::field::FrConfig;
    use ark_bn254::FqConfig;
    use ark_ff::{BigInt, BigInteger, MontConfig, UniformRand};

    /// Numbers below the modulus around which a digit begins, and those whose digits are as large as they can be.
    fn edges<C: MontConfig<4>>() -> Vec<BigInt<4>> {
        let mut edges = vec![BigInt([0; 4]), BigInt([u64::MAX, u64::MAX, u64::MAX, u64::MAX >> 3])];
        for i in 0..9 {
            let power = BigInt::from(1u64) << (29 * i);
            let (mut less, mut opposite) = (power, C::MODULUS);
            less.sub_with_borrow(&BigInt::from(1u64));
            opposite.sub_with_borrow(&power);
            edges.extend([power, less, opposite]);
        }
        edges
    }

    fn as_arkworks_has_them<C: MontConfig<4>>() {
        let mut random = ark_std::test_rng();
        let mut elements: Vec<Element<C>> = edges::<C>().into_iter().map(Element::<C>::new_unchecked).collect();
        elements.extend((0..30).map(|_| Element::<C>::rand(&mut random)));
        let one = Digits::of(Element::<C>::from(1u64));
        for &a in &elements {
            let digits = Digits::ZERO.plus(&a);
            assert_eq!(square(&a), a * a);
            assert_eq!(digits.element::<C>(), a);
            assert_eq!(Digits::of(a).element::<C>(), a);
            assert_eq!(digits.squared::<C>().element::<C>(), a * a);
            for &b in &elements {
                assert_eq!(product(&a, &b), a * b);
                assert_eq!(sum_of_products(&[a, b], &[b, b]), a * b + b * b);
                assert_eq!(sum_of_products(&[a, b, a], &[b, b, a]), a * b + b * b + a * a);
                assert_eq!(digits.times::<C>(&Digits::ZERO.plus(&b)).element::<C>(), a * b);
                assert_eq!(Digits::of(b).plus(&a).times::<C>(&one).element::<C>(), a + b);
            }
        }
        let largest = -Element::<C>::from(1u64);
        assert_eq!(sum_of_products(&[largest; 2], &[largest; 2]), Element::<C>::from(2u64));
    }

    #[test]
    fn products_and_squares_are_those_of_arkworks() {
        as_arkworks_has_them::<FrConfig>();
        as_arkworks_has_them::<FqConfig>();
    }

    fn rows_of<const PAIRS: usize, C: MontConfig<4>>() {
        let mut random = ark_std::test_rng();
        let mut factors: Vec<Digits> = edges::<C>().iter().map(Digits::new).collect();
        factors.extend((0..10).map(|_| Digits::of(Element::<C>::rand(&mut random))));
        // Almost -m/3 and 4m/3.
        let highest = Digits::new(&C::MODULUS).0[8] / 3;
        let mut elements = factors.clone();
        for digit in [0, MASK] {
            elements.extend([-highest, 4 * highest - 1].map(|highest| {
                let mut digits = [digit; 9];
                digits[8] = highest;
                Digits(digits)
            }));
        }
        for i in 0..3000 {
            // Few kinds at a time, or sums would all be middling.
            let kinds: [usize; 4] = core::array::from_fn(|_| usize::rand(&mut random));
            let mut pick = |from: &[Digits], j: usize| match i % 3 {
                0 => from[usize::rand(&mut random) % from.len()],
                _ => from[kinds[j] % from.len()],
            };
            let first = pick(&elements, 0);
            let pairs: [[Digits; 2]; PAIRS] = core::array::from_fn(|_| [pick(&elements, 0), pick(&elements, 1)]);
            let row: Vec<Element<C>> = (0..=2 * PAIRS).map(|j| pick(&factors, 2 + j % 2).element()).collect();
            let added = Element::<C>::rand(&mut random);
            let mut products = Columns::ZERO;
            pairs.iter().for_each(|pair| products += &Columns::product(pair));
            let factors = Row::<PAIRS>::new(&row);
            let constant = Row::<PAIRS>::constant(&row, added);
            let all = [&[first], pairs.as_flattened()].concat();
            let sum = all.iter().zip(&row).map(|(element, factor)| element.element::<C>() * factor).sum::<Element<C>>();
            let dot = factors.dot::<C>(&first, &pairs, &products, &constant);
            assert_eq!(dot.element::<C>(), sum + added);
            assert!(dot.0[..8].iter().all(|digit| (0..=MASK).contains(digit)));
            assert!((-highest..=4 * highest).contains(&dot.0[8]));
        }
    }

    #[test]
    fn rows_multiply_as_arkworks_does() {
        rows_of::<6, FrConfig>();
        rows_of::<12, FrConfig>();
        rows_of::<12, FqConfig>();
    }
}
