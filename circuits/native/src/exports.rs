//! What a host calls. It writes arguments into memory that it allocated here.

use crate::commitment::{Refusal, commit, hash_list};
use crate::field::Fr;
use crate::poseidon::Poseidon;
use ark_ff::{BigInt, PrimeField};
use std::sync::OnceLock;

static POSEIDON: OnceLock<Poseidon> = OnceLock::new();

/// Memory of so many bytes that stays until the instance goes.
#[unsafe(no_mangle)]
pub extern "C" fn allocate(bytes: usize) -> *mut u64 {
    Box::leak(vec![0u64; bytes.div_ceil(8)].into_boxed_slice()).as_mut_ptr()
}

/// Commits to `count` integers at `values`; `blinding` and `out` are 32 bytes, little-endian. Returns 0, or what was wrong: 1 the
/// width, 2 a value, 3 the blinding.
///
/// # Safety
/// The pointers come from `allocate` and are as long as that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commit_tensor(
    values: *const i32,
    count: usize,
    bits: u32,
    blinding: *const u64,
    out: *mut u64,
) -> u32 {
    // SAFETY: the caller's promise; every pointer is aligned to 8 bytes.
    let (values, blinding, out) = unsafe {
        (core::slice::from_raw_parts(values, count), &*blinding.cast::<[u64; 4]>(), &mut *out.cast::<[u64; 4]>())
    };
    match commit(POSEIDON.get_or_init(Poseidon::new), values, bits, BigInt(*blinding)) {
        Ok(element) => {
            *out = element.into_bigint().0;
            0
        }
        Err(Refusal::Bits) => 1,
        Err(Refusal::Value) => 2,
        Err(Refusal::Blinding) => 3,
    }
}

/// The hash of a list of `count` elements of 32 bytes each, little-endian. Returns 0, or 3 if one is not below the field's order.
///
/// # Safety
/// The pointers come from `allocate` and are as long as that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hash_elements(elements: *const u64, count: usize, out: *mut u64) -> u32 {
    // SAFETY: the caller's promise; every pointer is aligned to 8 bytes.
    let (elements, out) =
        unsafe { (core::slice::from_raw_parts(elements.cast::<[u64; 4]>(), count), &mut *out.cast::<[u64; 4]>()) };
    let read: Option<Vec<Fr>> = elements.iter().map(|limbs| Fr::from_bigint(BigInt(*limbs))).collect();
    let Some(read) = read else { return 3 };
    *out = hash_list(POSEIDON.get_or_init(Poseidon::new), &read).into_bigint().0;
    0
}
