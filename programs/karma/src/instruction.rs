//! What an instruction's data says: eight bytes of discriminator and the arguments in borsh order.
use crate::error::{require, KarmaError};
use pinocchio::error::ProgramError;

macro_rules! instructions {
    ($($name:ident = $discriminator:expr),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Instruction {
            $($name),*
        }

        impl Instruction {
            /// Every instruction with its discriminator, for the test that compares them with idl.json.
            pub const ALL: &'static [(Instruction, [u8; 8])] = &[$((Instruction::$name, $discriminator)),*];

            /// The instruction whose data begins with these bytes: the first 8 of `H("global:<name>")`.
            #[inline(always)]
            pub fn from_discriminator(bytes: &[u8; 8]) -> Option<Self> {
                $(
                    if *bytes == $discriminator {
                        return Some(Instruction::$name);
                    }
                )*
                None
            }
        }
    };
}

instructions! {
    Initialise = [162, 198, 118, 235, 215, 247, 25, 118],
    Start = [62, 15, 117, 236, 47, 1, 89, 139],
    RegisterWorker = [22, 253, 23, 225, 230, 31, 6, 192],
    RegisterValidator = [118, 98, 251, 58, 81, 30, 13, 240],
    RegisterGateway = [183, 184, 135, 228, 71, 191, 76, 222],
    RotateIdentity = [182, 215, 197, 254, 178, 56, 199, 236],
    CommitChain = [178, 199, 163, 43, 37, 40, 130, 214],
    OpenEscrow = [82, 178, 155, 253, 74, 41, 161, 219],
    DepositEscrow = [226, 112, 158, 176, 178, 118, 153, 128],
    RequestWithdrawal = [251, 85, 121, 205, 56, 201, 12, 177],
    WithdrawEscrow = [81, 84, 226, 128, 245, 47, 96, 104],
    CloseEpoch = [13, 87, 7, 133, 109, 14, 83, 25],
    Attest = [83, 148, 120, 119, 144, 139, 117, 160],
    RevealSalt = [11, 109, 254, 128, 82, 47, 99, 12],
    RecordBeacon = [215, 32, 169, 25, 207, 55, 139, 85],
    PostVerdicts = [107, 48, 53, 19, 153, 82, 78, 101],
    PostRoot = [154, 210, 156, 158, 199, 27, 174, 35],
    RevealRoot = [80, 105, 134, 98, 26, 37, 40, 188],
    SettleEscrow = [22, 135, 160, 194, 23, 186, 124, 110],
    Finalise = [197, 63, 114, 249, 245, 72, 39, 132],
    Claim = [62, 198, 214, 193, 213, 159, 108, 210],
    CloseVote = [137, 152, 87, 249, 170, 239, 133, 59],
    AttestKeys = [46, 116, 75, 113, 240, 27, 129, 194],
    RegisterLayer = [233, 125, 21, 94, 53, 96, 251, 43],
    VerifyLayerProof = [129, 97, 125, 44, 235, 74, 255, 171],
    CloseProven = [154, 240, 48, 194, 86, 237, 64, 239],
    Stake = [206, 176, 202, 18, 200, 209, 179, 108],
    Unstake = [90, 95, 107, 42, 205, 124, 50, 225],
    WithdrawStake = [153, 8, 22, 138, 105, 176, 87, 66],
    CollectRewards = [63, 130, 90, 197, 39, 16, 143, 176],
    CollectCommission = [1, 15, 224, 212, 33, 23, 168, 233],
    CloseStake = [92, 229, 76, 76, 25, 26, 189, 239],
    SetCapacity = [144, 85, 95, 65, 125, 139, 44, 27],
    SetCommission = [193, 212, 22, 184, 185, 232, 22, 187],
    SetStakeToken = [18, 101, 93, 118, 55, 84, 199, 171],
    Propose = [93, 253, 82, 168, 118, 33, 102, 90],
    VoteProposal = [247, 104, 114, 240, 237, 41, 200, 36],
    ExecuteProposal = [186, 60, 116, 133, 108, 128, 111, 28],
    CloseProposal = [213, 178, 139, 19, 50, 191, 82, 245],
    CloseBallot = [243, 82, 194, 215, 41, 255, 65, 98],
    AuthoriseDebit = [200, 107, 151, 101, 213, 51, 245, 228],
    CloseChain = [74, 2, 211, 50, 181, 202, 203, 83],
    CloseEpochAccount = [142, 189, 100, 11, 115, 13, 139, 178],
    OpenBuffer = [44, 175, 185, 234, 87, 198, 98, 249],
    WriteBuffer = [164, 194, 69, 154, 75, 169, 228, 85],
    CloseBuffer = [46, 114, 179, 58, 57, 45, 194, 172],
    CommitFinding = [55, 41, 38, 79, 46, 236, 248, 152],
    CloseFinding = [75, 252, 175, 206, 114, 1, 81, 134],
    ProveDoubleSign = [19, 42, 245, 6, 33, 120, 210, 64],
    ProveFalseSum = [9, 22, 234, 167, 79, 64, 2, 94],
    ProveFalseLifetime = [34, 170, 214, 198, 35, 194, 49, 110],
    ProveFalseClaimsLeaf = [184, 56, 171, 207, 175, 56, 109, 2],
    AccuseVoter = [255, 121, 184, 198, 23, 170, 32, 176],
    ExecuteCase = [193, 137, 28, 13, 205, 236, 73, 9],
    ProveLazyVerdict = [168, 224, 43, 55, 183, 168, 62, 247],
    ProveBadSignature = [241, 136, 214, 0, 37, 108, 131, 43],
    OpenChallenge = [56, 176, 3, 12, 28, 205, 10, 5],
    AnswerChallenge = [20, 121, 207, 120, 205, 130, 71, 42],
    CloseChallenge = [29, 156, 109, 17, 41, 99, 71, 236],
    AccuseSilent = [16, 59, 126, 242, 124, 0, 112, 21],
}

/// A cursor over an instruction's arguments. A short or a long message is `InvalidInstructionData`.
pub struct Arguments<'a> {
    rest: &'a [u8],
}

impl<'a> Arguments<'a> {
    #[inline(always)]
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// The next `N` bytes.
    #[inline(always)]
    pub fn bytes<const N: usize>(&mut self) -> Result<&'a [u8; N], ProgramError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(ProgramError::InvalidInstructionData)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes, which stay to be read.
    #[inline(always)]
    pub fn peek<const N: usize>(&self) -> Result<&'a [u8; N], ProgramError> {
        self.rest.first_chunk::<N>().ok_or(ProgramError::InvalidInstructionData)
    }

    /// All bytes that were not read yet; they stay to be read.
    #[inline(always)]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `length` bytes.
    #[inline(always)]
    pub fn slice(&mut self, length: usize) -> Result<&'a [u8], ProgramError> {
        if length > self.rest.len() {
            return Err(ProgramError::InvalidInstructionData);
        }
        let (head, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(head)
    }

    /// A borsh vector of items of `N` bytes, one behind the other.
    #[inline(always)]
    pub fn items<const N: usize>(&mut self) -> Result<&'a [[u8; N]], ProgramError> {
        let count = self.u32()? as usize;
        // No product of 32 bits and an item's few bytes leaves 64.
        let (items, _) = self.slice(count.wrapping_mul(N))?.as_chunks::<N>();
        Ok(items)
    }

    #[inline(always)]
    pub fn u8(&mut self) -> Result<u8, ProgramError> {
        Ok(self.bytes::<1>()?[0])
    }

    #[inline(always)]
    pub fn u16(&mut self) -> Result<u16, ProgramError> {
        Ok(u16::from_le_bytes(*self.bytes()?))
    }

    #[inline(always)]
    pub fn u32(&mut self) -> Result<u32, ProgramError> {
        Ok(u32::from_le_bytes(*self.bytes()?))
    }

    #[inline(always)]
    pub fn u64(&mut self) -> Result<u64, ProgramError> {
        Ok(u64::from_le_bytes(*self.bytes()?))
    }

    /// `N` integers of 64 bits.
    #[inline(always)]
    pub fn u64s<const N: usize>(&mut self) -> Result<[u64; N], ProgramError> {
        let mut out = [0; N];
        for value in out.iter_mut() {
            *value = self.u64()?;
        }
        Ok(out)
    }

    /// Refuses anything behind the last field of a buffer but the few zeros that its length is rounded up by.
    #[inline(always)]
    pub fn finish_padded(&self) -> Result<(), ProgramError> {
        require(self.rest.len() < 8 && self.rest.iter().all(|byte| *byte == 0), KarmaError::BadEvidence)
    }

    /// Refuses bytes after the last argument, so that one meaning has one encoding.
    #[inline(always)]
    pub fn finish(&self) -> Result<(), ProgramError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(ProgramError::InvalidInstructionData)
        }
    }
}
