//! A bounded mpsc channel between two tasks of a current-thread runtime.
// bench-crates: tokio = { version = "1", features = ["rt", "sync"] }
use std::time::Instant;
use tokio::sync::mpsc::channel;

async fn run(n: u64, capacity: usize) {
    let (sender, mut receiver) = channel(capacity);
    let putter = tokio::spawn(async move {
        for i in 0..n {
            sender.send(i).await.unwrap();
        }
    });
    for i in 0..n {
        assert_eq!(receiver.recv().await, Some(i));
    }
    putter.await.unwrap();
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: u64 = args[2].parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let start = Instant::now();
    runtime.block_on(async { tokio::spawn(run(n, args[3].parse().unwrap())).await.unwrap() });
    let value = start.elapsed().as_nanos() as f64 / n as f64;
    println!(r#"{{"case":"{}","value":{value},"unit":"ns","n":{n}}}"#, args[1]);
}
