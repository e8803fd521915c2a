//! Events, written with `sol_log_data` as Anchor's clients expect them: one buffer of discriminator and borsh fields.
use pinocchio::ProgramResult;

pub const REGISTERED: [u8; 8] = [11, 222, 10, 72, 160, 110, 165, 227];
pub const EPOCH_CLOSED: [u8; 8] = [21, 4, 48, 56, 29, 169, 77, 42];
pub const ATTESTED: [u8; 8] = [184, 102, 113, 199, 220, 197, 96, 50];
pub const BEACON_RECORDED: [u8; 8] = [29, 110, 49, 12, 229, 152, 84, 211];
pub const VERDICTS_POSTED: [u8; 8] = [33, 158, 239, 102, 123, 63, 117, 145];
pub const REPORT_REACHED: [u8; 8] = [69, 41, 67, 185, 27, 136, 198, 184];
pub const ESCROW_SETTLED: [u8; 8] = [97, 27, 150, 55, 203, 179, 173, 23];
pub const FINALISED: [u8; 8] = [202, 90, 120, 99, 168, 10, 238, 151];
pub const CLAIMED: [u8; 8] = [217, 192, 123, 72, 108, 150, 248, 33];
pub const KEYS_ATTESTED: [u8; 8] = [143, 252, 138, 237, 166, 156, 239, 197];
pub const LAYER_REGISTERED: [u8; 8] = [180, 217, 243, 128, 159, 218, 125, 164];
pub const LAYER_PROVEN: [u8; 8] = [44, 1, 204, 18, 139, 68, 107, 189];
pub const VOTE_PAID: [u8; 8] = [82, 145, 180, 55, 171, 85, 168, 113];
pub const PROVEN_CLOSED: [u8; 8] = [92, 202, 15, 174, 234, 155, 25, 14];
pub const STAKED: [u8; 8] = [11, 146, 45, 205, 230, 58, 213, 240];
pub const UNSTAKED: [u8; 8] = [27, 179, 156, 215, 47, 71, 195, 7];
pub const STAKE_WITHDRAWN: [u8; 8] = [33, 120, 159, 58, 140, 255, 174, 79];
pub const REWARDS_COLLECTED: [u8; 8] = [82, 28, 167, 144, 76, 198, 84, 191];
pub const COMMISSION_COLLECTED: [u8; 8] = [129, 236, 3, 208, 30, 186, 57, 54];
pub const STAKE_CLOSED: [u8; 8] = [72, 166, 77, 134, 139, 12, 214, 160];
pub const CAPACITY_SET: [u8; 8] = [93, 97, 4, 93, 18, 191, 255, 144];
pub const COMMISSION_SET: [u8; 8] = [23, 131, 103, 187, 216, 56, 85, 150];
pub const STAKE_TOKEN_SET: [u8; 8] = [35, 252, 161, 11, 113, 59, 0, 71];
pub const PROPOSED: [u8; 8] = [216, 37, 138, 141, 130, 208, 180, 153];
pub const PROPOSAL_VOTED: [u8; 8] = [237, 153, 165, 162, 162, 46, 243, 224];
pub const PROPOSAL_EXECUTED: [u8; 8] = [92, 213, 189, 201, 101, 83, 111, 83];
pub const DEBIT_AUTHORISED: [u8; 8] = [212, 19, 60, 79, 26, 29, 96, 43];
pub const CHAIN_CLOSED: [u8; 8] = [76, 212, 226, 84, 73, 197, 97, 2];
pub const EPOCH_ACCOUNT_CLOSED: [u8; 8] = [192, 33, 13, 162, 246, 92, 54, 142];
pub const CASE_FILED: [u8; 8] = [71, 129, 88, 128, 118, 207, 190, 148];
pub const CASE_EXECUTED: [u8; 8] = [237, 145, 66, 101, 205, 110, 22, 194];
pub const FAULT_PROVEN: [u8; 8] = [172, 112, 187, 131, 69, 183, 194, 48];
pub const CHALLENGE_OPENED: [u8; 8] = [42, 83, 165, 62, 80, 17, 63, 181];
pub const CHALLENGE_ANSWERED: [u8; 8] = [82, 102, 217, 179, 218, 13, 156, 248];
pub const CHALLENGE_CLOSED: [u8; 8] = [228, 8, 12, 154, 182, 5, 139, 91];

/// The longest event is `LayerProven`: 8 + 32 + 32 + 8 + 32 + 4 + 4 + 32 bytes.
const CAPACITY: usize = 152;

/// Collects an event's fields and logs them.
pub struct Event {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Event {
    #[inline(always)]
    pub fn new(discriminator: [u8; 8]) -> Self {
        let mut event = Self { bytes: [0; CAPACITY], length: 0 };
        event.push(&discriminator);
        event
    }

    #[inline(always)]
    pub fn u8(mut self, value: u8) -> Self {
        self.push(&[value]);
        self
    }

    #[inline(always)]
    pub fn u16(mut self, value: u16) -> Self {
        self.push(&value.to_le_bytes());
        self
    }

    #[inline(always)]
    pub fn u32(mut self, value: u32) -> Self {
        self.push(&value.to_le_bytes());
        self
    }

    #[inline(always)]
    pub fn u64(mut self, value: u64) -> Self {
        self.push(&value.to_le_bytes());
        self
    }

    #[inline(always)]
    pub fn key(mut self, value: &[u8; 32]) -> Self {
        self.push(value);
        self
    }

    #[inline(always)]
    pub fn emit(self) -> ProgramResult {
        log_data(&self.bytes[..self.length]);
        Ok(())
    }

    #[inline(always)]
    fn push(&mut self, field: &[u8]) {
        let end = self.length + field.len();
        self.bytes[self.length..end].copy_from_slice(field);
        self.length = end;
    }
}

#[cfg(target_arch = "bpf")]
fn log_data(data: &[u8]) {
    let fields = [data];
    // SAFETY: the syscall reads one slice descriptor, which outlives the call.
    unsafe { solana_define_syscall::definitions::sol_log_data(fields.as_ptr() as *const u8, 1) }
}

/// On the host nobody listens.
#[cfg(not(target_arch = "bpf"))]
fn log_data(_data: &[u8]) {}
