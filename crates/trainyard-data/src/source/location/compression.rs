//! Files that are packed as a whole.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::Input;

/// Bytes of packed data that are read at a time.
const BUFFER_BYTES: usize = 128 << 10;

/// How a file is packed, which the last ending of its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Compression {
    /// As it is.
    None,
    /// gzip of one or more members, as `cat a.gz b.gz` makes.
    Gzip,
    /// Zstandard of one or more frames.
    Zstd,
}

impl Compression {
    /// The compression that a file's name tells.
    pub(in crate::source) fn of_name(name: &str) -> Compression {
        match name.rsplit_once('.') {
            Some((_, extension)) if extension.eq_ignore_ascii_case("gz") => Compression::Gzip,
            Some((_, extension)) if extension.eq_ignore_ascii_case("zst") => Compression::Zstd,
            _ => Compression::None,
        }
    }

    /// The name without the ending that told the compression.
    pub(super) fn stem(self, name: &str) -> &str {
        match self {
            Compression::None => name,
            Compression::Gzip | Compression::Zstd => name.rsplit_once('.').map_or(name, |(stem, _)| stem),
        }
    }

    /// The bytes that were packed.
    pub(super) fn unpack(self, packed: Input) -> io::Result<Input> {
        let (magic, name): (&[u8], _) = match self {
            Compression::None => return Ok(packed),
            Compression::Gzip => (&[0x1f, 0x8b], "gzip"),
            Compression::Zstd => (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        };
        let packed = BufReader::with_capacity(BUFFER_BYTES, Checked::new(packed, magic, name)?);
        let unpacked: Input = match self {
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
            Compression::Gzip | Compression::None => Box::new(MultiGzDecoder::new(packed)),
        };
        Ok(Box::new(Named { unpacked, name }))
    }
}

/// Packed bytes whose first ones are those that the name of the file promises.
struct Checked {
    first: io::Cursor<Vec<u8>>,
    rest: Input,
}

impl Checked {
    fn new(mut packed: Input, magic: &[u8], name: &str) -> io::Result<Checked> {
        let mut first = Vec::new();
        packed.by_ref().take(magic.len() as u64).read_to_end(&mut first)?;
        if first != magic {
            let problem = format!("its name says that it is packed with {name}, its first bytes do not; rename it");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(Checked { first: io::Cursor::new(first), rest: packed })
    }
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.first.read(buffer)? {
            0 => self.rest.read(buffer).map_err(|error| io::Error::new(error.kind(), Below(error))),
            n => Ok(n),
        }
    }
}

/// An error of the packed bytes' own source, which passes through the unpacking as it is.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Below(io::Error);

/// Unpacked bytes whose errors say what the packed ones are.
struct Named {
    unpacked: Input,
    name: &'static str,
}

impl Read for Named {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.unpacked.read(buffer).map_err(|error| match error.downcast::<Below>() {
            Ok(Below(error)) => error,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => error,
            Err(error) => {
                let problem = format!("its {} data is cut off or damaged ({error})", self.name);
                io::Error::new(io::ErrorKind::InvalidData, problem)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 0).unwrap()
    }

    fn unpack(compression: Compression, packed: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        compression.unpack(Box::new(io::Cursor::new(packed)))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Bytes that do not pack well, more than a buffer of them.
    fn noise() -> Vec<u8> {
        (0..500_000u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
    }

    #[test]
    fn several_members_and_frames_are_one_file() {
        let (a, b) = (noise(), b"the end".to_vec());
        let whole = [a.clone(), b.clone()].concat();
        assert_eq!(unpack(Compression::Gzip, [gzip(&a), gzip(&b)].concat()).unwrap(), whole);
        assert_eq!(unpack(Compression::Zstd, [zstd(&a), zstd(&b)].concat()).unwrap(), whole);
        assert_eq!(unpack(Compression::None, whole.clone()).unwrap(), whole);
    }

    #[test]
    fn data_that_is_cut_off_or_damaged_is_an_error() {
        for (compression, packed) in [(Compression::Gzip, gzip(&noise())), (Compression::Zstd, zstd(&noise()))] {
            for length in [4, 20, packed.len() / 2, packed.len() - 1] {
                let error = unpack(compression, packed[..length].to_vec()).unwrap_err().to_string();
                assert!(error.contains("data is cut off or damaged"), "{length}: {error}");
            }
        }
        let mut damaged = gzip(&noise());
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0xff;
        assert!(unpack(Compression::Gzip, damaged).is_err());
    }

    #[test]
    fn a_name_that_is_wrong_is_an_error() {
        for packed in [&b"a,b\n"[..], b""] {
            let error = unpack(Compression::Gzip, packed.to_vec()).unwrap_err().to_string();
            assert!(error.contains("packed with gzip, its first bytes do not"), "{error}");
        }
    }

    #[test]
    fn an_error_of_the_source_stays_what_it_is() {
        struct Broken(io::Cursor<Vec<u8>>);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                match self.0.read(buffer)? {
                    0 => Err(io::Error::new(io::ErrorKind::ConnectionReset, "the line is dead")),
                    n => Ok(n),
                }
            }
        }
        for (compression, packed) in [(Compression::Gzip, gzip(&noise())), (Compression::Zstd, zstd(&noise()))] {
            let half = packed[..packed.len() / 2].to_vec();
            let mut input = compression.unpack(Box::new(Broken(io::Cursor::new(half)))).unwrap();
            let error = input.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (io::ErrorKind::ConnectionReset, "the line is dead")
            );
        }
    }

    #[test]
    fn names_tell_the_compression() {
        assert_eq!(
            ["a.gz", "a.b.ZST", "a.csv", "gz"].map(Compression::of_name),
            [Compression::Gzip, Compression::Zstd, Compression::None, Compression::None]
        );
    }
}
