#!/usr/bin/env node
// HTTP front for the real Prisma 5.17.0 query engine (WASM build shipped in npm @prisma/client) + pg driver adapter,
// speaking the binary engine's GraphQL/HTTP protocol that prisma-client-py uses.
const COMMIT = '393aa359c9ad4a4bb28630fb5613f9c281cde053';
const argv = process.argv.slice(2);
if (argv.includes('--version')) { console.log('query-engine ' + COMMIT); process.exit(0); }
const fs = require('fs'), path = require('path'), http = require('http');
const port = Number(argv[argv.indexOf('-p') + 1]);
const { parse } = require('graphql'); const pg = require('pg');
const { PrismaPg } = require('@prisma/adapter-pg'); const { bindAdapter } = require('@prisma/driver-adapter-utils');
const RT = path.join(__dirname, 'node_modules/@prisma/client/runtime');
const rt = require(path.join(RT, 'query_engine_bg.postgresql.js'));
const inst = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(path.join(RT, 'query_engine_bg.postgresql.wasm'))), { './query_engine_bg.js': rt });
rt.__wbg_set_wasm(inst.exports); inst.exports.__wbindgen_start && inst.exports.__wbindgen_start();
const datamodel = fs.readFileSync(process.env.PRISMA_DML_PATH, 'utf8');
let url = process.env.DATABASE_URL;
if (process.env.OVERWRITE_DATASOURCES) { const o = JSON.parse(process.env.OVERWRITE_DATASOURCES); if (o[0] && o[0].url) url = o[0].url; }
const u = new URL(url); const max = Number(u.searchParams.get('connection_limit') || 10);
for (const k of [...u.searchParams.keys()]) if (!['sslmode', 'application_name', 'options'].includes(k)) u.searchParams.delete(k);
const pool = new pg.Pool({ connectionString: u.toString(), max, connectionTimeoutMillis: 10000 }); pool.on('error', e => console.error('pool', e.message));
const adapter = bindAdapter(new PrismaPg(pool));
const models = [...datamodel.matchAll(/^model\s+(\w+)/gm)].map(m => m[1]).sort((a, b) => b.length - a.length);
const ACT = ['findUniqueOrThrow','findFirstOrThrow','findUnique','findFirst','findMany','createOne','createManyAndReturn','createMany','updateOne','updateMany','deleteOne','deleteMany','upsertOne','aggregate','groupBy','queryRaw','executeRaw'];
function split(name) {
  if (name === 'queryRaw' || name === 'executeRaw') return [name];
  for (const a of ACT) if (name.startsWith(a)) { let m = name.slice(a.length), act = a; if (m.endsWith('OrThrow')) { m = m.slice(0, -7); act += 'OrThrow'; } if (models.includes(m)) return [act, m]; }
  throw new Error('unknown operation ' + name);
}
const val = (n, v) => { switch (n.kind) {
  case 'StringValue': case 'EnumValue': case 'BooleanValue': return n.value;
  case 'IntValue': { const x = Number(n.value); return Number.isSafeInteger(x) ? x : { $type: 'BigInt', value: n.value }; }
  case 'FloatValue': return Number(n.value); case 'NullValue': return null; case 'Variable': return v[n.name.value];
  case 'ListValue': return n.values.map(x => val(x, v));
  case 'ObjectValue': return Object.fromEntries(n.fields.map(f => [f.name.value, val(f.value, v)])); } };
const args = (f, v) => Object.fromEntries((f.arguments || []).map(a => [a.name.value, val(a.value, v)]));
const sel = (ss, v) => Object.fromEntries(ss.selections.map(f => [f.name.value, f.selectionSet ? { arguments: args(f, v), selection: sel(f.selectionSet, v) } : true]));
function conv(body) {
  const v = body.variables || {}; const f = parse(body.query, { noLocation: true }).definitions[0].selectionSet.selections[0];
  const [action, modelName] = split(f.name.value);
  const q = { action, query: { arguments: args(f, v), selection: f.selectionSet ? sel(f.selectionSet, v) : {} } }; if (modelName) q.modelName = modelName; const A = q.query.arguments; fill(A.data, modelName); fill(A.create, modelName); fill(A.update, modelName);
  return [q, (f.alias || f.name).value, action];
}
const strip = x => Array.isArray(x) ? x.map(strip) : x && typeof x === 'object' ? ('$type' in x ? x.value : Object.fromEntries(Object.entries(x).map(([k, y]) => [k, strip(y)]))) : x;
const JF = {}; for (const m of datamodel.matchAll(/^model\s+(\w+)\s*\{([\s\S]*?)^\}/gm)) { JF[m[1]] = {}; for (const f of m[2].matchAll(/^\s*(\w+)\s+Json(\?)?[^\S\n]*(?:.*?@default\("((?:[^"\\]|\\.)*)"\))?/gm)) JF[m[1]][f[1]] = f[3] === undefined ? null : f[3].replace(/\\"/g, '"'); }
const wrapJ = v => typeof v === 'string' ? { $type: 'Json', value: v } : v && typeof v === 'object' && typeof v.set === 'string' ? { set: wrapJ(v.set) } : v;
const fill = (d, m) => { if (!d || typeof d !== 'object') return; if (Array.isArray(d)) return d.forEach(x => fill(x, m)); for (const k of Object.keys(JF[m] || {})) if (k in d) d[k] = wrapJ(d[k]); };
const rawRows = r => { if (r && r.columns && r.rows) return r.rows.map(row => Object.fromEntries(row.map((c, i) => [r.columns[i], c && typeof c === 'object' && 'prisma__type' in c ? c : { prisma__type: r.types ? r.types[i] : 'string', prisma__value: c }]))); return r; };
const rawJson = d => { if (d && d.types) d.rows = d.rows.map(r => r.map((c, i) => typeof c !== 'string' ? c : d.types[i] === 'json' ? tryJ(c) : c)); return d; };
const tryJ = c => { try { return JSON.parse(c); } catch { return c; } };
const TR = JSON.stringify({});
(async () => {
  const engine = new rt.QueryEngine({ datamodel, env: {}, logQueries: false, ignoreEnvVarErrors: true, datasourceOverrides: {}, logLevel: 'error', configDir: '.', engineProtocol: 'json' }, l => { if (process.env.QE_DEBUG) console.error('wasm', l); }, adapter);
  await engine.connect(TR);
  async function one(body, tx) {
    const [q, alias, action] = conv(body);
    const r = JSON.parse(await engine.query(JSON.stringify(q), TR, tx || undefined));
    if (process.env.QE_DEBUG) fs.appendFileSync(process.env.QE_DEBUG, JSON.stringify({ g: body.query, q, r }) + '\n');
    if (r.errors) return { errors: r.errors };
    let d = Object.values(r.data)[0]; d = action === 'queryRaw' ? rawJson(d) : strip(d);
    return { data: { [alias]: d } };
  }
  const strip2 = d => d;
  const srv = http.createServer((req, res) => { let b = ''; req.on('data', c => b += c); req.on('end', async () => {
    const out = (c, o) => { const s = typeof o === 'string' ? o : JSON.stringify(o); res.writeHead(c, { 'content-type': 'application/json' }); res.end(s); };
    try {
      const p = req.url.split('?')[0]; const tx = req.headers['x-transaction-id']; let m;
      if (p === '/status') return out(200, { status: 'ok' });
      if (p.startsWith('/metrics')) return out(200, {});
      if (p === '/transaction/start') { const r = JSON.parse(await engine.startTransaction(b, TR)); return r.error_code || r.message ? out(500, r) : out(200, r); }
      if (m = p.match(/^\/transaction\/(.+)\/(commit|rollback)$/)) { const r = await engine[m[2] + 'Transaction'](m[1], TR); return out(200, r || {}); }
      const j = JSON.parse(b);
      if (j.batch) {
        let id = tx, own = false; if (j.transaction && !id) { id = JSON.parse(await engine.startTransaction(JSON.stringify({ max_wait: 5000, timeout: 60000 }), TR)).id; own = true; }
        const rs = []; let bad; for (const q of j.batch) { const r = await one(q, id); rs.push(r); if (r.errors) { bad = r; break; } }
        if (own) await engine[bad ? 'rollbackTransaction' : 'commitTransaction'](id, TR);
        return out(200, bad ? { errors: bad.errors } : { batchResult: rs });
      }
      out(200, await one(j, tx));
    } catch (e) { let o; try { o = JSON.parse(e.message); } catch {} console.error('qe error', e && (e.stack || e)); out(200, { errors: [{ error: String(e), user_facing_error: o && o.error_code ? { is_panic: false, message: o.message, meta: o.meta, error_code: o.error_code } : { is_panic: false, message: String(e && e.message || e), error_code: 'P2010' } }] }); }
  }); });
  srv.keepAliveTimeout = 60000; srv.listen(port, 'localhost');
})().catch(e => { console.error('engine start failed', e); process.exit(1); });
for (const s of ['SIGINT', 'SIGTERM']) process.on(s, () => process.exit(0));
