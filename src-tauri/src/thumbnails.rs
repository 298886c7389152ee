//! Small pictures of series, and large ones of key images: from the cache, else made by an imaging program that is started for them alone,
//! so that a picture that can't be made costs no window. It quits when nothing has been asked for a while.

use crate::desk::{Desk, held, now};
use crate::dto::{ImportState, Thumbnail, ThumbnailRequest};
use crate::light_box;
use crate::problem::{Fault, Problem};
use crate::process::Process;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use medsight_base::{SeriesUid, StudyUid};
use medsight_cache::Cache;
use medsight_link::{BarePicture, FromLightBox, ToLightBox};
use medsight_record::CellState;
use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer edge in pixels: sharp at twice the size of the study panel's pictures.
const EDGE_PX: u32 = 192;
/// The imaging program quits when nothing was asked for so long.
const IDLE: Duration = Duration::from_secs(2);
/// A picture that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The imaging program's answer.
type Answered = Receiver<FromLightBox>;

/// The imaging program that makes small pictures.
#[derive(Default)]
pub(crate) struct Thumbnailer {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    process: Option<Process>,
    run: u64,
    next: u64,
    waiting: HashMap<u64, Sender<FromLightBox>>,
    /// Series whose picture ended the program: not tried again until the next start.
    given_up: HashSet<SeriesUid>,
}

/// The small picture of a series.
pub(crate) fn thumbnail(desk: &Arc<Desk>, request: ThumbnailRequest) -> Result<Thumbnail, Problem> {
    let study = StudyUid::parse(&request.study_uid)?;
    let series = SeriesUid::parse(&request.series_uid)?;
    let cache = desk.cache()?;
    if let Some(png) = cache.thumbnail(&series)? {
        return Ok(Thumbnail { png_base64: Some(BASE64.encode(png)), why_not: None });
    }
    let made = middle_image(&cache, &study, &series)?
        .ok_or_else(|| Fault::NoImagesInSeries.into())
        .and_then(|(blob, frame)| desk.thumbnailer().small(desk, &series, &blob, frame));
    Ok(match made {
        Ok(png_base64) => {
            // A series that is still coming in has another middle when it is all here. What can't be kept is
            // made again next time.
            let coming = matches!(desk.importing().state(), ImportState::Running(_));
            if let Ok(png) = BASE64.decode(&png_base64)
                && !coming
            {
                let _ = cache.set_thumbnail(&series, &png, now());
            }
            Thumbnail { png_base64: Some(png_base64), why_not: None }
        }
        Err(why_not) => Thumbnail { png_base64: None, why_not: Some(why_not) },
    })
}

/// Blob and frame in the middle of a series, in reading order.
fn middle_image(
    cache: &Cache,
    study: &StudyUid,
    series: &SeriesUid,
) -> Result<Option<(String, u32)>, Problem> {
    let manifest = cache.manifest(study)?;
    let images = || manifest.instances.iter().filter(|i| i.series == *series && i.frames > 0);
    let middle = images().map(|i| u64::from(i.frames)).sum::<u64>() / 2;
    let mut before = 0;
    for image in images() {
        let frames = u64::from(image.frames);
        if middle < before + frames {
            // In range: the difference is below a frame count of 32 bits.
            return Ok(Some((image.blob.clone(), u32::try_from(middle - before).unwrap_or(0))));
        }
        before += frames;
    }
    Ok(None)
}

impl Thumbnailer {
    /// A small picture: PNG in base64.
    fn small(&self, desk: &Arc<Desk>, series: &SeriesUid, blob: &str, frame: u32) -> Result<String, Problem> {
        let ask = |request| ToLightBox::Thumbnail { request, blob: blob.to_owned(), frame, edge_px: EDGE_PX };
        match self.make(desk, series, ask)? {
            FromLightBox::Thumbnail { png_base64: Ok(png), .. } => Ok(png),
            _ => Err(Fault::NoPicture.into()),
        }
    }

    /// A large picture as bare pixels, for paper.
    pub(crate) fn large(
        &self,
        desk: &Arc<Desk>,
        series: &SeriesUid,
        (blob, frame): (&str, u32),
        edge_px: u32,
        look: Option<&CellState>,
    ) -> Result<BarePicture, Problem> {
        let look = look.map(|look| Box::new(look.clone()));
        let ask = |request| ToLightBox::Picture {
            request,
            blob: blob.to_owned(),
            frame,
            edge_px,
            look: look.clone(),
        };
        match self.make(desk, series, ask)? {
            FromLightBox::Picture { made: Ok(made), .. } => Ok(made),
            _ => Err(Fault::NoPicture.into()),
        }
    }

    /// Has a picture made and waits for it. A program that ends while it is asked may have been about to quit
    /// for having been idle, so it is asked a second time before the series is given up.
    fn make(
        &self,
        desk: &Arc<Desk>,
        series: &SeriesUid,
        ask: impl Fn(u64) -> ToLightBox,
    ) -> Result<FromLightBox, Problem> {
        for _ in 0..2 {
            let answered = self.ask(desk, series, &ask)?;
            match answered.recv_timeout(PATIENCE) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {}
            }
        }
        held(&self.inner).given_up.insert(series.clone());
        Err(Fault::NoPicture.into())
    }

    fn ask(
        &self,
        desk: &Arc<Desk>,
        series: &SeriesUid,
        ask: impl Fn(u64) -> ToLightBox,
    ) -> Result<Answered, Problem> {
        let (answer, answered) = mpsc::channel();
        let mut inner = held(&self.inner);
        if inner.given_up.contains(series) {
            return Err(Fault::NoPicture.into());
        }
        if inner.process.is_none() {
            inner.run += 1;
            let run = inner.run;
            let heard = {
                let desk = Arc::clone(desk);
                move |message| desk.thumbnailer().hear(message, run)
            };
            inner.process = Some(light_box::start(desk, Some(IDLE), heard)?);
        }
        let request = inner.next;
        inner.next += 1;
        inner.waiting.insert(request, answer);
        if let Some(process) = &inner.process {
            process.send(ask(request));
        }
        Ok(answered)
    }

    fn hear(&self, message: Option<FromLightBox>, run: u64) {
        let mut inner = held(&self.inner);
        match message {
            Some(
                answer @ (FromLightBox::Thumbnail { request, .. } | FromLightBox::Picture { request, .. }),
            ) => {
                if let Some(waiting) = inner.waiting.remove(&request) {
                    // Who asked may have stopped waiting.
                    let _ = waiting.send(answer);
                }
            }
            Some(_) => {}
            None if inner.run == run => {
                // Those who wait see their sender go.
                inner.process = None;
                inner.waiting.clear();
            }
            None => {}
        }
    }

    /// Ends the program.
    pub(crate) fn end(&self) {
        if let Some(process) = held(&self.inner).process.take() {
            process.send(ToLightBox::Quit);
        }
    }
}
