//! Measures how fast a cabinet is read: `cargo run --release --example measure -- FILE.cab [RUNS [THREADS]]`.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Instant;

use reseat_cabinet::CabinetSet;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: measure FILE.cab [RUNS [THREADS]]")?;
    let runs: u32 = arguments.next().map_or(Ok(20), |runs| runs.parse())?;
    let threads: usize = arguments.next().map_or(Ok(0), |threads| threads.parse())?;
    let bytes: Arc<[u8]> = std::fs::read(path)?.into();
    let mut best = f64::INFINITY;
    let mut total = 0;
    for _ in 0..runs {
        let start = Instant::now();
        let mut set = CabinetSet::open_single(Box::new(Cursor::new(bytes.clone())))?;
        set.use_threads(threads);
        total = 0;
        for index in set.reading_order() {
            total += set.copy(index, &mut std::io::sink())?;
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!(
        "{} bytes from {}: best of {runs} {:.2} ms, {:.0} MB/s of output",
        total,
        bytes.len(),
        best * 1e3,
        total as f64 / best / 1e6
    );
    Ok(())
}
