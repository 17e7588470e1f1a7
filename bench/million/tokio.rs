//! A million tasks on a current-thread runtime that sleep, are aborted, and are awaited.
// bench-crates: tokio = { version = "1", features = ["rt", "time"] }
// bench-backend: epoll
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::yield_now;
use tokio::time::sleep;

static ASLEEP: AtomicU64 = AtomicU64::new(0);

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

async fn sleeper() {
    ASLEEP.fetch_add(1, Ordering::Relaxed);
    sleep(Duration::from_secs(3600)).await;
}

async fn run(n: u64) {
    let mut tasks = Vec::with_capacity(n as usize);
    let before = memory();
    let start = Instant::now();
    for _ in 0..n {
        tasks.push(tokio::spawn(sleeper()));
    }
    while ASLEEP.load(Ordering::Relaxed) < n {
        yield_now().await;
    }
    let created = start.elapsed().as_nanos() as f64;
    let held = memory() - before;
    let start = Instant::now();
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        assert!(task.await.unwrap_err().is_cancelled());
    }
    let ended = start.elapsed().as_nanos() as f64;
    report("create", created, "ns", n);
    report("memory", held as f64, "bytes", n);
    report("cancel and join", ended, "ns", n);
}

fn main() {
    let n = std::env::args().nth(2).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(run(n));
}
