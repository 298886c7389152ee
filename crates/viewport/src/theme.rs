//! Colours and type of the reading theme (the design tokens), as egui `Visuals`.
//!
//! The image is the brightest thing on the screen: chrome is neutral grey and flat.

use egui::style::{Selection, WidgetVisuals, Widgets};
use egui::{Color32, CornerRadius, FontId, Shadow, Stroke, TextStyle, Visuals};
use medsight_base::Plane;

const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

/// Behind pixels, always.
pub const BG_IMAGE: Color32 = Color32::BLACK;
/// Window.
pub const BG_0: Color32 = hex(0x090A0B);
/// Panel.
pub const BG_1: Color32 = hex(0x101214);
/// Header, raised panel.
pub const BG_2: Color32 = hex(0x171A1D);
/// Control.
pub const BG_3: Color32 = hex(0x202428);
/// Hovered control, chip.
pub const BG_4: Color32 = hex(0x2B3035);
/// Selected row, pressed toggle.
pub const BG_SELECTED: Color32 = hex(0x152D45);
/// Hairline between rows.
pub const LINE_1: Color32 = hex(0x23272B);
/// Panel edge.
pub const LINE_2: Color32 = hex(0x353B41);
/// Control edge.
pub const LINE_3: Color32 = hex(0x737C85);
/// What the person came for.
pub const TEXT_1: Color32 = hex(0xCACED2);
/// Labels.
pub const TEXT_2: Color32 = hex(0xA3AAB1);
/// Hints, units.
pub const TEXT_3: Color32 = hex(0x9299A0);
/// Overlay text on images.
pub const TEXT_IMAGE: Color32 = hex(0xAEB3B8);
/// Focus, selection, the active cell.
pub const ACCENT: Color32 = hex(0x82B4E2);
/// Critical.
pub const CRITICAL: Color32 = hex(0xF58A7E);
/// Warning text.
pub const WARNING: Color32 = hex(0xE2B455);
/// Warning surface.
pub const WARNING_BG: Color32 = hex(0x30260D);
/// In order.
pub const OK: Color32 = hex(0x72BE8E);
/// A measurement on an image.
pub const MEASURE: Color32 = hex(0xDCCB72);
/// What a program proposes and nobody has taken.
pub const PROPOSED: Color32 = hex(0xB99AF0);
/// Measurements of reports.
pub const REPORTED: Color32 = hex(0x8CC8E6);
/// Patients, where a window shows several: told apart by everybody (Okabe and Ito 2008).
pub const PATIENTS: [Color32; 4] = [hex(0xE69F00), hex(0x56B4E9), hex(0x009E73), hex(0xCC79A7)];
/// Overlay planes: drawings and text of the image itself.
pub const OVERLAY: Color32 = hex(0xF2F2EC);
/// Overlay planes that mark a region.
pub const OVERLAY_REGION: Color32 = hex(0x7FD6C2);
/// The selected measurement.
pub const MEASURE_ACTIVE: Color32 = hex(0xF2F0E4);

/// The colour that stands for a reading plane, everywhere.
pub fn plane_color(plane: Plane) -> Color32 {
    match plane {
        Plane::Axial => hex(0xD9966B),
        Plane::Coronal => hex(0x57B5AA),
        Plane::Sagittal => hex(0x8CA4EA),
    }
}

/// Text on images, points.
pub const IMAGE_TEXT: f32 = 12.0;

fn widget(fill: Color32, edge: Color32, text: Color32) -> WidgetVisuals {
    WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, edge),
        corner_radius: CornerRadius::same(4),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    }
}

/// The visuals of the reading theme.
pub fn visuals() -> Visuals {
    let mut v = Visuals::dark();
    v.widgets = Widgets {
        noninteractive: widget(BG_1, LINE_1, TEXT_2),
        inactive: widget(BG_3, BG_3, TEXT_1),
        hovered: widget(BG_4, LINE_3, TEXT_1),
        active: widget(BG_SELECTED, ACCENT, TEXT_1),
        open: widget(BG_4, LINE_2, TEXT_1),
    };
    v.selection.bg_fill = BG_SELECTED;
    v.selection.stroke = Stroke::new(1.0, ACCENT);
    v.selection = Selection { ..v.selection };
    v.hyperlink_color = ACCENT;
    v.faint_bg_color = BG_2;
    v.extreme_bg_color = BG_0;
    v.warn_fg_color = WARNING;
    v.error_fg_color = CRITICAL;
    v.panel_fill = BG_1;
    v.window_fill = BG_2;
    v.window_stroke = Stroke::new(1.0, LINE_2);
    v.window_shadow = Shadow::NONE;
    v.popup_shadow = Shadow::NONE;
    v.window_corner_radius = CornerRadius::same(8);
    v.menu_corner_radius = CornerRadius::same(6);
    // A blinking caret is two redraws a second.
    v.text_cursor.blink = false;
    v
}

/// Signs and alphabets that egui's own font does not have: arrows, ◆, Greek, Cyrillic, Hebrew, Arabic.
const MORE_GLYPHS: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans.ttf");

fn add_glyphs(ctx: &egui::Context) {
    use egui::epaint::text::{FontInsert, FontPriority, InsertFontFamily};
    let done = egui::Id::unique("glyphs added");
    if ctx.data(|d| d.get_temp::<bool>(done).unwrap_or(false)) {
        return;
    }
    ctx.data_mut(|d| d.insert_temp(done, true));
    let families = [egui::FontFamily::Proportional, egui::FontFamily::Monospace]
        .map(|family| InsertFontFamily { family, priority: FontPriority::Lowest });
    ctx.add_font(FontInsert::new("DejaVu Sans", egui::FontData::from_static(MORE_GLYPHS), families.to_vec()));
}

/// Sets the theme, the type sizes and what keeps an idle window idle.
pub fn apply(ctx: &egui::Context) {
    add_glyphs(ctx);
    ctx.set_theme(egui::Theme::Dark);
    ctx.options_mut(|o| o.zoom_with_keyboard = false);
    ctx.all_styles_mut(|style| {
        style.visuals = visuals();
        style.animation_time = 0.0;
        style.interaction.selectable_labels = false;
        style.interaction.tooltip_delay = 0.35;
        style.spacing.item_spacing = egui::vec2(6.0, 4.0);
        style.spacing.button_padding = egui::vec2(8.0, 4.0);
        for (name, size) in [
            (TextStyle::Small, 11.0),
            (TextStyle::Body, 12.5),
            (TextStyle::Button, 12.5),
            (TextStyle::Heading, 15.0),
        ] {
            style.text_styles.insert(name, FontId::proportional(size));
        }
    });
}
