//! ad hoc
use sha2::Digest as _;
fn main() {
    let wasm = std::fs::read("target/tmp/guest/wasm32-wasip2/release/lockstep_runtime_guest.wasm")
        .unwrap();
    let mut settings = wasmtime::Config::new();
    settings.concurrency_support(false).epoch_interruption(true).consume_fuel(true);
    let engine = wasmtime::Engine::new(&settings).unwrap();
    let code = engine.precompile_component(&wasm).unwrap();
    println!("wasm {} code {}", wasm.len(), code.len());
    std::fs::write("/tmp/code.bin", &code).unwrap();
    for _ in 0..3 {
        let t = std::time::Instant::now();
        let d: [u8; 32] = sha2::Sha256::digest(&code).into();
        println!("sha code {:?} {}", t.elapsed(), d[0]);
        let t = std::time::Instant::now();
        let b = std::fs::read("/tmp/code.bin").unwrap();
        println!("read {:?} {}", t.elapsed(), b.len());
        let t = std::time::Instant::now();
        lockstep_runtime::inspect(&wasm).unwrap();
        println!("inspect {:?}", t.elapsed());
        let t = std::time::Instant::now();
        let mut b = b;
        b.drain(..56);
        println!("drain {:?}", t.elapsed());
    }
}
