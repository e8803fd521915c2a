//! Whom to tell of a fault, inside the program itself, where explorers look for it: between the markers of the convention
//! <https://github.com/neodyme-labs/solana-security-txt>. SECURITY.md says the same, and test/program/securityText.test.ts compares.

macro_rules! security_txt {
    ($($name:literal: $value:literal),+ $(,)?) => {
        concat!("=======BEGIN SECURITY.TXT V1=======\0", $($name, "\0", $value, "\0",)+ "=======END SECURITY.TXT V1=======\0")
    };
}

/// The source has no public address yet. Whoever publishes it names it here and in SECURITY.md (docs/guides/deploy.md).
const TEXT: &str = security_txt! {
    "name": "Karmesh",
    "project_url": "unpublished",
    "contacts": "other:a private security advisory in the repository that this program was built from",
    "policy": "SECURITY.md in the repository that this program was built from",
    "preferred_languages": "en",
    "auditors": "None",
};

const fn bytes_of<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut i = 0;
    while i < N {
        bytes[i] = text.as_bytes()[i];
        i += 1;
    }
    bytes
}

/// No instruction reads it, so it costs no compute unit. The linker keeps exported bytes of sections whose names begin with
/// `.rodata` and drops `.security.txt`; readers search for the markers.
#[cfg_attr(target_arch = "bpf", no_mangle, link_section = ".rodata.security.txt")]
pub static SECURITY_TXT: [u8; TEXT.len()] = bytes_of(TEXT);
