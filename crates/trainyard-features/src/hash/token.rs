//! Text as the key of a map.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// Bytes that fit beside their length and the mark of the variant into 24 bytes.
const SHORT: usize = 22;

/// A text that is kept in place when it is short.
///
/// Why not `Box<str>`? Comparing it with another reads memory elsewhere, and waiting for memory is most of the time of counting
/// values. Looked up by its bytes, which need no check that they are UTF-8.
#[derive(Debug, Clone)]
pub(crate) enum Token {
    /// The first `length` bytes.
    Short { length: u8, bytes: [u8; SHORT] },
    /// More than fit.
    Long(Box<str>),
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..text.len()) {
            Some(target) => {
                target.copy_from_slice(text.as_bytes());
                Self::Short { length: text.len() as u8, bytes }
            }
            None => Self::Long(text.into()),
        }
    }
}

impl Borrow<[u8]> for Token {
    fn borrow(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => &bytes[..usize::from(*length)],
            Self::Long(text) => text.as_bytes(),
        }
    }
}

impl Deref for Token {
    type Target = str;

    /// The text. The bytes of a token are those of a text, so nothing is lost.
    fn deref(&self) -> &str {
        std::str::from_utf8(self.borrow()).unwrap_or_default()
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        Borrow::<[u8]>::borrow(self) == Borrow::<[u8]>::borrow(other)
    }
}

impl Eq for Token {}

impl Hash for Token {
    /// The same as that of its bytes, as `Borrow` asks for.
    fn hash<H: Hasher>(&self, state: &mut H) {
        Borrow::<[u8]>::borrow(self).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Map;
    use super::Token;

    #[test]
    fn texts_of_all_lengths_are_found_by_their_bytes() {
        let texts: Vec<String> = (0..40).map(|n| "é".repeat(n / 2) + &"x".repeat(n % 2)).collect();
        let map: Map<Token, usize> = texts.iter().enumerate().map(|(n, text)| (text.as_str().into(), n)).collect();
        assert_eq!(map.len(), 40);
        for (n, text) in texts.iter().enumerate() {
            assert_eq!(map.get(text.as_bytes()), Some(&n));
            assert_eq!(&*Token::from(text.as_str()), text);
        }
    }

    #[test]
    fn a_token_with_its_count_is_half_a_cache_line() {
        assert_eq!(size_of::<(Token, u64)>(), 32);
    }
}
