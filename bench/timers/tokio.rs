//! tokio::time::sleep on a current-thread runtime: registered with the timer by a first poll,
//! cancelled by being dropped.
// bench-crates: tokio = { version = "1", features = ["rt", "time"] }
// bench-backend: epoll
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::time::{sleep_until, Sleep};

fn delays(n: u64) -> Vec<u64> {
    let mut state = 0x9e3779b97f4a7c15u64;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % 1_000_000_000
        })
        .collect()
}

fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse().unwrap()
}

fn report(name: &str, total: f64, n: u64) {
    println!(r#"{{"case":"{name}","value":{},"unit":"ns","n":{n}}}"#, total / n as f64);
}

/// Whoever awaits a timer later brings a waker of its own.
struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

fn add_all(delays: &[u64], sleeps: &mut Vec<Pin<Box<Sleep>>>) -> f64 {
    let waker = Waker::from(Arc::new(Nobody));
    let mut context = Context::from_waker(&waker);
    let start = Instant::now();
    let base = tokio::time::Instant::now();
    for delay in delays {
        let mut sleep = Box::pin(sleep_until(base + Duration::from_nanos(*delay)));
        let _ = sleep.as_mut().poll(&mut context);
        sleeps.push(sleep);
    }
    start.elapsed().as_nanos() as f64
}

async fn fire_all(sleeps: &mut Vec<Pin<Box<Sleep>>>) {
    for sleep in sleeps {
        sleep.as_mut().await;
    }
}

async fn run(n: u64, what: String) {
    let delays = delays(n);
    let mut sleeps = Vec::with_capacity(n as usize);
    add_all(&delays, &mut sleeps);
    sleeps.clear();
    let added = add_all(&delays, &mut sleeps);
    if what == "cancel" {
        let start = Instant::now();
        sleeps.clear();
        report("add", added, n);
        report("cancel", start.elapsed().as_nanos() as f64, n);
    } else if what == "overdue" {
        std::thread::sleep(Duration::from_millis(1050));
        let start = Instant::now();
        fire_all(&mut sleeps).await;
        report("fire overdue", start.elapsed().as_nanos() as f64, n);
    } else {
        let start = cpu();
        fire_all(&mut sleeps).await;
        report("fire in time", cpu() - start, n);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n = args[2].parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(run(n, args[3].clone()));
}
