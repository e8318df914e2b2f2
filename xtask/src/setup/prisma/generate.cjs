#!/usr/bin/env node
// generate.cjs SITE ENGINE PYTHON: generates the Python client for the schema that came with LiteLLM, as `prisma generate` does.
// The schema is read by Prisma's own parser and the code is written by Prisma Client Python; what is between the two, which is a
// download of Prisma's command line, is not needed.
const fs = require('fs'), path = require('path'), { spawnSync } = require('child_process');
const wasm = require('@prisma/prisma-schema-wasm');

const [site, engine, python] = process.argv.slice(2).map(it => path.resolve(it));
const schemaPath = path.join(site, 'litellm/proxy/schema.prisma');
const datamodel = fs.readFileSync(schemaPath, 'utf8');
const { config: { generators, datasources } } = JSON.parse(wasm.get_config(JSON.stringify({ prismaSchema: datamodel, datasourceOverrides: {}, ignoreEnvVarErrors: true, env: {} })));
const [generator] = generators;
generator.output = { fromEnvVar: null, value: path.join(site, 'prisma') };
const params = {
  generator, datasources, datamodel, schemaPath, otherGenerators: [],
  dmmf: JSON.parse(wasm.get_dmmf(JSON.stringify({ prismaSchema: datamodel }))),
  version: fs.readFileSync(path.join(__dirname, 'query-engine.cjs'), 'utf8').match(/COMMIT = '(\w+)'/)[1],
  binaryPaths: { queryEngine: { native: engine } },
};
const input = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'generate', params }) + '\n';
const env = { ...process.env, PRISMA_GENERATOR_INVOCATION: 'true', PYTHONPATH: site };
const done = spawnSync(python, ['-m', 'prisma'], { input, env, encoding: 'utf8', maxBuffer: 1 << 28 });
const said = `${done.stdout || ''}${done.stderr || ''}`;
if (done.status !== 0 || !said.includes('"result"')) { console.error(said || String(done.error)); process.exit(1); }
