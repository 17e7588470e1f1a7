//! Tokio's Mutex and Semaphore on a current-thread runtime.
// bench-crates: tokio = { version = "1", features = ["rt", "sync"] }
use std::time::Instant;
use tokio::sync::{Mutex, Semaphore};

async fn take_lock(n: u64) {
    let lock = Mutex::new(0u64);
    for _ in 0..n {
        *lock.lock().await += 1;
    }
}

async fn take_semaphore(n: u64) {
    let semaphore = Semaphore::new(1);
    for _ in 0..n {
        let _permit = semaphore.acquire().await.unwrap();
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: u64 = args[2].parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let start = Instant::now();
    if args[3] == "lock" {
        runtime.block_on(take_lock(n));
    } else {
        runtime.block_on(take_semaphore(n));
    }
    let value = start.elapsed().as_nanos() as f64 / n as f64;
    println!(r#"{{"case":"{}","value":{value},"unit":"ns","n":{n}}}"#, args[1]);
}
