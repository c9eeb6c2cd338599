//! What tasks send back, as rows of a table.
//!
//! A message may be of any size. It travels in rows of one column, of a few megabytes each: the number of the task, whether the
//! message ends here, and the next part of its bytes.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, BinaryArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;

use crate::Result;
use crate::cache::Layout;
use crate::ordered::internal;

/// Bytes of a message in one row.
const ROW_BYTES: usize = 4 << 20;

/// What a task has found, in the order in which it sends it.
#[derive(Debug)]
pub(super) enum Message {
    /// What was learnt from the rows: a [`Collector`](trainyard_features::Collector) or [`Findings`](crate::gather::Findings) as
    /// bytes.
    State(Vec<u8>),
    /// Encoded rows.
    Rows(RecordBatch),
    /// Rows that do not fit the layout, but this one. Nothing follows.
    Misfit(Layout),
    /// All rows are read.
    End { rows: u64, skipped: u64 },
}

/// The table in which messages travel.
pub(super) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> =
        LazyLock::new(|| Arc::new(Schema::new(vec![Field::new("message", DataType::Binary, false)])));
    SCHEMA.clone()
}

impl Message {
    /// The rows in which a task sends the message, each in a batch of its own.
    pub(super) fn to_rows(&self, task: u32) -> Result<Vec<RecordBatch>> {
        let bytes = self.to_bytes()?;
        let n = bytes.len().div_ceil(ROW_BYTES);
        let row = |(i, part): (usize, &[u8])| {
            let value = [&task.to_le_bytes()[..], &[u8::from(i + 1 == n)], part].concat();
            Ok(RecordBatch::try_new(schema(), vec![Arc::new(BinaryArray::from_vec(vec![&value[..]]))])?)
        };
        bytes.chunks(ROW_BYTES).enumerate().map(row).collect()
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(match self {
            Self::State(state) => [&b"S"[..], state].concat(),
            Self::Rows(rows) => {
                let mut writer = StreamWriter::try_new(vec![b'R'], &rows.schema())?;
                writer.write(rows)?;
                writer.into_inner()?
            }
            Self::Misfit(layout) => {
                let layout = serde_json::to_vec(layout).map_err(|error| internal(error.to_string()))?;
                [&b"M"[..], &layout].concat()
            }
            Self::End { rows, skipped } => [&b"E"[..], &rows.to_le_bytes(), &skipped.to_le_bytes()].concat(),
        })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Message> {
        let damaged = || internal("a message of a task is damaged");
        let (kind, content) = bytes.split_first().ok_or_else(damaged)?;
        Ok(match kind {
            b'S' => Self::State(content.to_vec()),
            b'R' => Self::Rows(StreamReader::try_new(content, None)?.next().ok_or_else(damaged)??),
            b'M' => Self::Misfit(serde_json::from_slice(content).map_err(|_| damaged())?),
            b'E' => {
                let (rows, skipped) = content.split_first_chunk().ok_or_else(damaged)?;
                let skipped = skipped.try_into().map_err(|_| damaged())?;
                Self::End { rows: u64::from_le_bytes(*rows), skipped: u64::from_le_bytes(skipped) }
            }
            _ => return Err(damaged()),
        })
    }
}

/// Puts the messages of a task together again.
#[derive(Debug)]
pub(super) struct Assembly {
    task: u32,
    bytes: Vec<u8>,
}

impl Assembly {
    pub(super) fn new(task: u32) -> Self {
        Self { task, bytes: Vec::new() }
    }

    /// Takes the next rows, and gives the messages that are whole with them.
    pub(super) fn take(&mut self, rows: &RecordBatch) -> Result<Vec<Message>> {
        let wrong = || internal("a task sent no messages");
        let column = rows.columns().first().and_then(|column| column.as_binary_opt::<i32>()).ok_or_else(wrong)?;
        let mut messages = Vec::new();
        for row in 0..column.len() {
            let (task, rest) = column.value(row).split_first_chunk().ok_or_else(wrong)?;
            let (last, part) = rest.split_first().ok_or_else(wrong)?;
            if u32::from_le_bytes(*task) != self.task {
                return Err(internal(format!("a message of task {} was sent as another's", self.task)));
            }
            self.bytes.extend(part);
            if *last == 1 {
                messages.push(Message::from_bytes(&std::mem::take(&mut self.bytes))?);
            }
        }
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn travelled(message: &Message, rows: usize) -> Message {
        let sent = message.to_rows(7).unwrap();
        assert_eq!(sent.len(), rows);
        let mut assembly = Assembly::new(7);
        let mut messages: Vec<_> = sent.iter().flat_map(|rows| assembly.take(rows).unwrap()).collect();
        assert_eq!(messages.len(), 1);
        messages.remove(0)
    }

    #[test]
    fn a_message_larger_than_a_row_arrives_as_it_was_sent() {
        let state: Vec<u8> = (0..2 * ROW_BYTES + 5).map(|i| (i % 251) as u8).collect();
        let Message::State(arrived) = travelled(&Message::State(state.clone()), 3) else { panic!("another kind") };
        assert!(arrived == state);
    }

    #[test]
    fn rows_and_ends_arrive_as_they_were_sent() {
        let column: arrow::array::ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![Some(1), None]));
        let rows = RecordBatch::try_from_iter([("n", column)]).unwrap();
        assert!(matches!(travelled(&Message::Rows(rows.clone()), 1), Message::Rows(arrived) if arrived == rows));
        let end = Message::End { rows: 3, skipped: u64::MAX };
        assert!(matches!(travelled(&end, 1), Message::End { rows: 3, skipped: u64::MAX }));
    }

    #[test]
    fn messages_of_another_task_and_damaged_ones_are_refused() {
        let sent = Message::End { rows: 3, skipped: 0 }.to_rows(1).unwrap();
        assert!(Assembly::new(2).take(&sent[0]).is_err());
        for bytes in [&b""[..], b"X", b"E1", b"M{", b"Rabc"] {
            assert!(Message::from_bytes(bytes).is_err());
        }
    }
}
