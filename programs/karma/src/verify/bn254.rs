//! Points of BN254 as the machine's syscalls have them (EIP-196, EIP-197): coordinates of 32 bytes, big-endian, of an element of
//! the quadratic extension the imaginary part first. Zeros alone are the point at infinity. Compressed, a point is its x with the
//! highest bit set if y is the greater of the two.
use crate::state::Key;

pub const G1_BYTES: usize = 64;
pub const G2_BYTES: usize = 128;

pub type G1 = [u8; G1_BYTES];
pub type G2 = [u8; G2_BYTES];

/// The order of the field of coordinates.
const BASE_ORDER: Key = [
    0x30, 0x64, 0x4e, 0x72, 0xe1, 0x31, 0xa0, 0x29, 0xb8, 0x50, 0x45, 0xb6, 0x81, 0x81, 0x58, 0x5d, 0x97, 0x81, 0x6a,
    0x91, 0x68, 0x71, 0xca, 0x8d, 0x3c, 0x20, 0x8c, 0x16, 0xd8, 0x7c, 0xfd, 0x47,
];

/// The order of the groups: of the field of signals.
const GROUP_ORDER: Key = [
    0x30, 0x64, 0x4e, 0x72, 0xe1, 0x31, 0xa0, 0x29, 0xb8, 0x50, 0x45, 0xb6, 0x81, 0x81, 0x58, 0x5d, 0x28, 0x33, 0xe8,
    0x48, 0x79, 0xb9, 0x70, 0x91, 0x43, 0xe1, 0xf5, 0x93, 0xf0, 0x00, 0x00, 0x01,
];

/// True if a number is one of the field of signals.
#[inline(always)]
pub fn is_signal(number: &Key) -> bool {
    *number < GROUP_ORDER
}

/// True if all coordinates are of their field. The syscalls also take some that are not.
#[inline(always)]
pub fn has_coordinates(points: &[u8]) -> bool {
    points.as_chunks::<32>().0.iter().all(|coordinate| *coordinate < BASE_ORDER)
}

/// The point with the other y. Its coordinates must be of their field.
#[inline(always)]
pub fn negate(point: &G1) -> G1 {
    let mut out = *point;
    let (_, y) = out.split_at_mut(32);
    if y.iter().all(|byte| *byte == 0) {
        return out;
    }
    let mut borrow = 0;
    for (limb, of_order) in y.as_chunks_mut::<8>().0.iter_mut().zip(BASE_ORDER.as_chunks().0).rev() {
        let (difference, first) = u64::from_be_bytes(*of_order).overflowing_sub(u64::from_be_bytes(*limb));
        let (difference, second) = difference.overflowing_sub(borrow);
        *limb = difference.to_be_bytes();
        borrow = (first | second) as u64;
    }
    out
}

const ADD: u64 = 0;
const MULTIPLY: u64 = 2;
const PAIRING: u64 = 3;
const DECOMPRESS_G1: u64 = 1;
const DECOMPRESS_G2: u64 = 3;

/// `a + b`, or none if one of them is no point.
#[inline(always)]
pub fn add(a: &G1, b: &G1) -> Option<G1> {
    let mut input = [0u8; 2 * G1_BYTES];
    input[..G1_BYTES].copy_from_slice(a);
    input[G1_BYTES..].copy_from_slice(b);
    let mut out = [0; G1_BYTES];
    group_op(ADD, &input, &mut out).then_some(out)
}

/// `scalar x point`, or none if that is no point.
#[inline(always)]
pub fn multiply(point: &G1, scalar: &Key) -> Option<G1> {
    let mut input = [0u8; G1_BYTES + 32];
    input[..G1_BYTES].copy_from_slice(point);
    input[G1_BYTES..].copy_from_slice(scalar);
    let mut out = [0; G1_BYTES];
    group_op(MULTIPLY, &input, &mut out).then_some(out)
}

/// Whether the product of the pairings of `pairs`, of G1 and G2 each, is one, or none if one of their points is off its curve or
/// outside of its group.
#[inline(always)]
pub fn pair_to_one(pairs: &[[u8; G1_BYTES + G2_BYTES]]) -> Option<bool> {
    let mut out = [0; 32];
    group_op(PAIRING, pairs.as_flattened(), &mut out).then(|| out[31] == 1 && out[..31].iter().all(|byte| *byte == 0))
}

/// The point of a compressed one, or none if its x has no y. It is on its curve, whose only group it is.
#[inline(always)]
pub fn decompress_g1(point: &[u8; 32]) -> Option<G1> {
    let mut out = [0; G1_BYTES];
    compression(DECOMPRESS_G1, point, &mut out).then_some(out)
}

/// The point of a compressed one, or none if its x has no y. It is on the twist, which has other groups too: `pair_to_one` tells.
#[inline(always)]
pub fn decompress_g2(point: &[u8; 64]) -> Option<G2> {
    let mut out = [0; G2_BYTES];
    compression(DECOMPRESS_G2, point, &mut out).then_some(out)
}

#[cfg(target_arch = "bpf")]
#[inline(always)]
fn group_op(operation: u64, input: &[u8], out: &mut [u8]) -> bool {
    // SAFETY: the syscall reads the input and writes 64 bytes, or 32 for a pairing, which are the lengths that callers give.
    let code = unsafe {
        solana_define_syscall::definitions::sol_alt_bn128_group_op(
            operation,
            input.as_ptr(),
            input.len() as u64,
            out.as_mut_ptr(),
        )
    };
    code == 0
}

#[cfg(target_arch = "bpf")]
#[inline(always)]
fn compression(operation: u64, input: &[u8], out: &mut [u8]) -> bool {
    // SAFETY: the syscall reads the input and writes twice its length, which is the length that callers give.
    let code = unsafe {
        solana_define_syscall::definitions::sol_alt_bn128_compression(
            operation,
            input.as_ptr(),
            input.len() as u64,
            out.as_mut_ptr(),
        )
    };
    code == 0
}

/// The host has no curve; the in-process machine of test/program runs the real syscalls.
#[cfg(not(target_arch = "bpf"))]
fn group_op(_operation: u64, _input: &[u8], _out: &mut [u8]) -> bool {
    false
}

#[cfg(not(target_arch = "bpf"))]
fn compression(_operation: u64, _input: &[u8], _out: &mut [u8]) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn less_one(number: &Key) -> Key {
        let mut out = *number;
        out[31] -= 1;
        out
    }

    #[test]
    fn z_21_signals_are_below_the_order_of_the_groups() {
        assert!(is_signal(&[0; 32]) && is_signal(&less_one(&GROUP_ORDER)));
        assert!(!is_signal(&GROUP_ORDER) && !is_signal(&[0xff; 32]));
    }

    #[test]
    fn z_22_coordinates_are_below_the_order_of_their_field() {
        let highest = less_one(&BASE_ORDER);
        assert!(has_coordinates([[0; 32], highest].as_flattened()));
        assert!(!has_coordinates([highest, BASE_ORDER].as_flattened()));
        assert!(!has_coordinates([BASE_ORDER, [0; 32]].as_flattened()));
    }

    #[test]
    fn a_point_and_its_negative_have_one_x_and_the_ys_add_up_to_the_order() {
        let point: G1 = core::array::from_fn(|i| if i < 32 { 7 } else { 0x29 - (i as u8 - 32) });
        let other = negate(&point);
        assert_eq!(other[..32], point[..32]);
        let mut sum = [0; 32];
        let mut carry = 0;
        for i in (0..32).rev() {
            let digit = point[32 + i] as u32 + other[32 + i] as u32 + carry;
            sum[i] = digit as u8;
            carry = digit >> 8;
        }
        assert_eq!((sum, carry), (BASE_ORDER, 0));
        assert_eq!(negate(&other), point);
        assert_eq!(negate(&[0; 64]), [0; 64]);
    }
}
