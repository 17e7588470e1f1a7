//! spawn_blocking on the multi-thread runtime with its defaults; a task for each in flight.
// bench-crates: tokio = { version = "1", features = ["rt-multi-thread"] }
use std::time::Instant;
use tokio::task::spawn_blocking;

fn nothing() -> u64 {
    7
}

async fn caller(each: u64) {
    for _ in 0..each {
        assert_eq!(spawn_blocking(nothing).await.unwrap(), 7);
    }
}

async fn run(in_flight: u64, each: u64) {
    if in_flight == 1 {
        return caller(each).await;
    }
    let tasks: Vec<_> = (0..in_flight).map(|_| tokio::spawn(caller(each))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let in_flight: u64 = args[3].parse().unwrap();
    let each = args[2].parse::<u64>().unwrap() / in_flight;
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(run(in_flight, 10));
    let start = Instant::now();
    runtime.block_on(run(in_flight, each));
    let spent = start.elapsed().as_nanos() as f64;
    let n = (each * in_flight) as f64;
    let (value, unit) = if in_flight == 1 { (spent / n, "ns") } else { (n * 1e9 / spent, "op/s") };
    println!(r#"{{"case":"{}","value":{value},"unit":"{unit}","n":{n}}}"#, args[1]);
}
