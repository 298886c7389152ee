//! Lines to pages: breaking them where they are too long, and putting them on A4.

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::text::{Font, TextDirection};

use crate::PaperError;
use crate::picture::Picture;

/// A4, points.
const PAGE_PT: [f32; 2] = [595.0, 842.0];
const MARGIN_PT: f32 = 56.0;
const HEAD_PT: f32 = 44.0;
const FOOT_PT: f32 = 28.0;
/// Room above and below a picture, together.
const PICTURE_PT: f32 = 12.0;
const TEXT_PT: f32 = PAGE_PT[0] - 2.0 * MARGIN_PT;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Title,
    Heading,
    Text,
    Small,
}

impl Look {
    fn size_pt(self) -> f32 {
        match self {
            Self::Title => 17.0,
            Self::Heading => 11.5,
            Self::Text => 10.0,
            Self::Small => 8.5,
        }
    }

    /// Room above, and from one line to the next.
    fn room_pt(self) -> [f32; 2] {
        match self {
            Self::Title => [6.0, 24.0],
            Self::Heading => [10.0, 16.0],
            Self::Text => [0.0, 15.0],
            Self::Small => [1.0, 13.0],
        }
    }

    fn grey(self) -> u8 {
        match self {
            Self::Title | Self::Text => 0,
            Self::Heading => 40,
            Self::Small => 90,
        }
    }
}

/// A line as it was written, or a picture.
pub(crate) struct Line<'p> {
    pub(crate) look: Look,
    pub(crate) text: String,
    /// Stands above the text, which is its caption.
    pub(crate) picture: Option<&'p Picture>,
}

/// How wide texts are.
pub(crate) struct Measure<'f> {
    face: ttf_parser::Face<'f>,
}

impl<'f> Measure<'f> {
    pub(crate) fn new(font: &'f [u8]) -> Option<Self> {
        Some(Self { face: ttf_parser::Face::parse(font, 0).ok()? })
    }

    /// The first sign that the font does not have.
    pub(crate) fn missing(&self, text: &str) -> Option<char> {
        text.chars().find(|c| !c.is_control() && self.face.glyph_index(*c).is_none())
    }

    fn width_pt(&self, text: &str, size_pt: f32) -> f32 {
        let units: u32 = text
            .chars()
            .filter_map(|c| self.face.glyph_hor_advance(self.face.glyph_index(c)?))
            .map(u32::from)
            .sum();
        units as f32 * size_pt / f32::from(self.face.units_per_em())
    }

    /// Breaks a text between words, and words that are longer than the page within.
    fn broken(&self, text: &str, look: Look) -> Vec<String> {
        let fits = |text: &str| self.width_pt(text, look.size_pt()) <= TEXT_PT;
        let (mut lines, mut line) = (Vec::new(), String::new());
        for word in text.split_inclusive(' ') {
            if fits(format!("{line}{word}").trim_end()) {
                line.push_str(word);
                continue;
            }
            if !line.trim_end().is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.clear();
            for letter in word.chars() {
                line.push(letter);
                if !fits(line.trim_end()) {
                    line.pop();
                    lines.push(std::mem::take(&mut line));
                    line.push(letter);
                }
            }
        }
        lines.push(line);
        lines.iter().map(|line| line.trim_end().to_owned()).collect()
    }
}

/// A piece of text and its baseline from the top of the page, or a picture and its upper edge.
pub(crate) struct Placed<'p> {
    look: Look,
    text: String,
    picture: Option<&'p Picture>,
    y_pt: f32,
}

/// Lines by pages. A heading is never the last of its page, and a picture stands on one with its caption.
pub(crate) fn pages<'p>(lines: Vec<Line<'p>>, measure: &Measure<'_>) -> Vec<Vec<Placed<'p>>> {
    let top = MARGIN_PT + HEAD_PT;
    let bottom = PAGE_PT[1] - MARGIN_PT - FOOT_PT;
    let (mut pages, mut page, mut y_pt): (Vec<Vec<Placed<'p>>>, Vec<Placed<'p>>, f32) =
        (Vec::new(), Vec::new(), top);
    let height = |line: &Line<'_>| {
        line.picture.and_then(Picture::size_pt).map_or(0.0, |[_, height]| height + PICTURE_PT)
    };
    let next: Vec<f32> = lines.iter().skip(1).map(height).chain([0.0]).collect();
    for (line, next) in lines.into_iter().zip(next) {
        let [above, step] = line.look.room_pt();
        let keeps_next = if line.look == Look::Heading { Look::Text.room_pt()[1] + next } else { 0.0 };
        let height = height(&line);
        if height > 0.0 {
            if y_pt + height + 2.0 * step > bottom && !page.is_empty() {
                pages.push(std::mem::take(&mut page));
                y_pt = top;
            }
            page.push(Placed {
                look: line.look,
                text: String::new(),
                picture: line.picture,
                y_pt: y_pt + PICTURE_PT / 2.0,
            });
            y_pt += height;
        }
        for (at, text) in measure.broken(&line.text.replace('\t', "    "), line.look).into_iter().enumerate()
        {
            let above = if at == 0 { above } else { 0.0 };
            if y_pt + above + step + keeps_next > bottom && !page.is_empty() {
                pages.push(std::mem::take(&mut page));
                y_pt = top;
            }
            y_pt += above + step;
            page.push(Placed { look: line.look, text, picture: None, y_pt });
        }
    }
    pages.push(page);
    pages
}

/// Puts pages into the document, each with whose it is, what it is about, and which of how many.
pub(crate) fn draw(
    document: &mut Document,
    font: &Font,
    pages: &[Vec<Placed<'_>>],
    [identity, about]: [&str; 2],
    foot: &str,
    measure: &Measure<'_>,
) -> Result<(), PaperError> {
    for (at, placed) in pages.iter().enumerate() {
        let Some(settings) = PageSettings::from_wh(PAGE_PT[0], PAGE_PT[1]) else { continue };
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        let mut labels = Vec::new();
        for (picture, y_pt) in placed.iter().filter_map(|one| Some((one.picture?, one.y_pt))) {
            labels.extend(picture.draw(&mut surface, [MARGIN_PT, y_pt])?);
        }
        let mut write = |text: &str, x: f32, y: f32, size: f32, grey: u8| {
            surface.set_fill(Some(Fill {
                paint: rgb::Color::new(grey, grey, grey).into(),
                opacity: NormalizedF32::ONE,
                rule: krilla::paint::FillRule::default(),
            }));
            surface.draw_text(Point::from_xy(x, y), font.clone(), size, text, false, TextDirection::Auto);
        };
        write(identity, MARGIN_PT, MARGIN_PT + 8.0, 10.5, 0);
        write(about, MARGIN_PT, MARGIN_PT + 22.0, 8.5, 90);
        for Placed { look, text, y_pt, .. } in placed.iter().filter(|placed| !placed.text.is_empty()) {
            write(text, MARGIN_PT, *y_pt, look.size_pt(), look.grey());
        }
        for label in &labels {
            // Dark below bright, as the lines.
            for (shift, grey) in [(0.6, 0), (0.0, 255)] {
                write(&label.text, label.at[0] + shift, label.at[1] + shift, 9.0, grey);
            }
        }
        let foot = foot.replace("{page}", &(at + 1).to_string()).replace("{pages}", &pages.len().to_string());
        let right = PAGE_PT[0] - MARGIN_PT - measure.width_pt(&foot, 8.5);
        write(&foot, right, PAGE_PT[1] - MARGIN_PT + 8.0, 8.5, 90);
        surface.set_fill(None);
        surface.set_stroke(Some(Stroke {
            paint: rgb::Color::new(150, 150, 150).into(),
            width: 0.5,
            ..Stroke::default()
        }));
        let mut line = PathBuilder::new();
        line.move_to(MARGIN_PT, MARGIN_PT + 30.0);
        line.line_to(PAGE_PT[0] - MARGIN_PT, MARGIN_PT + 30.0);
        if let Some(line) = line.finish() {
            surface.draw_path(&line);
        }
        surface.finish();
        page.finish();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;

    #[test]
    fn long_lines_break_between_words_and_nothing_of_them_is_lost() {
        let measure = Measure::new(crate::FONT).unwrap();
        let text = "Node of 3 mm in the upper lobe, ".repeat(20);
        let broken = measure.broken(&text, Look::Text);
        assert!(broken.len() > 3);
        assert!(broken.iter().all(|line| measure.width_pt(line, 10.0) <= TEXT_PT));
        assert_eq!(broken.join(" "), text.trim_end());
        let word = "x".repeat(400);
        assert_eq!(measure.broken(&word, Look::Text).concat(), word);
        assert_eq!(measure.broken("", Look::Text), [""]);
    }

    #[test]
    fn a_heading_is_never_the_last_line_of_a_page() {
        let measure = Measure::new(crate::FONT).unwrap();
        for before in 30..60 {
            let line = |look, text: &str| Line { look, text: text.to_owned(), picture: None };
            let mut lines: Vec<Line<'_>> = (0..before).map(|_| line(Look::Text, "text")).collect();
            lines.push(line(Look::Heading, "Impression"));
            lines.push(line(Look::Text, "text"));
            for page in pages(lines, &measure) {
                assert_ne!(page.last().unwrap().look, Look::Heading, "{before} lines before");
            }
        }
    }
}
