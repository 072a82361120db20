//! Legs by call, flat: for each leg its call, for each call its legs.

/// The legs of one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallGroup<'g> {
    /// Its smallest leg: the name of the call.
    pub id: u32,
    /// Its legs, rising.
    pub legs: &'g [u32],
}

/// The calls by id. Every leg is in exactly one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallGroups {
    /// For each leg the place of its call.
    of_leg: Vec<u32>,
    /// Where the legs of each call end in `legs`.
    ends: Vec<u32>,
    legs: Vec<u32>,
}

impl CallGroups {
    /// Groups legs by `roots`: for each leg the smallest leg of its call.
    ///
    /// # Panics
    /// When a leg that is given as the smallest of a call is in another call.
    pub(super) fn of(mut roots: Vec<u32>) -> Self {
        let mut ends: Vec<u32> = Vec::new();
        for leg in 0..roots.len() {
            let root = roots[leg] as usize;
            // A root is its group's smallest leg, so its place is known before it is asked for.
            assert!(root <= leg, "the smallest leg of a call names it");
            if root == leg {
                roots[leg] = u32::try_from(ends.len()).unwrap_or(u32::MAX);
                ends.push(1);
            } else {
                roots[leg] = roots[root];
                ends[roots[leg] as usize] += 1;
            }
        }
        ends.shrink_to_fit();
        let mut end = 0;
        for count in &mut ends {
            // Where the call begins; it moves to the end as the legs are put.
            end += std::mem::replace(count, end);
        }
        let mut legs = vec![0; roots.len()];
        for (leg, group) in (0u32..).zip(&roots) {
            let place = &mut ends[*group as usize];
            legs[*place as usize] = leg;
            *place += 1;
        }
        assert_eq!(end as usize, roots.len(), "every leg is in exactly one call");
        Self { of_leg: roots, ends, legs }
    }

    /// How many calls there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// For each leg the place of its call.
    #[must_use]
    pub fn of_legs(&self) -> &[u32] {
        &self.of_leg
    }

    /// A call by its place; absent when there is none.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<CallGroup<'_>> {
        let end = *self.ends.get(place)? as usize;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]) as usize;
        let legs = &self.legs[start..end];
        Some(CallGroup { id: *legs.first()?, legs })
    }

    /// The calls by id.
    pub fn iter(&self) -> impl Iterator<Item = CallGroup<'_>> {
        (0..self.len()).filter_map(|place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legs_go_to_the_call_of_their_root() {
        let groups = CallGroups::of(vec![0, 1, 0, 3, 1, 0]);
        let found: Vec<(u32, &[u32])> = groups.iter().map(|group| (group.id, group.legs)).collect();
        assert_eq!(found, [(0, &[0, 2, 5][..]), (1, &[1, 4]), (3, &[3])]);
        assert_eq!(groups.of_legs(), [0, 1, 0, 2, 1, 0]);
        assert_eq!((groups.len(), groups.get(3)), (3, None));
        assert!(CallGroups::of(Vec::new()).is_empty());
    }
}
