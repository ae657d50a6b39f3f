//! Names that some system takes for one: `A.txt` and `a.txt`, `é` in two forms, `x` and `x.`, `x` and `x::$DATA`, a file
//! `a` and `a/b`.
//!
//! Extracting such an archive loses a file without a word, so it is refused. Names are held as a tree of folded
//! segments: the work is linear in their octets, however deep they are.
//!
//! ```text
//! a/b.txt, a/C  ──▶  a ─┬─ b.txt   file of entry 0
//!                       └─ c       file of entry 1
//! ```

use std::collections::HashMap;

use icu_casemap::CaseMapperBorrowed;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::{EntryName, Error};

/// The names of a descriptor so far.
#[derive(Debug)]
pub(super) struct Names {
    /// The node below a node by a folded segment.
    children: HashMap<(usize, String), usize>,
    /// Who uses a name; the first is the root.
    nodes: Vec<Use>,
}

/// What a name is used for, by the index of the first entry that does.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    /// The entry of that name.
    named: Option<(usize, Kind)>,
    /// An entry inside it.
    inside: Option<usize>,
}

/// What an entry makes of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// An empty directory.
    Directory,
    /// A file.
    File,
}

impl Names {
    /// Makes an empty set.
    pub(super) fn new() -> Names {
        Names { children: HashMap::new(), nodes: vec![Use::default()] }
    }

    /// Takes a name for an entry.
    ///
    /// # Errors
    /// When another entry has it, or has a file where this one needs a directory, or the reverse.
    pub(super) fn insert(&mut self, index: usize, name: &EntryName) -> Result<(), Error> {
        let kind = if name.is_directory() { Kind::Directory } else { Kind::File };
        let mut node = 0;
        let mut segments = name.segments().peekable();
        while let Some(segment) = segments.next() {
            node = self.child(node, fold(segment));
            if segments.peek().is_none() {
                break;
            }
            match self.nodes[node].named {
                Some((other, Kind::File)) => return Err(Error::FileAndDirectory { other }),
                _ => self.nodes[node].inside.get_or_insert(index),
            };
        }
        let taken = &mut self.nodes[node];
        match (taken.named, taken.inside) {
            (Some((other, other_kind)), _) if other_kind == kind => Err(Error::DuplicateZipPath { other }),
            (Some((other, _)), _) => Err(Error::FileAndDirectory { other }),
            (None, Some(other)) if kind == Kind::File => Err(Error::FileAndDirectory { other }),
            (None, _) => {
                taken.named = Some((index, kind));
                Ok(())
            }
        }
    }

    /// Returns the node below another, making it when it is new.
    fn child(&mut self, parent: usize, segment: String) -> usize {
        let fresh = self.nodes.len();
        let node = *self.children.entry((parent, segment)).or_insert(fresh);
        if node == fresh {
            self.nodes.push(Use::default());
        }
        node
    }
}

/// What NTFS calls the contents of a file or directory itself (File Streams, in Microsoft's documentation), folded.
const OWN_STREAMS: [&str; 2] = ["::$data", "::$index_allocation"];

/// Reduces a segment to what is left of it where systems ignore case, Unicode forms, trailing dots and spaces, and the name
/// of its own stream: canonical caseless matching (Unicode 3.13, D145), composed again.
fn fold(segment: &str) -> String {
    let mut folded = fold_case(segment);
    let mut end = trimmed(&folded);
    if let Some(name) = OWN_STREAMS.iter().find_map(|stream| folded[..end].strip_suffix(stream)) {
        end = trimmed(name);
    }
    folded.truncate(end);
    folded
}

/// Folds case and Unicode forms.
fn fold_case(segment: &str) -> String {
    if segment.is_ascii() {
        return segment.to_ascii_lowercase();
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(segment);
    let folded = CaseMapperBorrowed::new().fold_string(&decomposed);
    ComposingNormalizerBorrowed::new_nfc().normalize(&folded).into_owned()
}

/// Measures a text without dots and spaces at its end.
fn trimmed(text: &str) -> usize {
    text.trim_end_matches(['.', ' ']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inserts names in turn and returns the index of the first that collides and of what it collides with.
    fn collision(names: &[&str]) -> Option<(usize, usize)> {
        let mut held = Names::new();
        names.iter().enumerate().find_map(|(index, name)| {
            match held.insert(index, &EntryName::parse(name).unwrap()) {
                Ok(()) => None,
                Err(Error::DuplicateZipPath { other } | Error::FileAndDirectory { other }) => {
                    Some((index, other))
                }
                Err(error) => panic!("{error}"),
            }
        })
    }

    #[test]
    fn finds_names_that_are_one_somewhere() {
        for pair in [
            ["a", "a"],
            ["a/", "a/"],
            ["a/", "A"],
            ["a", "a/"],
            ["a/b", "A"],
            ["A", "a/b/c"],
            ["\u{e9}.txt", "e\u{301}.txt"],
            ["\u{17f}.txt", "S.txt"],
            ["stra\u{df}e", "STRASSE"],
            ["x", "x. ."],
            ["d./x", "D/X "],
            ["\u{e9} ", "\u{c9}"],
            ["\u{212b}", "\u{e5}"],
        ] {
            assert_eq!(collision(&["other", pair[0], pair[1]]), Some((2, 1)), "{pair:?}");
        }
    }

    #[test]
    fn lets_different_names_be() {
        assert_eq!(collision(&["a/b", "a/c", "a/", "A/d/e", "ab", "b", "a.txt", "a-", "x/a"]), None);
    }
}
