//! `render PATH`: planes and 3D views of a series without a window, and how long they take.

use crate::files;
use crate::output::{Exit, Output};
use crate::picture;
use medsight_base::Plane;
use medsight_codec::{FolderSource, LoadEvent, LoadOptions, Seconds, build_volume, scan_headers};
use medsight_dicom::{StackKind, sort_frames};
use medsight_gpu::Gpu;
use medsight_image::{Camera, PlaneDraw, Preset, Volume, VolumeDraw, VolumeMode, Window, transfer};
use medsight_record::Refusal;
use medsight_render::{Renderer, Target, VolumeTexture};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Draw a series without a window, and print how long it took.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder or a file.
    path: PathBuf,
    /// Only the series with this Series Instance UID (0020,000E); else the largest that is a volume.
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// What is drawn.
    #[arg(long, value_enum, default_value = "vr")]
    view: View,
    /// Look in 3D: `ct-bone`, `ct-soft-tissue`, `mr-head`…; `mip` is the one of the modality.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Window of a plane or of a maximum intensity projection, in modality units.
    #[arg(long, value_name = "C,W", allow_hyphen_values = true, value_parser = picture::window)]
    window: Option<Window>,
    /// Thickness of a plane, millimetres.
    #[arg(long, value_name = "MM", default_value_t = 0.0)]
    slab: f64,
    /// Distance of samples along a ray, millimetres.
    #[arg(long, value_name = "MM")]
    step: Option<f64>,
    /// Degrees the camera is turned to the side before the first picture.
    #[arg(long, value_name = "DEG", default_value_t = 0.0, allow_hyphen_values = true)]
    turn: f64,
    /// Size of the picture.
    #[arg(long, value_name = "WxH", default_value = "512x512", value_parser = picture::size)]
    size: [u32; 2],
    /// PNG of the first picture.
    #[arg(long, value_name = "FILE.png")]
    out: Option<PathBuf>,
    /// Pictures to time; the camera turns 5 degrees between them.
    #[arg(long, value_name = "N", default_value_t = 1)]
    frames: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum View {
    Axial,
    Coronal,
    Sagittal,
    Mip,
    Vr,
}

#[derive(Serialize)]
struct Document {
    adapter: String,
    ms: Milliseconds,
    gpu_bytes: u64,
    cpu_peak_bytes: Option<u64>,
    image_sha256: String,
}

/// `first_frame`: from the volume in memory to the first picture read back, shaders and upload included.
#[derive(Serialize)]
struct Milliseconds {
    first_frame: f64,
    median: f64,
    p95: f64,
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    match render(args, out) {
        Ok(document) => {
            out.document(&document, text);
            Exit::Done
        }
        Err((exit, refusal)) => {
            out.refused(&refusal);
            exit
        }
    }
}

fn render(args: &Args, out: &Output) -> Result<Document, (Exit, Refusal)> {
    if let Some(path) = &args.out {
        picture::check_folder(path)?;
    }
    let (volume, modality) = load(args, out)?;
    let preset =
        preset(args, &modality).map_err(|reason| (Exit::Usage, Refusal::new("no_such_preset", reason)))?;
    let fault = |reason| (Exit::Fault, Refusal::new("fault", reason));
    let (document, pixels) = measure(args, &volume, &preset).map_err(fault)?;
    if let Some(path) = &args.out {
        picture::write_png(path, args.size, &pixels, true)?;
    }
    Ok(document)
}

/// The preset by its name with `-` or `_`, or the first of the modality and view.
///
/// # Errors
/// That there is none of this name, or that it is not of the view that was asked for.
fn preset(args: &Args, modality: &str) -> Result<Preset, String> {
    let name = args.preset.as_deref().map(|name| name.replace('-', "_"));
    let wanted_mode = match (args.view, name.as_deref()) {
        (View::Mip, None | Some("mip")) | (_, Some("mip")) => transfer::PresetMode::Mip,
        _ => transfer::PresetMode::Composite,
    };
    match name {
        Some(name) if name != "mip" => {
            let of_view = |p: &Preset| args.view != View::Mip || p.mode == transfer::PresetMode::Mip;
            let names = || {
                let all = Preset::all().into_iter().filter(of_view);
                all.map(|p| p.name.replace('_', "-")).collect::<Vec<_>>().join(", ")
            };
            match Preset::named(&name) {
                None => Err(format!("There is no preset {name}. There are: {}.", names())),
                Some(preset) if !of_view(&preset) => Err(format!(
                    "The preset {name} is not a maximum intensity projection; leave it out, or take one of: {}.",
                    names()
                )),
                Some(preset) => Ok(preset),
            }
        }
        _ => {
            let mut all = Preset::all().into_iter();
            let first = all.find(|p| p.mode == wanted_mode && p.suits(modality));
            first
                .or_else(|| Preset::all().into_iter().find(|p| p.mode == wanted_mode))
                .ok_or_else(|| "There is no preset of this view.".to_owned())
        }
    }
}

fn measure(args: &Args, volume: &Volume, preset: &Preset) -> Result<(Document, Vec<u8>), String> {
    let begun = Instant::now();
    let gpu = Gpu::headless().map_err(|e| e.to_string())?;
    let renderer = Renderer::new(&gpu).map_err(|e| e.to_string())?;
    let begun_frame = Instant::now();
    let texture = renderer.upload_volume(volume).map_err(|e| e.to_string())?;
    let target = Target::new(&gpu, args.size);
    let mut times = Vec::with_capacity(args.frames + 1);
    let mut first = Vec::new();
    let look = Look::new(args, volume, preset);
    for frame in 0..=args.frames.max(1) {
        let started = if frame == 0 { begun_frame } else { Instant::now() };
        look.draw(&renderer, &target, &texture, frame);
        let pixels = target.read_back(&gpu).map_err(|e| e.to_string())?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        if frame == 0 {
            first = pixels;
        }
    }
    if let Some((complaint, _)) = gpu.errors.entries().first() {
        return Err(complaint.clone());
    }
    let shaders_ms = (begun_frame - begun).as_secs_f64() * 1e3;
    let first_frame = times.remove(0) + shaders_ms;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    let pixels = u64::from(args.size[0]) * u64::from(args.size[1]);
    let document = Document {
        adapter: gpu.adapter_text(),
        ms: Milliseconds { first_frame, median: at(0.5), p95: at(0.95) },
        gpu_bytes: gpu.memory.peak() + pixels * 4,
        cpu_peak_bytes: cpu_peak_bytes(),
        image_sha256: files::sha256(&first),
    };
    Ok((document, first))
}

enum Look {
    Plane(Box<PlaneDraw>, [u32; 2]),
    Volume(Box<VolumeDraw>),
}

impl Look {
    fn new(args: &Args, volume: &Volume, preset: &Preset) -> Self {
        let plane = match args.view {
            View::Axial => Plane::Axial,
            View::Sagittal => Plane::Sagittal,
            View::Coronal | View::Mip | View::Vr => Plane::Coronal,
        };
        if matches!(args.view, View::Mip | View::Vr) {
            let turn = args.turn.to_radians();
            let camera =
                Camera::facing(plane, volume.bounds_mm(), args.size).turned_about(glam::DVec3::Z, turn);
            let mut look = VolumeDraw::preset(camera, preset, volume);
            if let (VolumeMode::Mip { window, .. }, Some(wanted)) = (&mut look.mode, args.window) {
                *window = wanted;
            }
            look.step_mm = args.step.unwrap_or(look.step_mm);
            return Self::Volume(Box::new(look));
        }
        let window = args.window.unwrap_or_else(|| {
            let [low, high] = transfer::percentiles(volume, [0.01, 0.995]).map(f64::from);
            Window::spanning(low, high)
        });
        let (low, high) = volume.bounds_mm();
        let (right, down) = plane.screen_axes();
        let extent = |axis: glam::DVec3| (high - low).dot(axis.abs());
        let mm_per_px =
            (extent(right) / f64::from(args.size[0])).max(extent(down) / f64::from(args.size[1])).max(1e-3);
        let mut look = PlaneDraw::standard(plane, volume.center_mm(), mm_per_px, args.size, window);
        look.slab_mm = args.slab;
        Self::Plane(Box::new(look), args.size)
    }

    fn draw(&self, renderer: &Renderer, target: &Target, texture: &VolumeTexture, frame: usize) {
        let angle = (frame as f64 * 5.0).to_radians();
        match self {
            Self::Volume(look) => {
                let camera = look.camera.turned_about(glam::DVec3::Z, angle);
                renderer.draw_volume(target, texture, &VolumeDraw { camera, ..(**look).clone() });
            }
            Self::Plane(look, size) => {
                let middle = look.patient_from_target_px(f64::from(size[0]) / 2.0, f64::from(size[1]) / 2.0);
                let turn =
                    glam::DQuat::from_axis_angle(look.down_mm_per_px.normalize_or(glam::DVec3::Z), angle);
                let turned = PlaneDraw {
                    origin_mm: middle + turn * (look.origin_mm - middle),
                    right_mm_per_px: turn * look.right_mm_per_px,
                    ..(**look).clone()
                };
                renderer.draw_plane(target, texture, &turned);
            }
        }
    }
}

/// The volume of the wanted series, or of the largest one, and its modality.
fn load(args: &Args, out: &Output) -> Result<(Volume, String), (Exit, Refusal)> {
    let (found, missing) = files::collect(std::slice::from_ref(&args.path));
    if !missing.is_empty() {
        return Err((
            Exit::NotFound,
            Refusal::new("not_found", format!("Not found: {}", args.path.display())),
        ));
    }
    let source = FolderSource::new(found);
    let progress = |event: LoadEvent| match event {
        LoadEvent::Headers { done, total } => out.progress("Reading headers", done, total),
        LoadEvent::Frames { done, total } => out.progress("Reading images", done, total),
        LoadEvent::First { .. } => {}
    };
    let cancel = AtomicBool::new(false);
    let scan = scan_headers(&source, 0, &progress, &cancel).map_err(|refusal| (Exit::Partly, refusal))?;
    let mut series: Vec<_> = scan.series.iter().collect();
    series.retain(|s| args.series.as_ref().is_none_or(|uid| *uid == s.uid));
    series.sort_by_key(|s| std::cmp::Reverse(s.images.len()));
    let mut refusal = Refusal::new("not_found", "No image of the series is there.".to_owned());
    for series in &series {
        for stack in &sort_frames(&series.images).stacks {
            let built = match &stack.kind {
                StackKind::Pages { code, why_not } => Err(Refusal::new(*code, why_not.clone())),
                StackKind::Volume(layout) => {
                    let (options, mut seconds) = (LoadOptions::default(), Seconds::default());
                    build_volume(&source, series, stack, layout, options, &progress, &cancel, &mut seconds)
                }
            };
            out.progress("", 0, 0);
            match built {
                Ok(volume) => {
                    let modality = series.images.first().map(|image| image.modality.clone());
                    return Ok((volume, modality.unwrap_or_default()));
                }
                Err(why) => refusal = why,
            }
        }
    }
    let exit = if series.is_empty() { Exit::NotFound } else { Exit::Partly };
    Err((exit, refusal))
}

/// Most memory this process ever held; `None` where the system does not say.
fn cpu_peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn text(document: &Document) -> String {
    let ms = &document.ms;
    format!(
        "{}: first picture {:.0} ms, then median {:.1} ms, 95 % within {:.1} ms; {} MB of graphics memory",
        document.adapter,
        ms.first_frame,
        ms.median,
        ms.p95,
        document.gpu_bytes / 1_000_000
    )
}
