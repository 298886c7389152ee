//! A destination gets another name: what was delivered there, and what waits for it, goes with it.

use crate::{Cache, CacheError};
use rusqlite::params;

/// Tables that hold something of a destination under its name, and the column of the name.
const NAMED: [(&str, &str); 6] = [
    ("deliveries", "destination"),
    ("remotes", "destination"),
    ("promises", "destination"),
    ("promise_transactions", "destination"),
    ("audit_deliveries", "destination"),
    ("destinations", "name"),
];

impl Cache {
    /// Gives destinations other names: old and new ones. What an earlier destination of a new name left is gone with it.
    ///
    /// # Errors
    /// [`CacheError`]; nothing is changed then.
    pub fn rename_destinations(&self, names: &[(String, String)]) -> Result<(), CacheError> {
        self.write(|t| {
            // What a promise and its transactions say is the same again when both are renamed.
            t.execute_batch("PRAGMA defer_foreign_keys = ON")?;
            for (was, is) in names {
                for (table, column) in NAMED {
                    t.execute(&format!("DELETE FROM {table} WHERE {column} = ?1"), [is])?;
                    t.execute(
                        &format!("UPDATE {table} SET {column} = ?2 WHERE {column} = ?1"),
                        params![was, is],
                    )?;
                }
                // A claim is told where its order came from.
                t.execute(
                    "UPDATE outbox SET payload = json_set(payload, '$.destination', ?2)
                     WHERE kind = 'claim' AND sent_at IS NULL AND payload ->> 'destination' = ?1",
                    params![was, is],
                )?;
                t.execute(
                    "UPDATE orders SET payload = json_set(payload, '$.destination', ?2)
                     WHERE payload ->> 'destination' = ?1",
                    params![was, is],
                )?;
            }
            Ok(())
        })?;
        self.wake.again();
        Ok(())
    }
}
