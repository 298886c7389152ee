//! Messages as lines: write, flush, read, with a limit on length.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{BufRead, Write};

/// Longest line that is read. A manifest of 100,000 instances takes about 30 MB.
pub const LONGEST_LINE: u64 = 256 << 20;

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other program went away in the middle of a line.
    #[error("the connection ended in the middle of a message")]
    Cut,
    /// More than [`LONGEST_LINE`].
    #[error("a message of more than {LONGEST_LINE} bytes was refused")]
    TooLong,
    /// Not a message this program knows. The text of the message is not repeated: it may name a patient.
    #[error("a message could not be understood (line {line}, column {column})")]
    NotUnderstood {
        /// Line of the fault.
        line: usize,
        /// Column of the fault.
        column: usize,
    },
    /// The pipe failed.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
}

/// Writes one message and flushes.
pub fn write_message(out: &mut impl Write, message: &impl Serialize) -> Result<(), WireError> {
    let mut line = serde_json::to_vec(message).map_err(|e| WireError::Io(e.into()))?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()?;
    Ok(())
}

/// Reads one message; `None` when the other side closed in order. Empty lines are passed over.
pub fn read_message<T: DeserializeOwned>(input: &mut impl BufRead) -> Result<Option<T>, WireError> {
    loop {
        let mut line = Vec::new();
        let read = std::io::Read::take(&mut *input, LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(if read as u64 == LONGEST_LINE { WireError::TooLong } else { WireError::Cut });
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        return serde_json::from_slice(&line)
            .map(Some)
            .map_err(|e| WireError::NotUnderstood { line: e.line(), column: e.column() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FromLightBox, ToLightBox};

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let mut pipe = Vec::new();
        write_message(&mut pipe, &ToLightBox::Saved { sequence: 7 }).unwrap();
        let read: ToLightBox = read_message(&mut pipe.as_slice()).unwrap().unwrap();
        assert!(matches!(read, ToLightBox::Saved { sequence: 7 }));
    }

    #[test]
    fn a_fault_in_a_message_does_not_repeat_its_text() {
        let error = read_message::<FromLightBox>(&mut &b"{\"type\":\"DOE^JANE\"}\n"[..]).unwrap_err();
        assert!(!error.to_string().contains("DOE"));
    }

    #[test]
    fn a_program_that_dies_in_the_middle_of_a_line_is_noticed() {
        let error = read_message::<ToLightBox>(&mut &b"{\"type\":"[..]).unwrap_err();
        assert!(matches!(error, WireError::Cut));
    }
}
