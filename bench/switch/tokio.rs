//! N tasks on a current-thread runtime that do nothing but yield.
// bench-crates: tokio = { version = "1", features = ["rt"] }
use std::time::Instant;
use tokio::task::yield_now;

async fn run(turns: u64, tasks: u64) -> f64 {
    let all: Vec<_> = (0..tasks)
        .map(|_| {
            tokio::spawn(async move {
                for _ in 0..turns {
                    yield_now().await;
                }
            })
        })
        .collect();
    yield_now().await;
    yield_now().await;
    let start = Instant::now();
    for task in all {
        task.await.unwrap();
    }
    start.elapsed().as_nanos() as f64
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: u64 = args[2].parse().unwrap();
    let tasks: u64 = args[3].parse().unwrap();
    let turns = n / tasks;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let spent = runtime.block_on(run(turns, tasks));
    let n = turns * tasks;
    println!(
        r#"{{"case":"{}","value":{},"unit":"ns","n":{}}}"#,
        args[1], spent / n as f64, n
    );
}
