//! The container of iden3's binary files (.zkey, .wtns) in memory: a magic word, a version, and numbered sections. See
//! <https://github.com/iden3/binfileutils>.

use std::fmt;

const MOST_SECTIONS: u32 = 64;

/// Why a file was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerError {
    /// It does not begin as the format does, or is of another version.
    OtherFormat,
    /// It ends before what it announced.
    Truncated,
    /// A section is there twice.
    Twice(u32),
    /// A section is missing.
    Missing(u32),
    /// A section is not as long as what it holds.
    Length(u32),
}

impl fmt::Display for ContainerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherFormat => write!(f, "The file is of another format or version."),
            Self::Truncated => write!(f, "The file ends before what it announced."),
            Self::Twice(id) => write!(f, "The file has section {id} twice."),
            Self::Missing(id) => write!(f, "The file lacks section {id}."),
            Self::Length(id) => write!(f, "The file's section {id} has a wrong length."),
        }
    }
}

impl std::error::Error for ContainerError {}

/// A file's sections, where they lie.
pub struct Container<'a>(Vec<(u32, &'a [u8])>);

impl<'a> Container<'a> {
    pub fn open(bytes: &'a [u8], magic: [u8; 4], version: u32) -> Result<Self, ContainerError> {
        let mut cursor = Cursor(bytes);
        if cursor.take(4)? != magic || cursor.u32()? != version {
            return Err(ContainerError::OtherFormat);
        }
        let count = cursor.u32()?;
        if count > MOST_SECTIONS {
            return Err(ContainerError::OtherFormat);
        }
        let mut sections: Vec<(u32, &[u8])> = Vec::new();
        for _ in 0..count {
            let id = cursor.u32()?;
            let length = u64::from(cursor.u32()?) | u64::from(cursor.u32()?) << 32;
            let length = usize::try_from(length).map_err(|_| ContainerError::Truncated)?;
            if sections.iter().any(|(other, _)| *other == id) {
                return Err(ContainerError::Twice(id));
            }
            sections.push((id, cursor.take(length)?));
        }
        Ok(Self(sections))
    }

    pub fn section(&self, id: u32) -> Result<&'a [u8], ContainerError> {
        self.0.iter().find(|(other, _)| *other == id).map(|(_, bytes)| *bytes).ok_or(ContainerError::Missing(id))
    }

    /// The section, which must have so many items of so many bytes.
    pub fn items(&self, id: u32, count: usize, bytes: usize) -> Result<&'a [u8], ContainerError> {
        let section = self.section(id)?;
        if Some(section.len()) == count.checked_mul(bytes) { Ok(section) } else { Err(ContainerError::Length(id)) }
    }
}

/// What of a slice was not read yet.
pub struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], ContainerError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ContainerError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn u32(&mut self) -> Result<u32, ContainerError> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}
