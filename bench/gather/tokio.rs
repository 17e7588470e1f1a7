//! A JoinSet on a current-thread runtime: a batch of tasks is spawned, their results collected.
// bench-crates: tokio = { version = "1", features = ["rt"] }
use std::time::Instant;
use tokio::task::JoinSet;

async fn gather(results: &mut [usize]) {
    let mut set = JoinSet::new();
    for i in 0..results.len() {
        set.spawn(async move { (i, i) });
    }
    while let Some(done) = set.join_next().await {
        let (i, result) = done.unwrap();
        results[i] = result;
    }
}

async fn run(batches: u64, size: usize) -> f64 {
    let mut results = vec![0; size];
    gather(&mut results).await;
    let start = Instant::now();
    for _ in 0..batches {
        gather(&mut results).await;
    }
    start.elapsed().as_nanos() as f64
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: u64 = args[2].parse().unwrap();
    let size: u64 = args[3].parse().unwrap();
    let batches = n / size;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let spent = runtime.block_on(run(batches, size as usize));
    let n = batches * size;
    let value = spent / n as f64;
    println!(r#"{{"case":"{}","value":{value},"unit":"ns","n":{n}}}"#, args[1]);
}
