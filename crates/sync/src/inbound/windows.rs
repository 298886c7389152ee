//! Changes that a server tells in no order, and more of them than are read at once: by windows of the time of change.
//!
//! A window that has too much is halved where half of what was seen of it was changed earlier, until each fits. What is
//! changed while a window is read leaves it, and a server that keeps its place by counting then skips another: such a
//! window is read again, as far as the server counts what it has. Not here: answers that are sorted, which are read on
//! from the last change that was seen (`feed.rs`).

use super::feed::{Feed, MOST_READINGS};
use super::pages::Pages;
use crate::Trouble;
use crate::moment::now;
use medsight_base::Timestamp;
use medsight_cache::{AskedOf, Asking, CameIn};

const AT_ONCE: Trouble = Trouble::Answer(
    "more was changed there in one moment than can be read, and it does not sort its answers",
);

/// How one window was read.
enum Window {
    /// All of it.
    Whole,
    /// All that was told; whether something was skipped nobody can say.
    Torn,
    /// It has too much; about half of it was changed before this moment.
    TooMuch(Option<Timestamp>),
}

impl Feed<'_> {
    /// Reads what was changed from a moment on and before another. What came, and whether that is surely all of it;
    /// `asking` goes on behind what is.
    pub(super) async fn windows(
        &self,
        of: &AskedOf,
        asking: &mut Asking,
        search: &str,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<(CameIn, bool), Trouble> {
        let (mut came, mut is_whole) = (CameIn::default(), true);
        let mut open = vec![(from, until)];
        while let Some((from, until)) = open.pop() {
            match self.window(of, asking, search, (from, until), &mut came).await? {
                Window::Whole => {}
                Window::Torn => is_whole = false,
                Window::TooMuch(_) if until.0 - from.0 <= 1 => return Err(AT_ONCE),
                Window::TooMuch(middle) => {
                    let half = Timestamp(from.0 + (until.0 - from.0) / 2);
                    let middle = middle.filter(|at| from < *at && *at < until).unwrap_or(half);
                    open.extend([(middle, until), (from, middle)]);
                    continue;
                }
            }
            // Behind the first that may lack something nothing is called read: who is cut off reads it again.
            if is_whole {
                asking.progress = Some(until);
                came.add(self.keep(of, asking, Default::default()).await?);
            }
        }
        Ok((came, is_whole))
    }

    async fn window(
        &self,
        of: &AskedOf,
        asking: &mut Asking,
        search: &str,
        (from, until): (Timestamp, Timestamp),
        came: &mut CameIn,
    ) -> Result<Window, Trouble> {
        for _ in 0..MOST_READINGS {
            let mut pages = Pages::new(self.http, search.to_owned(), Some(from)).before(until);
            loop {
                let page = pages.read(None, self.cancel).await;
                if pages.is_too_much() {
                    return Ok(Window::TooMuch(pages.middle()));
                }
                let page = page?.unwrap_or_default();
                let is_last = page.is_last;
                asking.asked_at = now();
                asking.answered();
                came.add(self.keep(of, asking, page).await?);
                if is_last {
                    break;
                }
            }
            if pages.is_complete() {
                return Ok(Window::Whole);
            }
            if !pages.is_counted() {
                break;
            }
        }
        Ok(Window::Torn)
    }
}
