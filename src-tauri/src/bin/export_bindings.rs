//! Writes the TypeScript files that come from Rust; see `medsight_desk::bindings`.

fn main() -> anyhow::Result<()> {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/src/generated"));
    medsight_desk::bindings::write_all(folder)
}
