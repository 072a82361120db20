//! Bytes that are nearly always few, such as numbers: those stand in it, so that they need no allocation.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

/// So many bytes stand in a [`ShortText`]: numbers of 15 digits (E.164) are rare.
const INSIDE_MAX: usize = 14;

/// A string of bytes.
#[derive(Clone)]
pub struct ShortText(Kept);

#[derive(Clone)]
enum Kept {
    /// The length, then the bytes.
    Inside(u8, [u8; INSIDE_MAX]),
    /// Twice boxed: a pointer with a length would take the room of eight bytes more.
    Outside(Box<Box<[u8]>>),
}

impl Deref for ShortText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kept::Inside(length, bytes) => &bytes[..usize::from(*length)],
            Kept::Outside(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for ShortText {
    fn from(bytes: &[u8]) -> Self {
        let mut inside = [0; INSIDE_MAX];
        match (inside.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(bytes);
                Self(Kept::Inside(length, inside))
            }
            _ => Self(Kept::Outside(Box::new(bytes.into()))),
        }
    }
}

impl<const N: usize> From<[u8; N]> for ShortText {
    fn from(bytes: [u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl From<Vec<u8>> for ShortText {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl Default for ShortText {
    /// No byte.
    fn default() -> Self {
        Self(Kept::Inside(0, [0; INSIDE_MAX]))
    }
}

impl PartialEq for ShortText {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for ShortText {}

impl PartialOrd for ShortText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ShortText {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_whatever_their_number() {
        let all: Vec<u8> = (0..=255).cycle().take(600).collect();
        let mut last = ShortText::default();
        assert!(last.is_empty());
        for length in [1, 13, 14, 15, 255, 256, 600] {
            let text = ShortText::from(&all[..length]);
            assert_eq!(*text, all[..length]);
            assert!(text.clone() == text && last < text);
            last = text;
        }
        assert_eq!(size_of::<ShortText>(), 16);
    }
}
