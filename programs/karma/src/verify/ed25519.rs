//! F-05: whether an Ed25519 signature (RFC 8032) over a message of 32 bytes holds. The precompile can only show that one does: a
//! transaction in which it fails leaves nothing.
use super::sha512::sha512_of_96;
use crate::{
    error::{require, KarmaError},
    state::Key,
};
use core::array::from_fn;
use pinocchio::error::ProgramError;

/// A number of 256 bits, the lowest 64 first.
type Limbs = [u64; 4];

/// The order of the base point's group, 2^252 + 27742317777372353535851937790883648493.
const ORDER: Limbs = [0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0x0, 0x1000000000000000];
/// The order of the field, 2^255 - 19.
const FIELD: Limbs = [0xffffffffffffffed, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff];
/// The y of the eight points whose order divides eight.
const SMALL_ORDER: [Limbs; 5] = [
    [0, 0, 0, 0],
    [1, 0, 0, 0],
    [0xffffffffffffffec, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff],
    [0xb027b2c28f95e826, 0xf098eff289f4c345, 0x3933c6d305acdfd5, 0x5fc536d880238b1],
    [0x4fd84d3d706a17c7, 0xf67100d760b3cba, 0xc6cc392cfa53202a, 0x7a03ac9277fdc74e],
];
const SIGN_BIT: u8 = 0x80;

pub struct Signature<'a> {
    pub key: &'a Key,
    pub message: &'a Key,
    pub r: &'a Key,
    pub s: &'a Key,
}

/// F-05, whole: encodings canonical, S below the order, neither key nor R of small order, and `R = [S]B - [k]A` byte for byte,
/// without the cofactor, with k reduced by the order: for a key with a part of small order that decides.
#[inline(never)]
pub fn holds(signature: &Signature) -> Result<bool, ProgramError> {
    let Signature { key, message, r, s } = *signature;
    if !is_below(&limbs(s), &ORDER) || !may_be_key(key) || is_of_small_order(r) || !curve::is_point(key) {
        return Ok(false);
    }
    let k = reduce(&sha512_of_96(&[r, key, message]));
    let mut negated = *key;
    negated[31] ^= SIGN_BIT;
    // What a sum is encoded as is canonical, so that no other encoding of R is equal to it.
    Ok(curve::sum_of_products(&[*s, k], &negated)? == *r)
}

/// What the bytes of a key alone say. A y of the field's order or above, or of a point of small order, is refused.
#[inline(always)]
fn may_be_key(key: &Key) -> bool {
    is_below(&y_of(key), &FIELD) && !is_of_small_order(key)
}

#[inline(always)]
fn is_of_small_order(point: &Key) -> bool {
    SMALL_ORDER.contains(&y_of(point))
}

#[inline(always)]
fn y_of(point: &Key) -> Limbs {
    let mut y = limbs(point);
    y[3] &= !(u64::from(SIGN_BIT) << 56);
    y
}

#[inline(always)]
fn limbs(bytes: &Key) -> Limbs {
    from_fn(|i| limb(bytes, i))
}

#[inline(always)]
fn limb(bytes: &[u8], i: usize) -> u64 {
    let mut limb = [0; 8];
    limb.copy_from_slice(&bytes[8 * i..8 * i + 8]);
    u64::from_le_bytes(limb)
}

#[inline(always)]
fn is_below(a: &Limbs, b: &Limbs) -> bool {
    for i in (0..4).rev() {
        if a[i] != b[i] {
            return a[i] < b[i];
        }
    }
    false
}

/// 512 bits, the lowest first, modulo the order.
#[inline(never)]
fn reduce(wide: &[u8; 64]) -> Key {
    // The upper 252 bits are below the order; the other 260 follow one by one.
    let mut rest: Limbs = from_fn(|i| {
        let above = if i == 3 { 0 } else { limb(wide, 5 + i) };
        limb(wide, 4 + i) >> 4 | above << 60
    });
    for at in (0..260).rev() {
        let bit = wide[at / 8] >> (at % 8) & 1;
        // Below the order, twice as much fits 254 bits.
        rest = from_fn(|i| rest[i] << 1 | if i == 0 { u64::from(bit) } else { rest[i - 1] >> 63 });
        if !is_below(&rest, &ORDER) {
            rest = without_order(&rest);
        }
    }
    let mut out = [0; 32];
    for (i, limb) in rest.into_iter().enumerate() {
        out[8 * i..8 * i + 8].copy_from_slice(&limb.to_le_bytes());
    }
    out
}

/// `value - ORDER`, for a value that is not below it.
#[inline(always)]
fn without_order(value: &Limbs) -> Limbs {
    let mut out = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (difference, below) = value[i].overflowing_sub(ORDER[i]);
        let (difference, below_by_one) = difference.overflowing_sub(u64::from(borrow));
        out[i] = difference;
        borrow = below || below_by_one;
    }
    out
}

#[cfg(target_arch = "bpf")]
mod curve {
    use super::*;
    use solana_define_syscall::definitions::{sol_curve_multiscalar_mul, sol_curve_validate_point};

    /// Curve25519 as Edwards has it.
    const EDWARDS: u64 = 0;
    /// The base point: y = 4/5, x even.
    const BASE: Key = {
        let mut bytes = [0x66; 32];
        bytes[0] = 0x58;
        bytes
    };

    #[inline(always)]
    pub fn is_point(point: &Key) -> bool {
        let mut unused = 0u8;
        // SAFETY: the syscall reads 32 bytes and writes nothing.
        unsafe { sol_curve_validate_point(EDWARDS, point.as_ptr(), &mut unused) == 0 }
    }

    /// `[scalars[0]]B + [scalars[1]]point`, encoded. `BadPoint` for a point or a scalar that the machine does not take.
    #[inline(always)]
    pub fn sum_of_products(scalars: &[Key; 2], point: &Key) -> Result<Key, ProgramError> {
        let points = [BASE, *point];
        let mut out = [0u8; 32];
        // SAFETY: the syscall reads two scalars and two points of 32 bytes and writes one.
        let code = unsafe {
            sol_curve_multiscalar_mul(
                EDWARDS,
                scalars.as_flattened().as_ptr(),
                points.as_flattened().as_ptr(),
                2,
                out.as_mut_ptr(),
            )
        };
        require(code == 0, KarmaError::BadPoint)?;
        Ok(out)
    }
}

/// The host has no curve; the in-process machine of test/program runs the real system calls.
#[cfg(not(target_arch = "bpf"))]
mod curve {
    use super::*;

    pub fn is_point(_point: &Key) -> bool {
        true
    }

    pub fn sum_of_products(_scalars: &[Key; 2], _point: &Key) -> Result<Key, ProgramError> {
        require(false, KarmaError::BadPoint).map(|()| [0; 32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{bytes, key, read};

    #[test]
    fn f_05_reduces_by_the_order() {
        let vectors = read("signature");
        let rows = vectors["reductions"].as_array().unwrap();
        assert_eq!(rows.len(), 32);
        for v in rows {
            let wide: [u8; 64] = bytes(&v["wide"]).try_into().unwrap();
            assert_eq!(reduce(&wide), key(&v["reduced"]), "{v}");
        }
    }

    #[test]
    fn f_05_what_needs_no_curve() {
        let vectors = read("signature");
        let of = |name: &str| {
            let cases = vectors["cases"].as_array().unwrap();
            cases.iter().find(|case| case["name"] == name).unwrap().clone()
        };
        let identity = |name: &str| key(&of(name)["identity"]);
        assert!(may_be_key(&identity("a plain signature")));
        assert!(may_be_key(&identity("a key with a part of small order that cancels")));
        assert!(!may_be_key(&identity("a key of small order")));
        assert!(!may_be_key(&identity("a zero key")));
        assert!(!may_be_key(&identity("a key written with y = p + 1")));
        // A y of the order less one is that of the point of order 2, and the order itself is none.
        for low in 0xec..=0xff {
            let mut y = [0xff; 32];
            (y[0], y[31]) = (low, 0x7f);
            assert!(!may_be_key(&y), "{low}");
        }
        let mut y = [0xff; 32];
        (y[0], y[31]) = (0xeb, 0x7f);
        assert!(may_be_key(&y));
        for (name, is_scalar) in [("a plain signature", true), ("S + L", false), ("S = L", false)] {
            let signature = bytes(&of(name)["signature"]);
            let s: Key = signature[32..].try_into().unwrap();
            assert_eq!(is_below(&limbs(&s), &ORDER), is_scalar, "{name}");
        }
        let r: Key = bytes(&of("R is the neutral element")["signature"])[..32].try_into().unwrap();
        assert!(is_of_small_order(&r));
    }
}
