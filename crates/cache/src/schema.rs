//! The versions of the record database and how one becomes the next.
//!
//! `user_version` is the version of the tables. `meta.must_know` is the forward-compatibility number: the
//! lowest version a program must know to use the database without harm. An additive change raises only the
//! first; a program meets a `must_know` above its own [`VERSION`] with a refusal, never with a repair.

use crate::{CacheError, tables};
use rusqlite::{Connection, Transaction};

/// The newest version known here.
pub(crate) const VERSION: i64 = 11;
/// Marks our files for `file(1)` and for anybody who lost the name: "MSgt".
const APPLICATION_ID: i64 = 0x4d53_6774;

/// A step from the version before to this one.
type Migration = fn(&Transaction<'_>) -> rusqlite::Result<()>;

/// Step `i` makes version `i + 1`. Steps are never changed once released; new ones go behind.
const MIGRATIONS: [Migration; VERSION as usize] = [
    version_1,
    version_2,
    version_3,
    version_4,
    version_5,
    outbox_outlives_studies,
    from_servers,
    issuer_of_patient_id,
    promises_to_keep,
    proposals,
    wounds_and_lists,
];

fn version_1(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for table in [
        tables::meta::VERSION_1,
        tables::studies::VERSION_1,
        tables::series::VERSION_1,
        tables::instances::VERSION_1,
        tables::annotations::VERSION_1,
        tables::sessions::VERSION_1,
        tables::thumbnails::VERSION_1,
        tables::import_jobs::VERSION_1,
        tables::outbox::VERSION_1,
        tables::audit::VERSION_1,
    ] {
        transaction.execute_batch(table)?;
    }
    transaction.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}"))?;
    tables::meta::set(transaction, "must_know", &1_i64)
}

/// Adds a table: a program that knows version 1 only leaves it alone.
fn version_2(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(tables::retrieval_jobs::VERSION_2)
}

/// Adds tables.
fn version_3(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(tables::reports::VERSION_3)
}

/// Audit events get the site's key. A program that does not know it would go on with events that anybody can write: it
/// must know this version.
fn version_4(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(tables::audit::KEYED)?;
    tables::meta::set(transaction, "must_know", &4_i64)
}

/// Adds columns.
fn version_5(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(tables::studies::VERSION_5)
}

/// Entries of the outbox outlive their study, and have a state at each destination. A program before this one finds
/// every column that it knows.
fn outbox_outlives_studies(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(tables::outbox::OUTLIVES_STUDIES)?;
    transaction.execute_batch(tables::deliveries::TABLES)
}

/// Adds tables, and a column.
fn from_servers(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for step in [
        tables::orders::TABLES,
        tables::server_copies::create(tables::server_copies::REPORTS).as_str(),
        tables::askings::TABLE,
        tables::studies::PRIORITY_SET,
    ] {
        transaction.execute_batch(step)?;
    }
    Ok(())
}

/// Adds a column.
fn issuer_of_patient_id(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(tables::studies::ISSUER)
}

/// Adds tables.
fn promises_to_keep(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(tables::promises::TABLES)
}

/// Adds a table.
fn proposals(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(tables::proposals::TABLE)
}

/// Adds a table and columns, and fills these from what is there.
fn wounds_and_lists(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(&tables::server_copies::create(tables::server_copies::WOUNDS))?;
    transaction.execute_batch(tables::orders::LIST)?;
    crate::order::put_all_in_list(transaction)
}

/// Refuses a database that asks for more than this program knows.
pub(crate) fn check_version(db: &Connection) -> Result<i64, CacheError> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > 0 {
        let must_know: i64 = tables::meta::get(db, "must_know")?
            .ok_or_else(|| CacheError::Damaged("its version is missing".to_owned()))?;
        if must_know > VERSION {
            return Err(CacheError::Newer { found: must_know, known: VERSION });
        }
    }
    Ok(version)
}

/// Brings the tables to [`VERSION`], each step in a transaction of its own.
pub(crate) fn migrate(db: &mut Connection) -> Result<(), CacheError> {
    let version = usize::try_from(check_version(db)?).unwrap_or(0);
    for (step, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        migration(&transaction)?;
        transaction.execute_batch(&format!("PRAGMA user_version = {}", step + 1))?;
        transaction.commit()?;
    }
    Ok(())
}
