import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { makeFolder } from '../../runtime/core/files/make-folder.ts'
import type { VaultRecord } from '../parts.ts'
import { migrations } from './migrations.ts'
import { toKeyUse, toKeyUseValues } from './key-use-row.ts'
import { nextReveals, parseHead, revealHead } from './reveal-head.ts'
import type { DataKeyRow, RevealRow, TokenCopy, TokenRow, VaultStore } from './vault-store.ts'

const busyTimeoutMs = 5000
type Row = Record<string, unknown>

/** The embedded store: `vault.sqlite` in the folder, for its owner alone. What has been answered is on disk. */
export function openSqliteStore(dataDir: string): VaultStore {
  makeFolder(dataDir, 0o700)
  const file = join(dataDir, 'vault.sqlite')
  // SQLite gives its other files the mode of this one.
  closeSync(openSync(file, 'a', 0o600))
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs })
  try {
    database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma secure_delete = on; pragma temp_store = memory; pragma cache_size = -65536; pragma wal_autocheckpoint = 4000')
    migrate(database)
  } catch (thrown) {
    database.close()
    throw thrown
  }
  return createSqliteStore(database)
}

function migrate(database: DatabaseSync): void {
  database.exec('begin immediate')
  try {
    database.exec('create table if not exists migrations (name text primary key) strict')
    const done = new Set(database.prepare('select name from migrations').all().map((row) => row['name']))
    for (const { name, sqlite } of migrations) {
      if (done.has(name)) continue
      database.exec(sqlite)
      database.prepare('insert into migrations (name) values (?)').run(name)
    }
    database.exec('commit')
  } catch (thrown) {
    database.exec('rollback')
    throw thrown
  }
}

function createSqliteStore(database: DatabaseSync): VaultStore {
  const statements = new Map<string, StatementSync>()
  const prepare = (text: string): StatementSync => {
    let statement = statements.get(text)
    if (!statement) statements.set(text, (statement = database.prepare(text)))
    return statement
  }
  const all = (text: string, ...values: SQLInputValue[]) => prepare(text).all(...values) as Row[]
  const one = (text: string, ...values: SQLInputValue[]) => prepare(text).get(...values) as Row | undefined
  const run = (text: string, ...values: SQLInputValue[]) => Number(prepare(text).run(...values).changes)
  /** All or nothing. The work is synchronous, so transactions of one process never mix. */
  const transaction = <T>(work: () => T): T => {
    prepare('begin immediate').run()
    try {
      const result = work()
      prepare('commit').run()
      return result
    } catch (thrown) {
      if (database.isTransaction) prepare('rollback').run()
      throw thrown
    }
  }
  const bump = (kind: string) => run('insert into revisions (kind, revision) values (?, 1) on conflict (kind) do update set revision = revision + 1', kind)
  const bury = (domain: string, token: string) => {
    run('update tokens set blind = null, key = null, sealed = null, expires_at = min(coalesce(expires_at, ?1), ?1) where domain = ?2 and token = ?3', Date.now(), domain, token)
    run('delete from token_copies where domain = ? and token = ?', domain, token)
  }
  let tokens = Number(one('select count(*) as n from tokens')?.['n'])

  return {
    kind: 'sqlite',
    records: {
      async list(kind) {
        return all('select * from records where kind = ? order by name', kind).map(toRecord)
      },
      async get(kind, name) {
        const row = one('select * from records where kind = ? and name = ?', kind, name)
        return row && toRecord(row)
      },
      async put({ kind, name, version, facts, sealed }) {
        return transaction(() => {
          const json = JSON.stringify(facts)
          const changed = version === 1
            ? run('insert into records (kind, name, version, facts, sealed_key, sealed) values (?, ?, 1, ?, ?, ?) on conflict do nothing', kind, name, json, sealed?.keyId ?? null, sealed?.bytes ?? null)
            : run('update records set version = ?, facts = ?, sealed_key = ?, sealed = ? where kind = ? and name = ? and version = ?', version, json, sealed?.keyId ?? null, sealed?.bytes ?? null, kind, name, version - 1)
          if (changed > 0) bump(kind)
          return changed > 0
        })
      },
      async remove(kind, name, version) {
        return transaction(() => {
          const removed = run('delete from records where kind = ?1 and name = ?2 and version = coalesce(?3, version)', kind, name, version ?? null) > 0
          if (removed) bump(kind)
          return removed
        })
      },
      async revision(kind) {
        return Number(one('select revision from revisions where kind = ?', kind)?.['revision'] ?? 0)
      },
    },
    keys: {
      async newest(wanted) {
        return wanted.map(({ scope, use }) => {
          const row = one('select * from data_keys where scope = ? and use = ? order by version desc limit 1', scope, use)
          return row && toDataKey(row)
        })
      },
      async get(numbers) {
        return numbers.map((number) => {
          const row = one('select * from data_keys where number = ?', number)
          return row && toDataKey(row)
        })
      },
      async add(rows) {
        transaction(() => {
          for (const row of rows) {
            run(
              'insert into data_keys (scope, use, version, state, wrapped, master_key, created_at, retired_at) values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing',
              row.scope, row.use, row.version, row.state, row.wrapped, row.masterKey, row.createdAt, row.retiredAt,
            )
          }
        })
      },
      async retire(scope, now) {
        transaction(() => {
          run("update data_keys set state = 'old', retired_at = ? where use = 'seal' and state = 'active' and (scope = ? or (scope >= ? and scope < ?))", now, ...below(scope))
          bump('data-key')
        })
      },
      async shred(scope, now) {
        const keys = transaction(() => {
          const changed = run("update data_keys set state = 'shredding', wrapped = null, retired_at = coalesce(retired_at, ?) where wrapped is not null and (scope = ? or (scope >= ? and scope < ?))", now, ...below(scope))
          if (changed > 0) bump('data-key')
          return changed
        })
        // What was destroyed is in no older page of the log either.
        if (keys > 0) database.exec('pragma wal_checkpoint(truncate)')
      },
      async wrappedByOthers(masterKey, limit) {
        return all('select * from data_keys where wrapped is not null and master_key <> ? limit ?', masterKey, limit).map(toDataKey)
      },
      async rewrap(number, from, wrapped, to) {
        return run('update data_keys set wrapped = ?, master_key = ? where number = ? and master_key = ? and wrapped is not null', wrapped, to, number, from) > 0
      },
      async waiting(state, limit, scope) {
        if (scope === undefined) return all('select * from data_keys where state = ? order by retired_at, number limit ?', state, limit).map(toDataKey)
        return all('select * from data_keys where state = ? and (scope = ? or (scope >= ? and scope < ?)) order by retired_at, number limit ?', state, ...below(scope), limit).map(toDataKey)
      },
      async settle(number) {
        run("update data_keys set state = case state when 'old' then 'spent' else 'shredded' end where number = ? and state in ('old', 'shredding')", number)
      },
      async countOthers(masterKey) {
        return Number(one('select count(*) as n from data_keys where wrapped is not null and master_key <> ?', masterKey)?.['n'])
      },
    },
    tokens: {
      async get(places) {
        return places.map(({ domain, token }) => {
          const row = one('select * from tokens where domain = ? and token = ?', domain, token)
          return row && toToken(row)
        })
      },
      async find(blinds) {
        return blinds.map((blind) => {
          const row = one('select * from tokens where blind = ?', blind)
          return row && toToken(row)
        })
      },
      async add(rows) {
        const added = transaction(() =>
          rows.map(({ domain, token, blind, key, sealed, expiresAt, mode }) =>
            run('insert into tokens (domain, token, blind, key, sealed, expires_at, mode) values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing', domain, token, blind, key, sealed, expiresAt, mode) > 0))
        tokens += added.filter(Boolean).length
        return added
      },
      async copies(places) {
        return places.map(({ domain, token }) => all('select * from token_copies where domain = ? and token = ?', domain, token).map(toCopy))
      },
      async addCopies(copies) {
        transaction(() => {
          for (const { domain, token, key, sealed } of copies) run('insert into token_copies (domain, token, key, sealed) values (?, ?, ?, ?) on conflict do nothing', domain, token, key, sealed)
        })
      },
      async extend(lives) {
        return transaction(() =>
          lives.map(({ domain, token, expiresAt }) =>
            run('update tokens set expires_at = case when expires_at is null or ?1 is null then null else max(expires_at, ?1) end where domain = ?2 and token = ?3 and key is not null', expiresAt, domain, token) > 0))
      },
      async bury(places, now) {
        transaction(() => {
          for (const { domain, token } of places) {
            if (one('select 1 from tokens t left join data_keys k on k.number = t.key where t.domain = ? and t.token = ? and (t.expires_at <= ? or k.wrapped is null)', domain, token, now)) bury(domain, token)
          }
        })
      },
      async sweep(now, forgetBefore, limit) {
        return transaction(() => {
          const over = all('select domain, token from tokens where expires_at < ? and key is not null and expires_at is not null limit ?', now, limit)
          for (const { domain, token } of over) bury(domain as string, token as string)
          const forgotten = run("delete from tokens where rowid in (select rowid from tokens where expires_at < ? and key is null and expires_at is not null and mode <> 'shape' limit ?)", forgetBefore, limit)
          tokens -= forgotten
          return over.length + forgotten
        })
      },
      async buryUnder(key, limit) {
        return transaction(() => {
          const rows = all('select domain, token from tokens where key = ? limit ?', key, limit) as { domain: string; token: string }[]
          let lost = 0
          for (const { domain, token } of rows) {
            const copy = one('select c.key, c.sealed from token_copies c join data_keys k on k.number = c.key where c.domain = ? and c.token = ? and k.wrapped is not null limit 1', domain, token)
            if (!copy) {
              bury(domain, token)
              lost++
              continue
            }
            run('update tokens set key = ?, sealed = ? where domain = ? and token = ?', copy['key'] as number, copy['sealed'] as Uint8Array, domain, token)
            run('delete from token_copies where domain = ? and token = ? and key = ?', domain, token, copy['key'] as number)
          }
          if (rows.length < limit) run('delete from token_copies where key = ?', key)
          return { seen: rows.length, lost }
        })
      },
      async sealedUnder(key, limit) {
        const rows = all('select domain, token, key, sealed from tokens where key = ? limit ?', key, limit)
        return (rows.length > 0 ? rows : all('select * from token_copies where key = ? limit ?', key, limit)).map(toCopy)
      },
      async reseal(rows) {
        transaction(() => {
          for (const { domain, token, key, sealed, from } of rows) {
            run('update tokens set key = ?, sealed = ? where domain = ? and token = ? and key = ?', key, sealed, domain, token, from)
            run('update or replace token_copies set key = ?, sealed = ? where domain = ? and token = ? and key = ?', key, sealed, domain, token, from)
          }
        })
      },
      async countOld() {
        const count = (table: string) => Number(one(`select count(*) as n from data_keys k join ${table} t on t.key = k.number where k.state = 'old'`)?.['n'])
        return count('tokens') + count('token_copies')
      },
      async count() {
        return tokens
      },
    },
    reveals: {
      async append(reveals, hash) {
        return transaction(() => {
          const head = parseHead(one('select value from meta where name = ?', revealHead)?.['value'] as string | undefined)
          const taken = reveals.map(({ takes }) => {
            if (!takes) return true
            const won = run("update tokens set blind = null, key = null, sealed = null, expires_at = ? where domain = ? and token = ? and mode = 'once' and key is not null", Date.now(), takes.domain, takes.token) > 0
            return won
          })
          const { rows, value } = nextReveals(head, reveals, taken, hash)
          for (const row of rows) {
            run(
              'insert into reveals (number, at, domain, token, client, purpose, run, flow, node, outcome, hash) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
              row.number, row.at, row.domain, row.token, row.client, row.purpose, row.run, row.flow, row.node, row.outcome, row.hash,
            )
          }
          run('insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value', revealHead, value)
          return rows
        })
      },
      async list({ after, limit, domain, client }) {
        const [where, values] = filter({ domain, client })
        return all(`select * from reveals where number > ?${where} order by number limit ?`, after, ...values, limit) as unknown as RevealRow[]
      },
      async newest({ before, limit, domain, client }) {
        const [where, values] = filter({ domain, client })
        return all(`select * from reveals where number < ?${where} order by number desc limit ?`, before ?? Number.MAX_SAFE_INTEGER, ...values, limit) as unknown as RevealRow[]
      },
      async head() {
        return parseHead(one('select value from meta where name = ?', revealHead)?.['value'] as string | undefined)
      },
    },
    keyUses: {
      async add(uses) {
        transaction(() => {
          for (const use of uses) run('insert into key_uses (name, hour, version, act, outcome, client, flow, count) values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set count = count + excluded.count', ...toKeyUseValues(use))
        })
      },
      async list(key, limit) {
        return all('select * from key_uses where name = ? order by hour desc, count desc limit ?', key, limit).map(toKeyUse)
      },
      async forget(before) {
        run('delete from key_uses where hour < ?', before)
      },
    },
    guesses: {
      async add(places, now, windowMs) {
        const read = (place: string) => {
          const row = one('select ends_at, count from guesses where place = ? and ends_at > ?', place, now)
          return { before: Number(row?.['count'] ?? 0), endsAt: Number(row?.['ends_at'] ?? now + windowMs) }
        }
        if (places.every(({ wrong }) => wrong === 0)) return places.map(({ place }) => read(place))
        return transaction(() =>
          places.map(({ place, wrong }) => {
            const window = read(place)
            if (wrong > 0) run('insert into guesses (place, ends_at, count) values (?, ?, ?) on conflict (place) do update set ends_at = excluded.ends_at, count = excluded.count', place, window.endsAt, window.before + wrong)
            return window
          }))
      },
      async forget(before) {
        run('delete from guesses where ends_at < ?', before)
      },
    },
    async revisions() {
      return new Map(all('select kind, revision from revisions').map(({ kind, revision }) => [kind as VaultRecord['kind'], Number(revision)]))
    },
    meta: {
      async get(name) {
        return one('select value from meta where name = ?', name)?.['value'] as string | undefined
      },
      async settle(name, value) {
        run('insert into meta (name, value) values (?, ?) on conflict do nothing', name, value)
        return one('select value from meta where name = ?', name)?.['value'] as string
      },
      async set(name, value) {
        run('insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value', name, value)
      },
    },
    async close() {
      statements.clear()
      database.close()
    },
  }
}

/** Range of the scopes below one, and what the statement compares with: `/` is followed by `0` in the order of bytes. */
function below(scope: string): [string, string, string] {
  return [scope, `${scope}/`, `${scope}0`]
}

function filter(by: { readonly domain?: string | undefined; readonly client?: string | undefined }): [string, string[]] {
  const given = Object.entries(by).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return [given.map(([column]) => ` and ${column} = ?`).join(''), given.map(([, value]) => value)]
}

function toRecord(row: Row): VaultRecord {
  const { kind, name, version, facts, sealed_key: keyId, sealed } = row as { kind: VaultRecord['kind']; name: string; version: number; facts: string; sealed_key: string | null; sealed: Uint8Array | null }
  return { kind, name, version, facts: JSON.parse(facts) as VaultRecord['facts'], ...(keyId !== null && sealed ? { sealed: { keyId, bytes: sealed } } : {}) }
}

function toDataKey(row: Row): DataKeyRow {
  return {
    number: row['number'] as number,
    scope: row['scope'] as string,
    use: row['use'] as DataKeyRow['use'],
    version: row['version'] as number,
    state: row['state'] as DataKeyRow['state'],
    wrapped: row['wrapped'] as Uint8Array | null,
    masterKey: row['master_key'] as string,
    createdAt: row['created_at'] as number,
    retiredAt: row['retired_at'] as number | null,
  }
}

function toToken(row: Row): TokenRow {
  return {
    domain: row['domain'] as string,
    token: row['token'] as string,
    blind: row['blind'] as Uint8Array | null,
    key: row['key'] as number | null,
    sealed: row['sealed'] as Uint8Array | null,
    expiresAt: row['expires_at'] as number | null,
    mode: row['mode'] as string,
  }
}

function toCopy(row: Row): TokenCopy {
  return { domain: row['domain'] as string, token: row['token'] as string, key: row['key'] as number, sealed: row['sealed'] as Uint8Array }
}
