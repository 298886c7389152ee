//! Lets Tauri check the configuration and the capabilities at build time.

fn main() {
    // The front end is built by npm. Without it the desk still compiles, so that the checks of the
    // Rust code need no node; the window would then be empty.
    let built = std::path::Path::new("../ui/dist");
    if !built.exists() {
        let _ = std::fs::create_dir_all(built);
    }
    println!("cargo:rerun-if-changed=../ui/dist");
    tauri_build::build();
}
