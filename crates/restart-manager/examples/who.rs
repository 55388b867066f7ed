//! Prints who uses files: `cargo run --example who -- FILE…`

use std::path::PathBuf;

use reseat_restart_manager::who;

fn main() -> Result<(), reseat_restart_manager::Error> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let usage = who::uses(&files)?;
    for user in &usage.users {
        println!("{} {} {:?}", user.process.pid, user.name, user.files);
    }
    for (file, state) in files.iter().zip(&usage.files) {
        println!("{}: {state:?}", file.display());
    }
    println!("{} processes could not be inspected", usage.uninspected.len());
    Ok(())
}
