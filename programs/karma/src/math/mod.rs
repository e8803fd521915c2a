pub mod checked;
pub mod decay;
pub mod mul_div;
pub mod quorum;
pub mod rewards;
pub mod units;

pub mod slash;
