//! Small pictures of series, kept as encrypted files like the images they show.

use crate::{Cache, CacheError, tables};
use medsight_base::{SeriesUid, Timestamp};
use medsight_vault::Durability;

impl Cache {
    /// The picture of a series as it was kept; `None` when there is none yet, or it can't be read any more
    /// and has to be made again.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn thumbnail(&self, series: &SeriesUid) -> Result<Option<Vec<u8>>, CacheError> {
        let blob = self.read(|db| {
            let row = tables::series::id_of(db, series)?.ok_or(CacheError::NotFound("series"))?;
            Ok(tables::thumbnails::of_series(db, row)?)
        })?;
        Ok(blob.and_then(|blob| self.blobs().open(blob).and_then(|reader| reader.read_all()).ok()))
    }

    /// Keeps the picture of a series instead of the one before.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], [`CacheError::DiskFull`], …
    pub fn set_thumbnail(&self, series: &SeriesUid, picture: &[u8], at: Timestamp) -> Result<(), CacheError> {
        let _writing = self.gate.write_files();
        let blob = self.blobs().put(picture, Durability::Later)?;
        let kept = self.write(|t| {
            let row = tables::series::id_of(t, series)?.ok_or(CacheError::NotFound("series"))?;
            let before = tables::thumbnails::of_series(t, row)?;
            tables::thumbnails::set(t, row, blob, at)?;
            Ok(before)
        });
        match kept {
            Ok(before) => {
                self.discard(before.as_slice());
                Ok(())
            }
            Err(error) => {
                self.discard(&[blob]);
                Err(error)
            }
        }
    }
}
