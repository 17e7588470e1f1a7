//! A million tasks on a current-thread runtime wait, each on its own Notify; then each is notified.
// bench-crates: tokio = { version = "1", features = ["rt", "sync"] }
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;
use tokio::task::yield_now;

static WAITING: AtomicU64 = AtomicU64::new(0);
static WOKEN: AtomicU64 = AtomicU64::new(0);

fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status
        .lines()
        .filter(|line| line.starts_with("VmRSS:") || line.starts_with("VmPTE:"))
        .map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024)
        .sum()
}

fn report(name: &str, total: f64, unit: &str, n: u64) {
    let value = total / n as f64;
    println!(r#"{{"case":"{name}","value":{value},"unit":"{unit}","n":{n}}}"#);
}

async fn waiter(event: Arc<Notify>) {
    WAITING.fetch_add(1, Ordering::Relaxed);
    event.notified().await;
    WOKEN.fetch_add(1, Ordering::Relaxed);
}

async fn run(n: u64) {
    let before = memory();
    let events: Vec<_> = (0..n).map(|_| Arc::new(Notify::new())).collect();
    for event in &events {
        tokio::spawn(waiter(event.clone()));
    }
    while WAITING.load(Ordering::Relaxed) < n {
        yield_now().await;
    }
    let held = memory() - before;
    let start = Instant::now();
    for event in &events {
        event.notify_one();
    }
    while WOKEN.load(Ordering::Relaxed) < n {
        yield_now().await;
    }
    report("wake", start.elapsed().as_nanos() as f64, "ns", n);
    report("memory", held as f64, "bytes", n);
}

fn main() {
    let n = std::env::args().nth(2).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { tokio::spawn(run(n)).await.unwrap() });
}
