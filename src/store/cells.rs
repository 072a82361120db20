//! Cells of rows to the parameters of a statement, without a string for each.

use super::text::escaped_text;
use crate::base::{CaptureTime, Endpoint, RecordRef};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Statement, ToSql};
use std::io::Write;
use std::net::IpAddr;

/// The parameters of a statement, filled one after another.
pub(super) struct Cells<'s, 'c> {
    statement: &'s mut Statement<'c>,
    /// Number of the next parameter, from 1.
    next: usize,
    /// Room for texts.
    text: &'s mut Vec<u8>,
}

/// Text that is UTF-8.
struct Utf8<'t>(&'t [u8]);

impl ToSql for Utf8<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

impl<'s, 'c> Cells<'s, 'c> {
    pub(super) const fn new(statement: &'s mut Statement<'c>, text: &'s mut Vec<u8>) -> Self {
        Self { statement, next: 1, text }
    }

    /// Fills the next parameter.
    pub(super) fn fill(&mut self, cell: impl Cell) -> rusqlite::Result<()> {
        cell.bind(self)
    }

    fn put(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.statement.raw_bind_parameter(self.next, value)?;
        self.next += 1;
        Ok(())
    }

    /// Fills the next parameter with what is written, which must be UTF-8.
    fn put_written(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> rusqlite::Result<()> {
        self.text.clear();
        write(self.text);
        self.statement.raw_bind_parameter(self.next, Utf8(self.text))?;
        self.next += 1;
        Ok(())
    }
}

/// What fills one parameter.
pub(super) trait Cell {
    /// Fills the next parameter.
    fn bind(self, cells: &mut Cells<'_, '_>) -> rusqlite::Result<()>;
}

impl<T: ToSql> Cell for T {
    fn bind(self, cells: &mut Cells<'_, '_>) -> rusqlite::Result<()> {
        cells.put(self)
    }
}

/// Bytes of a capture as text; see [`escaped_text`].
pub(super) struct Text<'t>(pub(super) &'t [u8]);

impl Cell for Text<'_> {
    fn bind(self, cells: &mut Cells<'_, '_>) -> rusqlite::Result<()> {
        cells.put(escaped_text(self.0))
    }
}

/// `ADDRESS:PORT`.
impl Cell for Endpoint {
    fn bind(self, cells: &mut Cells<'_, '_>) -> rusqlite::Result<()> {
        cells.put_written(|text| self.append_to(text))
    }
}

/// An address alone.
pub(super) struct Address(pub(super) IpAddr);

impl Cell for Address {
    fn bind(self, cells: &mut Cells<'_, '_>) -> rusqlite::Result<()> {
        cells.put_written(|text| match self.0 {
            IpAddr::V4(address) => {
                for (place, octet) in address.octets().into_iter().enumerate() {
                    if place > 0 {
                        text.push(b'.');
                    }
                    append_number(text, u32::from(octet));
                }
            }
            // Writing to a Vec cannot fail.
            IpAddr::V6(address) => drop(write!(text, "{address}")),
        })
    }
}

/// `FILE/MEMBER/RECORD`.
impl Cell for RecordRef {
    fn bind(self, cells: &mut Cells<'_, '_>) -> rusqlite::Result<()> {
        let numbers = [self.capture.file.0, self.capture.member, self.index];
        cells.put_written(|text| {
            for (place, number) in numbers.into_iter().enumerate() {
                if place > 0 {
                    text.push(b'/');
                }
                append_number(text, number);
            }
        })
    }
}

impl Cell for CaptureTime {
    fn bind(self, cells: &mut Cells<'_, '_>) -> rusqlite::Result<()> {
        cells.put(self.ns())
    }
}

/// NULL where there is none.
pub(super) struct OrNull<T>(pub(super) Option<T>);

impl<T: Cell> Cell for OrNull<T> {
    fn bind(self, cells: &mut Cells<'_, '_>) -> rusqlite::Result<()> {
        match self.0 {
            Some(value) => value.bind(cells),
            None => cells.put(rusqlite::types::Null),
        }
    }
}

/// Appends the decimal digits of a number.
fn append_number(text: &mut Vec<u8>, mut number: u32) {
    let mut digits = [b'0'; 10];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] += (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[start..]);
}

/// Fills the parameters of one row.
macro_rules! bind {
    ($cells:expr; $($cell:expr),+ $(,)?) => {{
        $($cells.fill($cell)?;)+
        Ok(())
    }};
}
pub(super) use bind;
