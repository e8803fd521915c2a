//! P-43: how far a slash lowers an index, and what leaves the stake by it.
use super::{
    checked::{add, sub},
    mul_div::{mul_div, mul_wide},
    units::{value_of, Share, WHOLE},
};
use pinocchio::error::ProgramError;

/// A stake that is slashed.
pub struct Slashed {
    pub index: u64,
    /// All units of lamports and of tokens, those on their way out among them.
    pub units: [u64; 2],
    pub token_rate: u64,
}

/// What a slash does.
#[derive(Debug, PartialEq, Eq)]
pub struct Slash {
    pub index: u64,
    /// What the index is still to be multiplied by: `WHOLE` if all of the slash was taken.
    pub left: u64,
    pub lamports: u64,
    /// Of lamports and tokens together.
    pub weight: u64,
}

/// `ceil(units x index / WHOLE)`.
#[inline(always)]
fn ceil_value(units: u64, index: u64) -> Result<u64, ProgramError> {
    let floor = value_of(units, index)?;
    let exact = mul_wide(units, index).low & (WHOLE - 1) == 0;
    add(floor, u64::from(!exact))
}

/// What leaves: rounded so that what stays covers every staker, whose parts are each rounded down.
#[inline(always)]
fn leaving(units: u64, before: u64, after: u64) -> Result<u64, ProgramError> {
    Ok(value_of(units, before)?.saturating_sub(ceil_value(units, after)?))
}

impl Slashed {
    /// Lamports, and the weight of lamports and tokens, that leave if the index falls to `after`.
    #[inline(never)]
    fn loss(&self, after: u64) -> Result<(u64, u64), ProgramError> {
        let lamports = leaving(self.units[0], self.index, after)?;
        let tokens = leaving(self.units[1], self.index, after)?;
        Ok((lamports, add(lamports, Share::of_rate(self.token_rate).of(tokens)?)?))
    }

    /// What all of it weighs.
    #[inline(always)]
    pub fn weight(&self) -> Result<u64, ProgramError> {
        Ok(self.loss(0)?.1)
    }

    /// The slash to the `left` part of what is there, as far as a weight of `room` goes.
    #[inline(never)]
    pub fn by(&self, left: u64, room: u64) -> Result<Slash, ProgramError> {
        let goal = value_of(self.index, left)?;
        let (lamports, weight) = self.loss(goal)?;
        if weight <= room {
            return Ok(Slash { index: goal, left: WHOLE, lamports, weight });
        }
        // More units than `room`, since the weight that they are worth is: the quotient is below WHOLE.
        let units = add(self.units[0], Share::of_rate(self.token_rate).of(self.units[1])?)?;
        let index = sub(self.index, mul_div(room, WHOLE, units)?.min(self.index))?.max(goal);
        let (lamports, weight) = self.loss(index)?;
        let rest = if index == 0 { 0 } else { mul_div(left, self.index, index)?.min(WHOLE) };
        Ok(Slash { index, left: rest, lamports, weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }

        fn below(&mut self, bound: u64) -> u64 {
            self.next() % bound
        }
    }

    #[test]
    fn p_43_what_stays_covers_every_staker() {
        let mut random = Random(7);
        for round in 0..2_000 {
            let stakers: Vec<u64> =
                (0..1 + random.below(9)).map(|_| random.next() >> (16 + random.below(40))).collect();
            let units: u64 = stakers.iter().sum();
            let mut pot = units;
            let mut index = WHOLE;
            for _ in 0..1 + random.below(6) {
                let left = mul_div(WHOLE, random.below(10_001), 10_000).unwrap();
                let room = random.next() >> random.below(64);
                let slash = Slashed { index, units: [units, 0], token_rate: 0 }.by(left, room).unwrap();
                assert!(slash.index <= index && slash.weight <= room, "round {round}");
                assert_eq!(slash.lamports, slash.weight);
                pot -= slash.lamports;
                index = slash.index;
                let claims: u64 = stakers.iter().map(|&units| value_of(units, index).unwrap()).sum();
                assert!(claims <= pot, "round {round}: {claims} of {pot}");
            }
        }
    }

    #[test]
    fn p_43_pieces_take_what_one_slash_would_and_come_to_an_end() {
        let mut random = Random(11);
        for _ in 0..300 {
            let stake = Slashed {
                index: WHOLE - random.below(WHOLE / 2),
                units: [random.next() >> 20, random.next() >> 30],
                token_rate: random.next() >> 30,
            };
            let left = mul_div(WHOLE, random.below(10_001), 10_000).unwrap();
            let whole = stake.by(left, u64::MAX).unwrap();
            assert_eq!(whole.left, WHOLE);
            let room = whole.weight / (1 + random.below(20)) + 1_000;
            let mut part = Slashed { ..stake };
            let (mut rest, mut lamports, mut weight, mut steps) = (left, 0, 0, 0);
            while rest != WHOLE {
                let slash = part.by(rest, room).unwrap();
                assert!(slash.weight <= room);
                (rest, part.index) = (slash.left, slash.index);
                lamports += slash.lamports;
                weight += slash.weight;
                steps += 1;
                assert!(steps < 40, "{steps}");
            }
            assert!(part.index.abs_diff(whole.index) < 1_000, "{} {}", part.index, whole.index);
            assert!(lamports.abs_diff(whole.lamports) < 100 && weight.abs_diff(whole.weight) < 200);
        }
    }

    #[test]
    fn p_43_edges() {
        let stake = |index, lamports| Slashed { index, units: [lamports, 0], token_rate: 0 };
        let half = WHOLE / 2;
        assert_eq!(stake(WHOLE, 10).by(half, 5).unwrap(), Slash { index: half, left: WHOLE, lamports: 5, weight: 5 });
        assert_eq!(stake(WHOLE, 10).by(0, 10).unwrap(), Slash { index: 0, left: WHOLE, lamports: 10, weight: 10 });
        // No room: nothing happens.
        assert_eq!(stake(WHOLE, 10).by(half, 0).unwrap(), Slash { index: WHOLE, left: half, lamports: 0, weight: 0 });
        // Nothing left to take, and nothing there.
        assert_eq!(stake(0, 10).by(half, 0).unwrap(), Slash { index: 0, left: WHOLE, lamports: 0, weight: 0 });
        assert_eq!(stake(WHOLE, 0).by(half, 0).unwrap(), Slash { index: half, left: WHOLE, lamports: 0, weight: 0 });
        assert_eq!(stake(WHOLE, 9).by(half, 9).unwrap().lamports, 4);
    }
}
