//! Records of a file.

use std::io::{BufReader, Read};

use super::crc::masked;
use super::example;
use crate::error::{Error, Place, Result};
use crate::source::location::{Input, Location};
use crate::source::records::{RecordFile, Texts, Visitor};

/// Bytes of the longest record that is read.
const RECORD_BYTES_MAX: u64 = 256 << 20;
/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// The records of a file.
pub(in crate::source) struct Records {
    input: BufReader<Input>,
    path: Location,
    data: Vec<u8>,
    number: u64,
    list: Texts,
}

impl Records {
    /// Reads records from `input`; `path` is for messages.
    pub(in crate::source) fn new(input: Input, path: &Location) -> Self {
        let input = BufReader::with_capacity(BUFFER_BYTES, input);
        Self { input, path: path.clone(), data: Vec::new(), number: 0, list: Texts::default() }
    }

    /// Reads the length of the next record; `None` at the end of the file.
    fn length(&mut self) -> Result<Option<u64>> {
        let mut head = Vec::with_capacity(12);
        self.input.by_ref().take(12).read_to_end(&mut head).map_err(Error::io("read", &self.path))?;
        match head.as_slice() {
            [] => Ok(None),
            &[a, b, c, d, e, f, g, h, ref crc @ ..] if crc.len() == 4 => {
                let bytes = [a, b, c, d, e, f, g, h];
                self.check(crc, &bytes)?;
                Ok(Some(u64::from_le_bytes(bytes)))
            }
            _ => Err(self.damaged("is cut off")),
        }
    }

    fn check(&self, crc: &[u8], bytes: &[u8]) -> Result<()> {
        if crc == masked(bytes).to_le_bytes() {
            return Ok(());
        }
        // Nothing was right so far: it may be no such file, or a packed one.
        let problem = match (self.number, bytes) {
            (1, [0x1f, 0x8b, ..]) => "has a wrong checksum; if the file is packed with gzip, end its name in `.gz`",
            (1, _) => "has a wrong checksum; is this a TFRecord file?",
            _ => "has a wrong checksum: the file is damaged here",
        };
        Err(self.damaged(problem))
    }

    fn damaged(&self, problem: &str) -> Error {
        Error::DamagedFile { path: self.path.clone(), place: self.place(), problem: problem.to_owned() }
    }
}

impl RecordFile for Records {
    fn advance(&mut self) -> Result<bool> {
        self.number += 1;
        let Some(length) = self.length()? else { return Ok(false) };
        if length > RECORD_BYTES_MAX {
            let most = RECORD_BYTES_MAX >> 20;
            return Err(self.damaged(&format!("is said to have {length} bytes; at most {most} MiB are read")));
        }
        self.data.clear();
        // What is not there is not allocated either, whatever the length says.
        let read = self.input.by_ref().take(length + 4).read_to_end(&mut self.data);
        read.map_err(Error::io("read", &self.path))?;
        if self.data.len() as u64 != length + 4 {
            return Err(self.damaged("is cut off"));
        }
        let crc = self.data.split_off(length as usize);
        self.check(&crc, &self.data)?;
        Ok(true)
    }

    fn place(&self) -> Place {
        Place::Record(self.number)
    }

    fn fields(&mut self, visitor: &mut dyn Visitor) -> Result<(), String> {
        example::decode(&self.data, &mut self.list, visitor)
            .map_err(|error| format!("is no `tf.train.Example`: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use trainyard_features::ColumnType::{self, Float, Int, Text};

    use super::super::{Feature, Writer};
    use crate::source::{OnError, Source, SourceConfig};
    use crate::testing::rows;
    use crate::{Error, Result};

    /// Records of an int, a float, a text and a text that is sometimes missing.
    fn people(n: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        for i in 0..n {
            let town = if i % 3 == 1 { Feature::Missing } else { Feature::Bytes(b"Bern") };
            let name = format!("n{i}");
            let features = [
                ("age", Feature::Int(i - 1)),
                ("height", Feature::Floats(&[i as f32 / 8.0])),
                ("name", Feature::Bytes(name.as_bytes())),
                ("town", town),
            ];
            writer.write(features.into_iter()).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    fn file(bytes: &[u8]) -> (tempfile::TempDir, SourceConfig) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.tfrecord");
        std::fs::write(&path, bytes).unwrap();
        (folder, SourceConfig { path: path.as_path().into(), ..SourceConfig::default() })
    }

    fn read(bytes: &[u8]) -> Result<Vec<String>> {
        let (_folder, config) = file(bytes);
        rows(&Source::open_all(&config)?)
    }

    #[track_caller]
    fn check_error(result: Result<impl Sized>, expected: &str) {
        let error = result.map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_written_is_read() {
        let expected = ["-1|0.0|n0|Bern", "0|0.125|n1|", "1|0.25|n2|Bern"];
        assert_eq!(read(&people(3)).unwrap(), expected);
        let (_folder, config) = file(&people(3));
        let types = |source: &Source| source.schema().fields.iter().map(|field| field.column_type).collect::<Vec<_>>();
        assert_eq!(types(&Source::open_all(&config).unwrap()), [Int, Float, Text, Text]);
        let needed: [(_, Option<ColumnType>); 2] = [("name", None), ("age", Some(Float))];
        assert_eq!(rows(&Source::open(&config, &needed).unwrap()).unwrap(), ["n0|-1.0", "n1|0.0", "n2|1.0"]);
    }

    #[test]
    fn what_tensorflow_wrote_is_read() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        for name in ["tf.tfrecord", "tf.tfrecord.gz"] {
            let config = SourceConfig { path: golden.join(name).as_path().into(), ..SourceConfig::default() };
            let columns = ["id", "price", "city", "tags", "history", "maybe"].map(|name| (name, None));
            let source = Source::open(&config, &columns).unwrap();
            let types: Vec<_> = source.schema().fields.iter().map(|field| field.column_type).collect();
            assert_eq!(types, [Int, Float, Text, Text, Text, Float]);
            let expected = std::fs::read_to_string(golden.join("tf.txt")).unwrap();
            assert_eq!(rows(&source).unwrap(), expected.lines().collect::<Vec<_>>());
            let error = Source::open(&config, &[("vector", None)]).unwrap_err().to_string();
            assert!(error.contains("column `vector` of `") && error.contains("the type `list of floats`"), "{error}");
        }
    }

    #[test]
    fn an_example_is_written_as_tensorflow_writes_it() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.write([("a", Feature::Int(-1)), ("b", Feature::Floats(&[0.5, 2.0]))].into_iter()).unwrap();
        writer.write([("a", Feature::Missing)].into_iter()).unwrap();
        writer.write([("a", Feature::Bytes(b"x"))].into_iter()).unwrap();
        writer.finish().unwrap();
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/written.tfrecord");
        assert!(std::fs::read(golden).unwrap() == bytes);
    }

    #[test]
    fn damage_is_named_with_its_record() {
        let whole = people(100);
        let one = people(1).len();
        let flipped = |place: usize| {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            read(&bytes)
        };
        check_error(flipped(0), "record 1 of `");
        check_error(flipped(0), "t.tfrecord` has a wrong checksum; is this a TFRecord file?");
        check_error(flipped(one + 5), "record 2 of `");
        check_error(flipped(one + 20), "has a wrong checksum: the file is damaged here");
        check_error(read(&whole[..whole.len() - 1]), "record 100 of `");
        check_error(read(&whole[..one + 5]), "record 2 of `");
        check_error(read(&whole[..one + 5]), "is cut off");
        check_error(read(b"a,b\n1,2\n3,4\n5,6\n"), "is this a TFRecord file?");
    }

    fn record(data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        super::super::writer::write_record(&mut bytes, data).unwrap();
        bytes
    }

    #[test]
    fn an_impossible_length_allocates_nothing() {
        for length in [u64::MAX, u64::MAX - 4, 200 << 20] {
            let length = length.to_le_bytes();
            let head = [&length[..], &super::masked(&length).to_le_bytes()].concat();
            check_error(read(&head), "record 1 of `");
        }
    }

    #[test]
    fn a_record_that_is_no_example_is_named_and_can_be_skipped() {
        let bytes = [people(1), record(b"\x0a\x7fxx"), people(2)].concat();
        check_error(read(&bytes), "record 2 of `");
        check_error(read(&bytes), "is no `tf.train.Example`: it is cut off");
        let (_folder, mut config) = file(&bytes);
        config.on_error = OnError::Skip;
        let source = Source::open(&config, &[("age", None)]).unwrap();
        assert_eq!(rows(&source).unwrap(), ["-1", "-1", "0"]);
    }

    #[test]
    fn a_file_without_records_has_no_columns_and_lacks_none() {
        let (folder, mut config) = file(b"");
        check_error(Source::open(&config, &[("age", None)]), "t.tfrecord` has no column `age`");
        std::fs::write(folder.path().join("u.tfrecord"), people(2)).unwrap();
        config.path = folder.path().into();
        assert_eq!(rows(&Source::open(&config, &[("age", None)]).unwrap()).unwrap(), ["-1", "0"]);
    }

    proptest! {
        #[test]
        fn damaged_examples_are_errors_and_never_panics(
            places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            kept in 0.0..1.0f64,
        ) {
            let whole = people(1);
            let mut data = whole[12..whole.len() - 4].to_vec();
            for (place, byte) in places {
                let place = place.index(data.len());
                data[place] = byte;
            }
            data.truncate((data.len() as f64 * kept) as usize + 1);
            if let Err(error) = read(&[people(1), record(&data)].concat()) {
                let is_about_a_record = matches!(error, Error::Record { .. } | Error::Value { .. } | Error::MixedTypes { .. });
                prop_assert!(is_about_a_record, "{error}");
            }
        }

        #[test]
        fn damaged_files_are_errors_and_never_panics(
            places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            kept in 0.0..1.0f64,
        ) {
            let mut bytes = people(5);
            for (place, byte) in places {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes.truncate((bytes.len() as f64 * kept) as usize);
            if let Err(error) = read(&bytes) {
                let is_about_a_record = matches!(error, Error::DamagedFile { .. });
                prop_assert!(is_about_a_record, "{error}");
            }
        }
    }
}
