//! Facts about the database itself: version to know, key of the blobs.

use rusqlite::{Connection, OptionalExtension, ToSql, types::FromSql};

pub(crate) const VERSION_1: &str = "
    CREATE TABLE meta (
        name  TEXT PRIMARY KEY,
        value ANY NOT NULL
    ) STRICT, WITHOUT ROWID;
";

pub(crate) fn get<T: FromSql>(db: &Connection, name: &str) -> rusqlite::Result<Option<T>> {
    db.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
}

pub(crate) fn set(db: &Connection, name: &str, value: &dyn ToSql) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
        rusqlite::params![name, value],
    )?;
    Ok(())
}
