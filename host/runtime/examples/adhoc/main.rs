//! ad hoc
use lockstep_engine::run::Guest as _;
use lockstep_runtime::*;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(folder.path(), Limits::default()).unwrap();
    for path in std::env::args().skip(1) {
        let wasm = std::fs::read(&path).unwrap();
        println!("{path} {:?}", inspect(&wasm).map(|i| i.imports.into_iter().filter(|i| i.name.starts_with("lock")).map(|i| (i.name, i.functions)).collect::<Vec<_>>()));
        match runtime.load(&wasm) {
            Ok(mut p) => println!("  {:?}", p.describe().await.map(|d| (d.name, d.components, d.requests.len()))),
            Err(e) => println!("  REFUSED {e}"),
        }
    }
}
