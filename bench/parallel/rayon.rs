//! Rayon's parallel iterators, which split work by stealing.
// bench-crates: rayon = "1"
use rayon::prelude::*;
use std::time::{Duration, Instant};

const SMALL_ITEMS: usize = 1000;

fn sum_inverses(n: i64) -> f64 {
    (0..n).into_par_iter().map(|i| i as f64 + 1.0).map(|x| 1.0 / (x * x)).sum()
}

fn saxpy(y: &mut [f32], x: &[f32]) {
    y.par_iter_mut().zip(x.par_iter()).for_each(|(y, x)| *y += 0.5 * x);
}

fn churn_item(i: i64, n: i64) -> u64 {
    let rounds = if i < n / 10 * 9 { 10 } else { 10000 };
    (0..rounds).fold(i as u64, |x, _| {
        (x ^ x >> 29).wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407)
    })
}

fn churn(n: i64) -> u64 {
    (0..n).into_par_iter().map(|i| churn_item(i, n)).reduce(|| 0, u64::wrapping_add)
}

fn time_inverses(n: i64) -> f64 {
    let start = Instant::now();
    let sum = sum_inverses(n);
    let spent = start.elapsed();
    let f = n as f64;
    let wanted = std::f64::consts::PI.powi(2) / 6.0 - 1.0 / f;
    assert!((sum - wanted).abs() < 1e-6);
    spent.as_nanos() as f64 / f
}

fn time_saxpy(n: i64, items: usize) -> f64 {
    let (x, mut y) = (vec![1f32; items], vec![1f32; items]);
    let times = n / items as i64;
    let start = Instant::now();
    for _ in 0..times {
        saxpy(&mut y, &x);
    }
    let spent = start.elapsed();
    assert_eq!(y[items - 1], 1.0 + 0.5 * times as f32);
    spent.as_nanos() as f64 / (times * items as i64) as f64
}

fn time_uneven(n: i64) -> f64 {
    let start = Instant::now();
    assert_ne!(churn(n), 0);
    start.elapsed().as_nanos() as f64 / n as f64
}

fn time_small(n: i64, pause_us: u64) -> f64 {
    let (x, mut y) = (vec![1f32; SMALL_ITEMS], vec![1f32; SMALL_ITEMS]);
    let mut spent = Duration::ZERO;
    for _ in 0..n {
        if pause_us > 0 {
            std::thread::sleep(Duration::from_micros(pause_us));
        }
        let start = Instant::now();
        saxpy(&mut y, &x);
        spent += start.elapsed();
    }
    spent.as_nanos() as f64 / n as f64
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: i64 = args[2].parse().unwrap();
    let argument: usize = args.get(4).map_or(0, |text| text.parse().unwrap());
    for _ in 0..20 {
        assert_ne!(churn(2000), 0);
    }
    let value = match args[3].as_str() {
        "inverses" => time_inverses(n),
        "saxpy" => time_saxpy(n, argument),
        "uneven" => time_uneven(n),
        _ => time_small(n, argument as u64),
    };
    println!(r#"{{"case":"{}","value":{value},"unit":"ns","n":{n}}}"#, args[1]);
}
