//! Weights: a number that changes only from one epoch to a later one, with its last eight changes, so that everybody who reads
//! it of an epoch reads the same, however late within some eight epochs.
use crate::error::KarmaError;
use pinocchio::error::ProgramError;

pub const POINTS: usize = 8;

/// From this epoch on the number is `weight`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub from_epoch: u64,
    pub weight: u64,
}

/// The newest change first. All zeros mean 0 from epoch 0 on.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    pub points: [Point; POINTS],
}

impl Weights {
    /// The number in `epoch`. `TooLate` if so many changes came since that it is forgotten.
    #[inline(always)]
    pub fn at(&self, epoch: u64) -> Result<u64, ProgramError> {
        for point in &self.points {
            if point.from_epoch <= epoch {
                return Ok(point.weight);
            }
        }
        Err(KarmaError::TooLate.into())
    }

    /// What holds once every change has come into force.
    #[inline(always)]
    pub fn newest(&self) -> u64 {
        self.points[0].weight
    }

    /// Sets the number from an epoch on that is not before the newest change. The oldest change is forgotten.
    #[inline(never)]
    pub fn set(&mut self, from_epoch: u64, weight: u64) {
        if self.points[0].weight == weight {
            return;
        }
        if self.points[0].from_epoch != from_epoch {
            for i in (1..POINTS).rev() {
                self.points[i] = self.points[i - 1];
            }
        }
        self.points[0] = Point { from_epoch, weight };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Weights = Weights { points: [Point { from_epoch: 0, weight: 0 }; POINTS] };

    #[test]
    fn p_27_a_change_holds_from_its_epoch_on() {
        let mut weights = NOTHING;
        assert_eq!(weights.at(0).unwrap(), 0);
        weights.set(3, 10);
        weights.set(5, 7);
        weights.set(5, 8);
        let read: Vec<u64> = (0..8).map(|epoch| weights.at(epoch).unwrap()).collect();
        assert_eq!(read, [0, 0, 0, 10, 10, 8, 8, 8]);
        assert_eq!(weights.newest(), 8);
    }

    #[test]
    fn p_27_before_epoch_zero_there_is_one_number() {
        let mut weights = NOTHING;
        weights.set(0, 4);
        weights.set(0, 9);
        assert_eq!(weights.at(0).unwrap(), 9);
        assert_eq!(weights.points[1], Point { from_epoch: 0, weight: 0 });
    }

    #[test]
    fn p_27_what_is_forgotten_is_refused() {
        let mut weights = NOTHING;
        for epoch in 1..=8 {
            weights.set(epoch, epoch * 10);
        }
        assert_eq!(weights.at(1).unwrap(), 10);
        assert_eq!(weights.at(0), Err(KarmaError::TooLate.into()));
        weights.set(9, 90);
        assert_eq!(weights.at(1), Err(KarmaError::TooLate.into()));
        assert_eq!(weights.at(2).unwrap(), 20);
    }

    #[test]
    fn p_27_an_equal_number_is_no_change() {
        let mut weights = NOTHING;
        weights.set(2, 5);
        weights.set(4, 5);
        assert_eq!(weights.points[0], Point { from_epoch: 2, weight: 5 });
    }
}
