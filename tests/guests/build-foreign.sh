#!/usr/bin/env bash
# Builds the JavaScript and the Python guest, and runs them in the host: the contract is not bound to Rust.
#
# Needs node with npm, python3 with venv, and the network; works in a folder of its own, given or temporary. The guests are
# left in plugins/target/foreign/. Not part of the default tests: the tools are large and take minutes to come.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
wit=$(cd "$here/../../wit" && pwd)
out=$(cd "$here/../../plugins" && pwd)/target/foreign
work=${1:-}
if [[ -z $work ]]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$out" "$work/js" "$work/py"

echo "JavaScript: componentize-js" >&2
(
  cd "$work/js"
  [[ -f package.json ]] || npm init -y >/dev/null
  npm install --no-audit --no-fund --loglevel=error \
    @bytecodealliance/componentize-js@0
  cp "$here/js/guest.js" "$here/js/build.mjs" .
  node build.mjs guest.js "$wit" "$out/js.wasm"
)

echo "Python: componentize-py" >&2
(
  cd "$work/py"
  [[ -x venv/bin/pip ]] || python3 -m venv venv
  venv/bin/pip install --quiet --disable-pip-version-check 'componentize-py<1'
  venv/bin/componentize-py --wit-path "$wit" --world upgrader componentize --python-path "$here/py" guest --output "$out/py.wasm"
)

ls -l "$out"/js.wasm "$out"/py.wasm

cargo test --manifest-path "$here/../../Cargo.toml" --workspace --test it foreign::
