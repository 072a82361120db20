//! The header lines of a leg as they came last. A message repeats most of what the one before it said, and
//! to compare a line costs less than to take it apart again. It changes no result.

use super::texts::Text;

/// Longer lines are taken apart each time.
const LINE_BYTES_MAX: usize = 256;

/// From, To and the topmost Via of a message as they stand behind their colons; empty where one is absent or
/// cut off.
pub(super) type Lines<'m> = [&'m [u8]; 3];

/// The tag of From, that of To and the branch of Via where they are known: strings of the leg.
pub(super) type Known = [Option<Text>; 3];

/// The lines that came last, and what was found in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Familiar {
    lines: [Vec<u8>; 3],
    found: [Text; 3],
}

impl Familiar {
    /// What is known of the lines of a message.
    #[inline]
    pub(super) fn find(&self, lines: &Lines<'_>) -> Known {
        std::array::from_fn(|at| {
            let line = lines[at];
            (!line.is_empty() && self.lines[at] == line).then_some(self.found[at])
        })
    }

    /// Keeps the lines of which nothing was known, and what was found in them.
    #[inline]
    pub(super) fn learn(&mut self, lines: &Lines<'_>, known: &Known, found: [Text; 3]) {
        for (at, line) in lines.iter().enumerate() {
            if known[at].is_none() && !line.is_empty() && line.len() <= LINE_BYTES_MAX {
                self.lines[at].clear();
                self.lines[at].extend_from_slice(line);
                self.found[at] = found[at];
            }
        }
    }

    /// The strings of the leg are others now.
    pub(super) fn forget(&mut self) {
        for line in &mut self.lines {
            line.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_lines_are_known() {
        let mut familiar = Familiar::default();
        let lines: Lines<'_> = [b" <sip:a>;tag=1", b"", b" SIP/2.0/UDP h;branch=2"];
        assert_eq!(familiar.find(&lines), [None; 3]);
        let found = [1, 2, 3].map(Text::from_number);
        familiar.learn(&lines, &[None; 3], found);
        assert_eq!(familiar.find(&lines), [Some(found[0]), None, Some(found[2])]);
        let others: Lines<'_> = [lines[2], lines[0], lines[0]];
        assert_eq!(familiar.find(&others), [None; 3]);
        let long = [b'x'; LINE_BYTES_MAX + 1];
        familiar.learn(&[&long, &long, &long], &[None; 3], found);
        assert_eq!(familiar.find(&[&long, &long, &long]), [None; 3]);
        familiar.forget();
        assert_eq!(familiar.find(&lines), [None; 3]);
    }
}
