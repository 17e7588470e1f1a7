//! A bounded mpsc channel between the current-thread runtimes of two threads.
// bench-crates: tokio = { version = "1", features = ["rt", "sync"] }
use std::time::Instant;
use tokio::runtime::Builder;
use tokio::sync::mpsc::channel;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: u64 = args[2].parse().unwrap();
    let (sender, mut receiver) = channel(args[3].parse().unwrap());
    let start = Instant::now();
    let thread = std::thread::spawn(move || {
        Builder::new_current_thread().build().unwrap().block_on(async move {
            for i in 0..n {
                sender.send(i).await.unwrap();
            }
        })
    });
    Builder::new_current_thread().build().unwrap().block_on(async move {
        for i in 0..n {
            assert_eq!(receiver.recv().await, Some(i));
        }
    });
    thread.join().unwrap();
    let value = start.elapsed().as_nanos() as f64 / n as f64;
    println!(r#"{{"case":"{}","value":{value},"unit":"ns","n":{n}}}"#, args[1]);
}
