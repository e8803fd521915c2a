//! The program's errors. Their numbers are part of the protocol (docs/protocol.md, Errors) and of idl.json.
use pinocchio::error::ProgramError;

macro_rules! errors {
    ($first:ident, $($name:ident),* $(,)?) => {
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum KarmaError {
            $first = 6000,
            $($name),*
        }

        /// The names in the order of their numbers, for the test that compares them with idl.json.
        pub const ERROR_NAMES: &[&str] = &[stringify!($first), $(stringify!($name)),*];
    };
}

errors! {
    AlreadyInitialised, NotStarted, AlreadyStarted, NotInitialiser, BadParameter, BadPda, BadOwner, WrongRole, WrongIdentity,
    BondTooSmall, BadModels, BadSecp256k1, IdentityPending, EpochBegun, BadLength, BadAmount, NoWithdrawal, WithdrawalLocked,
    TooEarly, TooLate, NotProposer, NotActive, BadState, WrongManifest, AlreadyVoted, NotVoted, SaltMismatch, SealMismatch,
    SealsIncomplete, TooManyReports, StalePrior, BadPath, AlreadySettled, EscrowShort, NotSettled, CapExceeded, StaleRoot,
    AlreadyClaimed, Overflow, HashFailed, NotFinalised, WrongEpoch, NotAdmitted, BadKey, BadSignals, SignalRange,
    WrongContext, BadPoint, BadProof, OtherStatement, Paused, NothingDue, StakeTooSmall, StakeHeld, NoCoolDown, BadMint,
    BadTokenAccount, ClaimsExhausted, NoVoucher, VoucherOutdated, BadProposal, NotPassed, TimeLocked, TreasuryShort, BadEvidence,
    NotAnOffence, TooManyCases, CaseOpen, Faulty, BadBuffer, ChallengeOpen, ChallengeAnswered, NotCommitted, SlashCapped,
}

impl From<KarmaError> for ProgramError {
    fn from(error: KarmaError) -> Self {
        ProgramError::Custom(error as u32)
    }
}

/// `Ok` if `condition` holds, else `error`: one line per numbered check.
#[inline(always)]
pub fn require(condition: bool, error: KarmaError) -> Result<(), ProgramError> {
    if condition {
        Ok(())
    } else {
        Err(error.into())
    }
}
