//! Spawns a batch of tasks on a current-thread runtime, then awaits each of them.
// bench-crates: tokio = { version = "1", features = ["rt"] }
use std::time::Instant;
use tokio::task::JoinHandle;

async fn batch_of(tasks: &mut Vec<JoinHandle<u64>>, batch: u64) {
    for i in 0..batch {
        tasks.push(tokio::spawn(async move { i }));
    }
    for task in tasks.drain(..) {
        task.await.unwrap();
    }
}

async fn run(batches: u64, batch: u64) -> f64 {
    let mut tasks = Vec::with_capacity(batch as usize);
    batch_of(&mut tasks, batch).await;
    let start = Instant::now();
    for _ in 0..batches {
        batch_of(&mut tasks, batch).await;
    }
    start.elapsed().as_nanos() as f64
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: u64 = args[2].parse().unwrap();
    let batch: u64 = args[3].parse().unwrap();
    let batches = n / batch;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let spent = runtime.block_on(run(batches, batch));
    let n = batches * batch;
    println!(
        r#"{{"case":"{}","value":{},"unit":"ns","n":{}}}"#,
        args[1], spent / n as f64, n
    );
}
