//! `medsight-imaging`: the light box. Native windows, one graphics device.
//!
//! - `medsight-imaging PATH…` opens files and folders; nothing is kept.
//! - `medsight-imaging --desk` is how the desk starts it: messages on stdin and stdout, see `medsight-link`.
//! - `medsight-imaging --probe` prints the graphics adapter as JSON and ends.
//!
//! No record and no database here: what a reader draws goes to the desk.

mod app;
mod desk;
mod facts;
mod fault;
mod layers;
mod load;
mod looks;
mod models;
mod pages;
mod painter;
mod proposals;
mod solids;
mod source;
mod state_file;
mod studies;
mod thumbnail;
mod window;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use app::{App, Mode, Wake};
use winit::event_loop::{ControlFlow, EventLoop};

const USAGE: &str = "medsight-imaging PATH…   open files and folders\n\
                     medsight-imaging --desk  started by the desk\n\
                     medsight-imaging --probe print the graphics adapter";

fn main() -> ExitCode {
    medsight_vault::leave_no_core_files();
    fault::end_at_once();
    let started = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mode = match arguments.first().map(String::as_str) {
        Some("--probe") => return probe(),
        Some("--desk") => Mode::Desk,
        Some("--help" | "-h") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some(path) if !path.starts_with("--") => {
            Mode::Alone(std::env::args_os().skip(1).map(PathBuf::from).collect())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(mode, started) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("medsight-imaging: {why}");
            ExitCode::from(70)
        }
    }
}

fn run(mode: Mode, started: Instant) -> Result<(), String> {
    let event_loop = EventLoop::<Wake>::with_user_event().build().map_err(|e| format!("no display: {e}"))?;
    event_loop.set_control_flow(ControlFlow::Wait);
    let proxy = event_loop.create_proxy();
    if matches!(mode, Mode::Desk) {
        let proxy = proxy.clone();
        desk::listen(move |message| {
            // The loop is gone only at the end of the program.
            let _ = proxy.send_event(Wake::Desk(message));
        });
    }
    let display = event_loop.owned_display_handle();
    let mut app = App::new(mode, started, proxy, display);
    event_loop.run_app(&mut app).map_err(|e| e.to_string())?;
    app.fault.map_or(Ok(()), Err)
}

fn probe() -> ExitCode {
    let answer = match medsight_gpu::Gpu::headless() {
        Ok(gpu) => {
            let info = gpu.adapter.get_info();
            serde_json::json!({
                "adapter": info.name,
                "kind": format!("{:?}", info.device_type),
                "backend": format!("{:?}", info.backend),
                "driver": info.driver_info,
                "tier": format!("{:?}", gpu.tier),
                "software": gpu.is_software,
                "memory_budget_bytes": gpu.memory.budget(),
                "max_texture_2d": gpu.max_edge_2d(),
                "max_texture_3d": gpu.max_edge_3d(),
            })
        }
        Err(error) => serde_json::json!({"adapter": null, "error": error.to_string()}),
    };
    println!("{answer}");
    if answer["adapter"].is_null() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
