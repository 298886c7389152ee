//! Which functions and classes of Python a pickle names, without running it.
//!
//! Opcodes as in CPython's `Lib/pickletools.py`, protocols 0 to 5. This follows only the strings that may become a name;
//! values are `pytorch-reader`'s to read.

/// Why a pickle's names cannot be listed.
#[derive(Debug, PartialEq)]
pub(super) enum PickleFault {
    /// It ends in the middle of an instruction.
    Short,
    /// No pickle has this instruction.
    Opcode(u8),
    /// A name is put together from what is no plain string, or comes from a registry of the process that wrote it.
    Hidden,
}

/// The names (`module.name`) of one pickle at the beginning of `bytes`, and where the pickle ends.
pub(super) fn globals(bytes: &[u8]) -> Result<(Vec<String>, usize), PickleFault> {
    let mut scan = Scan { bytes, at: 0, pushed: Vec::new(), memo: Vec::new(), names: Vec::new() };
    while scan.step()? {}
    Ok((scan.names, scan.at))
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What was pushed last: the string, or nothing for another kind of value.
    pushed: Vec<Option<String>>,
    memo: Vec<(usize, Option<String>)>,
    names: Vec<String>,
}

impl<'a> Scan<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], PickleFault> {
        let end = self.at.checked_add(count).ok_or(PickleFault::Short)?;
        let taken = self.bytes.get(self.at..end).ok_or(PickleFault::Short)?;
        self.at = end;
        Ok(taken)
    }

    fn line(&mut self) -> Result<String, PickleFault> {
        let rest = self.bytes.get(self.at..).ok_or(PickleFault::Short)?;
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or(PickleFault::Short)?;
        self.at += length + 1;
        Ok(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    fn number(&mut self, width: usize) -> Result<usize, PickleFault> {
        let bytes = self.take(width)?;
        let wide = bytes.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        usize::try_from(wide).map_err(|_| PickleFault::Short)
    }

    fn string(&mut self, width: usize) -> Result<(), PickleFault> {
        let length = self.number(width)?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Some(text));
        Ok(())
    }

    fn other(&mut self, width: usize) -> Result<(), PickleFault> {
        let length = self.number(width)?;
        self.take(length)?;
        self.push(None);
        Ok(())
    }

    fn fixed(&mut self, width: usize) -> Result<(), PickleFault> {
        self.take(width)?;
        self.push(None);
        Ok(())
    }

    /// Only the last two pushes can be a name.
    fn push(&mut self, value: Option<String>) {
        if self.pushed.len() > 7 {
            self.pushed.drain(..4);
        }
        self.pushed.push(value);
    }

    fn remember(&mut self, key: usize) {
        let value = self.pushed.last().cloned().flatten();
        self.memo.push((key, value));
    }

    fn recall(&mut self, key: usize) {
        let value = self.memo.iter().rev().find(|(at, _)| *at == key).and_then(|(_, value)| value.clone());
        self.push(value);
    }

    /// One instruction; false after the last.
    fn step(&mut self) -> Result<bool, PickleFault> {
        let opcode = self.take(1)?[0];
        match opcode {
            b'.' => return Ok(false),
            // GLOBAL and INST name it in two lines.
            b'c' | b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                self.names.push(format!("{module}.{name}"));
                self.push(None);
            }
            // STACK_GLOBAL takes the two strings before it.
            0x93 => {
                let name = self.pushed.pop().flatten().ok_or(PickleFault::Hidden)?;
                let module = self.pushed.pop().flatten().ok_or(PickleFault::Hidden)?;
                self.names.push(format!("{module}.{name}"));
                self.push(None);
            }
            0x82..=0x84 => return Err(PickleFault::Hidden),
            // Strings.
            0x8c => self.string(1)?,
            b'X' => self.string(4)?,
            0x8d => self.string(8)?,
            b'V' => {
                let text = self.line()?;
                self.push(Some(text));
            }
            b'S' => {
                let text = self.line()?;
                self.push(Some(text.trim_matches(['\'', '"']).to_owned()));
            }
            b'U' => self.string(1)?,
            b'T' => self.string(4)?,
            // Bytes and long numbers.
            b'C' | 0x8a => self.other(1)?,
            b'B' | 0x8b => self.other(4)?,
            0x8e | 0x96 => self.other(8)?,
            // Numbers of a fixed width.
            b'K' => self.fixed(1)?,
            b'M' => self.fixed(2)?,
            b'J' => self.fixed(4)?,
            b'G' => self.fixed(8)?,
            b'I' | b'L' | b'F' | b'P' => {
                self.line()?;
                self.push(None);
            }
            // The memo.
            b'q' => {
                let key = self.number(1)?;
                self.remember(key);
            }
            b'r' => {
                let key = self.number(4)?;
                self.remember(key);
            }
            0x94 => self.remember(self.memo.len()),
            b'p' => {
                let key = self.line()?.parse().map_err(|_| PickleFault::Short)?;
                self.remember(key);
            }
            b'h' => {
                let key = self.number(1)?;
                self.recall(key);
            }
            b'j' => {
                let key = self.number(4)?;
                self.recall(key);
            }
            b'g' => {
                let key = self.line()?.parse().map_err(|_| PickleFault::Short)?;
                self.recall(key);
            }
            // Protocol and frames.
            0x80 => {
                self.take(1)?;
            }
            0x95 => {
                self.take(8)?;
            }
            // What makes something of what lies on the stack: no string comes of it.
            b'(' | b'N' | b']' | b'}' | b')' | 0x88 | 0x89 | 0x8f | b'2' => self.push(None),
            b'0'
            | b'1'
            | b'a'
            | b'e'
            | b's'
            | b'u'
            | b'b'
            | b'R'
            | b'o'
            | b't'
            | b'd'
            | b'l'
            | b'Q'
            | 0x81
            | 0x85..=0x87
            | 0x90..=0x92
            | 0x97
            | 0x98 => self.push(None),
            unknown => return Err(PickleFault::Opcode(unknown)),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_every_way_that_a_pickle_has_to_say_it() {
        let classic = b"cposix\nsystem\n(S'true'\ntR.";
        let stacked = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x8c\x04true\x85R.";
        let recalled = b"\x80\x02X\x05\x00\x00\x00posixq\x00X\x06\x00\x00\x00systemq\x010h\x00h\x01\x93.";
        let dropped = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R0}.";
        for pickle in [&classic[..], stacked, recalled, dropped] {
            assert_eq!(globals(pickle).unwrap().0, ["posix.system"]);
        }
    }

    #[test]
    fn a_name_that_is_put_together_is_not_passed_over() {
        let made = b"\x80\x04\x8c\x05posix]\x93.";
        assert_eq!(globals(made), Err(PickleFault::Hidden));
        assert_eq!(globals(b"\x80\x02\x82\x01."), Err(PickleFault::Hidden));
        assert_eq!(globals(b"\x80\x04\x8c\x05po"), Err(PickleFault::Short));
        assert_eq!(globals(b"\xff"), Err(PickleFault::Opcode(0xff)));
    }
}
