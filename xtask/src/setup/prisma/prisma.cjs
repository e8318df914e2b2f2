#!/usr/bin/env node
// What LiteLLM calls as `prisma`, in place of Prisma's schema engine, which no registry of packages has. It applies the same
// files in the same order, keeps the same history and refuses with the same codes; comparing a schema with a database it can't,
// and it says so and fails.
const crypto = require('crypto'), fs = require('fs'), path = require('path'), { Client } = require('pg');

const LOCK = 72707369; // the advisory lock under which Prisma migrates
const HISTORY = `CREATE TABLE IF NOT EXISTS _prisma_migrations (id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL,
  finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`;

class Refused extends Error {}

async function connected(work) {
  if (!process.env.DATABASE_URL) throw new Refused('P1012\n\nEnvironment variable not found: DATABASE_URL.');
  const url = new URL(process.env.DATABASE_URL);
  const schema = url.searchParams.get('schema') || 'public';
  for (const name of [...url.searchParams.keys()]) if (!['sslmode', 'options', 'application_name'].includes(name)) url.searchParams.delete(name);
  const client = new Client({ connectionString: url.toString(), connectionTimeoutMillis: 10000 });
  try { await client.connect(); } catch (error) { throw new Refused(`P1001\n\nCan't reach database server at \`${url.host}\`\n\n${error.message}`); }
  try {
    await client.query("SELECT set_config('search_path', $1, false)", [schema]);
    return await work(client, schema);
  } finally { await client.end(); }
}

function files() {
  const folder = path.resolve('migrations');
  const names = fs.existsSync(folder) ? fs.readdirSync(folder).sort() : [];
  return names.map(name => ({ name, file: path.join(folder, name, 'migration.sql') })).filter(({ file }) => fs.existsSync(file))
    .map(({ name, file }) => { const sql = fs.readFileSync(file, 'utf8'); return { name, sql, checksum: crypto.createHash('sha256').update(sql).digest('hex') }; });
}

async function history(client, schema) {
  const there = await client.query("SELECT to_regclass('_prisma_migrations') IS NOT NULL AS known, (SELECT count(*)::int FROM pg_tables WHERE schemaname = $1) AS tables", [schema]);
  const { known, tables } = there.rows[0];
  return { known, tables, rows: known ? (await client.query('SELECT * FROM _prisma_migrations ORDER BY started_at')).rows : [] };
}

const begin = (client, { name, checksum }) => {
  const id = crypto.randomUUID();
  return client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [id, checksum, name]).then(() => id);
};
const end = (client, id, steps) => client.query('UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = $2 WHERE id = $1', [id, steps]);

async function deploy() {
  const all = files();
  await connected(async (client, schema) => {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    const { known, tables, rows } = await history(client, schema);
    if (!known && tables > 0) throw new Refused('P3005\n\nThe database schema is not empty. Read more about how to baseline an existing production database: https://pris.ly/d/migrate-baseline');
    await client.query(HISTORY);
    console.log(`${all.length} migrations found in migrations\n`);
    const open = rows.find(row => !row.finished_at && !row.rolled_back_at);
    if (open) throw new Refused(`P3009\n\nmigrate found failed migrations in the target database, new migrations will not be applied. Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\nThe \`${open.migration_name}\` migration started at ${open.started_at.toISOString()} failed`);
    const done = new Set(rows.filter(row => row.finished_at && !row.rolled_back_at).map(row => row.migration_name));
    const pending = all.filter(({ name }) => !done.has(name));
    for (const one of pending) {
      console.log(`Applying migration \`${one.name}\``);
      const id = await begin(client, one);
      try { await client.query(one.sql); } catch (error) {
        const said = `Migration name: ${one.name}\n\nDatabase error code: ${error.code}\n\nDatabase error:\nERROR: ${error.message}`;
        await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, said]);
        throw new Refused(`P3018\n\nA migration failed to apply. New migrations cannot be applied before the error is recovered from. Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\n\n${said}`);
      }
      await end(client, id, 1);
    }
    console.log(pending.length ? '\nAll migrations have been successfully applied.' : 'No pending migrations to apply.');
  });
}

async function resolve(how, name) {
  const one = files().find(it => it.name === name);
  await connected(async (client, schema) => {
    const { known, rows } = await history(client, schema);
    const last = rows.filter(row => row.migration_name === name).pop();
    if (how === '--rolled-back') {
      if (!last) throw new Refused(`P3011\n\nMigration \`${name}\` cannot be rolled back because it was never applied to the database.`);
      if (last.finished_at) throw new Refused(`P3012\n\nMigration \`${name}\` cannot be rolled back because it is not in a failed state.`);
      await client.query('UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = $1 AND finished_at IS NULL AND rolled_back_at IS NULL', [name]);
      return console.log(`Migration ${name} marked as rolled back.`);
    }
    if (!one) throw new Refused(`P3017\n\nThe migration ${name} could not be found. Please make sure that the migration exists, and that you included the whole name of the directory.`);
    if (last && last.finished_at && !last.rolled_back_at) throw new Refused(`P3008\n\nThe migration \`${name}\` is already recorded as applied in the database.`);
    if (!known) await client.query(HISTORY);
    await client.query('UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = $1 AND finished_at IS NULL AND rolled_back_at IS NULL', [name]);
    await end(client, await begin(client, one), 0);
    console.log(`Migration ${name} marked as applied.`);
  });
}

async function main([area, verb, ...rest]) {
  if (!area) return console.log('prisma, as the lab has it');
  if (area === 'generate') return console.log('the client was generated when this LiteLLM was installed');
  if (area === 'migrate' && verb === 'deploy') return deploy();
  if (area === 'migrate' && verb === 'resolve') return resolve(rest[0], rest[1]);
  if (area === 'db' && verb === 'execute') {
    const sql = fs.readFileSync(rest[rest.indexOf('--file') + 1], 'utf8');
    if (sql.trim()) await connected(client => client.query(sql));
    return console.log('Script executed successfully.');
  }
  throw new Refused(`lab: \`prisma ${[area, verb].filter(Boolean).join(' ')}\` needs Prisma's schema engine, which the lab does not have`);
}

main(process.argv.slice(2)).catch(error => { console.error(`Error: ${error instanceof Refused ? error.message : error.stack}`); process.exit(1); });
