//! The memory functions that LLVM calls, as the machine's syscalls. The published ones return 128-bit integers, which LLVM 22
//! cannot compile for this target.
use solana_define_syscall::definitions as syscall;

// SAFETY of every function: the callers are compiler-made and keep the contracts of C's <string.h>, which are the syscalls'.

#[no_mangle]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    syscall::sol_memcpy_(to, from, length as u64);
    to
}

#[no_mangle]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    syscall::sol_memmove_(to, from, length as u64);
    to
}

#[no_mangle]
pub unsafe extern "C" fn memset(to: *mut u8, value: i32, length: usize) -> *mut u8 {
    syscall::sol_memset_(to, value as u8, length as u64);
    to
}

#[no_mangle]
pub unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    let mut order = 0;
    syscall::sol_memcmp_(a, b, length as u64, &mut order);
    order
}

#[no_mangle]
pub unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    memcmp(a, b, length)
}
