//! P-52: a verdict that passes an answer which nobody who looks can pass.
use super::{
    evidence::offence_key,
    hash::{
        kind::{PLANTED, RECEIPT, VERDICT},
        sha256,
    },
};
use crate::{
    error::{require, KarmaError},
    state::{case::LAZY_VERDICT, Key},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// The fields of a verdict (F-31) and of a receipt (F-24), whole.
pub const VERDICT_BYTES: usize = 140;
pub const RECEIPT_BYTES: usize = 152;
/// Of a verdict's fields: "pass".
const PASS: u8 = 1;

/// A verdict, the receipt that it is about, and what the receipt's output hash was made of.
pub struct LazyVerdict<'a> {
    pub verdict: &'a [u8; VERDICT_BYTES],
    pub receipt: &'a [u8; RECEIPT_BYTES],
    pub secret: &'a Key,
}

impl LazyVerdict<'_> {
    /// The hash of what the finder commits to (P-41).
    #[inline(always)]
    pub fn evidence(&self) -> Result<Key, ProgramError> {
        sha256(&[&[VERDICT], self.verdict, self.receipt, self.secret])
    }

    /// The hash that the validator signed.
    #[inline(always)]
    pub fn message(&self, domain: &Key) -> Result<Key, ProgramError> {
        sha256(&[domain, &[VERDICT], self.verdict])
    }

    #[inline(always)]
    pub fn epoch(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.verdict[..8]);
        u64::from_le_bytes(bytes)
    }

    /// The participant that the verdict names as its signer.
    #[inline(always)]
    pub fn validator(&self) -> &[u8] {
        &self.verdict[72..104]
    }

    /// P-52: epoch, entryHash; attempt.
    #[inline(never)]
    pub fn offence_key(&self) -> Result<Key, ProgramError> {
        offence_key(LAZY_VERDICT, &[&self.verdict[..40], &self.verdict[104..105], &[]])
    }

    /// P-52: `BadEvidence` unless the verdict is about this receipt, and `NotAnOffence` unless it passes it and the output hash
    /// was planted. Whose verdict it is remains to be checked.
    #[inline(never)]
    pub fn require_lazy(&self, domain: &Key) -> ProgramResult {
        let receipt_hash = sha256(&[domain, &[RECEIPT], self.receipt])?;
        require(self.verdict[40..72] == receipt_hash, KarmaError::BadEvidence)?; // P-52
        require(self.verdict[105] == PASS, KarmaError::NotAnOffence)?; // P-52
        let planted = sha256(&[domain, &[PLANTED], self.secret])?;
        require(self.receipt[88..120] == planted, KarmaError::NotAnOffence) // P-52
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{bytes, key, read};

    fn refusal(error: KarmaError) -> ProgramResult {
        Err(error.into())
    }

    #[test]
    fn p_52_a_pass_of_a_planted_answer() {
        let vectors = read("evidence");
        let (v, domain) = (&vectors["lazyVerdict"], key(&vectors["domain"]));
        let verdict: [u8; VERDICT_BYTES] = bytes(&v["verdict"]["encoded"]).try_into().unwrap();
        let receipt: [u8; RECEIPT_BYTES] = bytes(&v["receipt"]["encoded"]).try_into().unwrap();
        let secret = key(&v["secret"]);
        let shown = LazyVerdict { verdict: &verdict, receipt: &receipt, secret: &secret };
        assert_eq!(shown.require_lazy(&domain), Ok(()));
        assert_eq!(shown.epoch(), 7);
        assert_eq!(shown.validator(), key(&v["verdict"]["fields"]["validator"]));
        assert_eq!(shown.message(&domain).unwrap(), key(&v["verdict"]["hash"]));
        assert_eq!(shown.offence_key().unwrap(), key(&v["offenceKey"]));
        assert_eq!(shown.evidence().unwrap(), sha256(&[&bytes(&v["evidence"])]).unwrap());

        // The same receipt, failed, and another secret.
        let mut failing = verdict;
        failing[105] = 2;
        assert_eq!(LazyVerdict { verdict: &failing, ..shown }.require_lazy(&domain), refusal(KarmaError::NotAnOffence));
        let shown = LazyVerdict { verdict: &verdict, receipt: &receipt, secret: &domain };
        assert_eq!(shown.require_lazy(&domain), refusal(KarmaError::NotAnOffence));
        // Of another cluster, both hashes are others.
        let shown = LazyVerdict { verdict: &verdict, receipt: &receipt, secret: &secret };
        assert_eq!(shown.require_lazy(&secret), refusal(KarmaError::BadEvidence));
        for at in 0..RECEIPT_BYTES {
            let mut bent = receipt;
            bent[at] ^= 1;
            let shown = LazyVerdict { verdict: &verdict, receipt: &bent, secret: &secret };
            assert_eq!(shown.require_lazy(&domain), refusal(KarmaError::BadEvidence), "byte {at}");
        }
    }
}
