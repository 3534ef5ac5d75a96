import pg from 'pg'
import type { VaultRecord } from '../parts.ts'
import { migrations } from './migrations.ts'
import { toKeyUse, toKeyUseValues } from './key-use-row.ts'
import { nextReveals, parseHead, revealHead } from './reveal-head.ts'
import type { DataKeyRow, RevealRow, TokenCopy, TokenRow, VaultStore } from './vault-store.ts'

type Row = Record<string, unknown>

const noBytes = Buffer.alloc(0)

/** Errors after which the same statement may well succeed: deadlock, and a serialization failure. */
const worthAnotherTry = new Set(['40P01', '40001'])
const triesLimit = 5

/** Number of the advisory lock under which the schema is brought up to date. */
const migrationLock = 7_310_579_246

/** @throws the driver's error when the database cannot be reached */
export async function openPostgresStore(url: string): Promise<VaultStore> {
  const pool = new pg.Pool({ connectionString: url, max: 8, connectionTimeoutMillis: 5000, keepAlive: true })
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => {})
  // So would one that breaks between two statements of a transaction; the next statement fails, and that is told.
  pool.on('connect', (client) => client.on('error', () => {}))
  try {
    await migrate(pool)
  } catch (thrown) {
    await pool.end().catch(() => {})
    throw thrown
  }
  return createPostgresStore(pool)
}

async function migrate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1)', [migrationLock])
    await client.query('create table if not exists vault_migrations (name text primary key)')
    const done = new Set((await client.query('select name from vault_migrations')).rows.map((row: Row) => row['name']))
    for (const { name, postgresql } of migrations) {
      if (done.has(name)) continue
      await client.query(postgresql)
      await client.query('insert into vault_migrations (name) values ($1)', [name])
    }
    await client.query('commit')
  } catch (thrown) {
    await client.query('rollback').catch(() => {})
    throw thrown
  } finally {
    client.release()
  }
}

type Query = (text: string, values?: readonly unknown[]) => Promise<{ readonly rows: Row[]; readonly count: number }>

function createPostgresStore(pool: pg.Pool): VaultStore {
  const query: Query = (text, values = []) => again(async () => toResult(await pool.query(text, values as unknown[])))
  const transaction = <T>(work: (query: Query) => Promise<T>): Promise<T> =>
    again(async () => {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        await client.query('begin')
        const result = await work(async (text, values = []) => toResult(await client.query(text, values as unknown[])))
        await client.query('commit')
        return result
      } catch (thrown) {
        await client.query('rollback').catch((error: Error) => void (broken = error))
        throw thrown
      } finally {
        client.release(broken)
      }
    })
  const bump = (within: Query, kind: string) => within('insert into revisions (kind, revision) values ($1, 1) on conflict (kind) do update set revision = revisions.revision + 1', [kind])
  const readHead = async () => parseHead((await query('select value from meta where name = $1', [revealHead])).rows[0]?.['value'] as string | undefined)

  return {
    kind: 'postgresql',
    records: {
      async list(kind) {
        return (await query('select * from records where kind = $1 order by name', [kind])).rows.map(toRecord)
      },
      async get(kind, name) {
        const [row] = (await query('select * from records where kind = $1 and name = $2', [kind, name])).rows
        return row && toRecord(row)
      },
      put({ kind, name, version, facts, sealed }) {
        return transaction(async (within) => {
          const values = [kind, name, version, JSON.stringify(facts), sealed?.keyId ?? null, sealed ? toBuffer(sealed.bytes) : null]
          const { count } = await (version === 1
            ? within('insert into records (kind, name, version, facts, sealed_key, sealed) values ($1, $2, $3, $4, $5, $6) on conflict do nothing', values)
            : within('update records set version = $3, facts = $4, sealed_key = $5, sealed = $6 where kind = $1 and name = $2 and version = $3 - 1', values))
          if (count > 0) await bump(within, kind)
          return count > 0
        })
      },
      remove(kind, name, version) {
        return transaction(async (within) => {
          const { count } = await within('delete from records where kind = $1 and name = $2 and version = coalesce($3, version)', [kind, name, version ?? null])
          if (count > 0) await bump(within, kind)
          return count > 0
        })
      },
      async revision(kind) {
        return Number((await query('select revision from revisions where kind = $1', [kind])).rows[0]?.['revision'] ?? 0)
      },
    },
    keys: {
      async newest(wanted) {
        const { rows } = await query(
          `select w.n, k.* from unnest($1::text[], $2::text[]) with ordinality w (scope, use, n)
           cross join lateral (select * from data_keys d where d.scope = w.scope and d.use = w.use order by d.version desc limit 1) k`,
          [wanted.map(({ scope }) => scope), wanted.map(({ use }) => use)],
        )
        return inOrder(rows, wanted.length, toDataKey)
      },
      async get(numbers) {
        const { rows } = await query('select w.n, k.* from unnest($1::int[]) with ordinality w (number, n) join data_keys k on k.number = w.number', [numbers])
        return inOrder(rows, numbers.length, toDataKey)
      },
      async add(rows) {
        const sorted = rows.toSorted((a, b) => (a.scope < b.scope ? -1 : 1))
        await query(
          `insert into data_keys (scope, use, version, state, wrapped, master_key, created_at, retired_at)
           select * from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::bytea[], $6::text[], $7::bigint[], $8::bigint[]) on conflict do nothing`,
          [
            sorted.map((row) => row.scope), sorted.map((row) => row.use), sorted.map((row) => row.version), sorted.map((row) => row.state),
            sorted.map((row) => row.wrapped && toBuffer(row.wrapped)), sorted.map((row) => row.masterKey), sorted.map((row) => row.createdAt), sorted.map((row) => row.retiredAt),
          ],
        )
      },
      retire(scope, now) {
        return transaction(async (within) => {
          await within("update data_keys set state = 'old', retired_at = $4 where use = 'seal' and state = 'active' and (scope = $1 or (scope >= $2 and scope < $3))", [...below(scope), now])
          await bump(within, 'data-key')
        })
      },
      shred(scope, now) {
        return transaction(async (within) => {
          const { count } = await within("update data_keys set state = 'shredding', wrapped = null, retired_at = coalesce(retired_at, $4) where wrapped is not null and (scope = $1 or (scope >= $2 and scope < $3))", [...below(scope), now])
          if (count > 0) await bump(within, 'data-key')
        })
      },
      async wrappedByOthers(masterKey, limit) {
        return (await query('select * from data_keys where wrapped is not null and master_key <> $1 limit $2', [masterKey, limit])).rows.map(toDataKey)
      },
      async rewrap(number, from, wrapped, to) {
        return (await query('update data_keys set wrapped = $3, master_key = $4 where number = $1 and master_key = $2 and wrapped is not null', [number, from, toBuffer(wrapped), to])).count > 0
      },
      async waiting(state, limit, scope) {
        const { rows } = await (scope === undefined
          ? query('select * from data_keys where state = $1 order by retired_at, number limit $2', [state, limit])
          : query('select * from data_keys where state = $4 and (scope = $1 or (scope >= $2 and scope < $3)) order by retired_at, number limit $5', [...below(scope), state, limit]))
        return rows.map(toDataKey)
      },
      async settle(number) {
        await query("update data_keys set state = case state when 'old' then 'spent' else 'shredded' end where number = $1 and state in ('old', 'shredding')", [number])
      },
      async countOthers(masterKey) {
        return Number((await query('select count(*) as n from data_keys where wrapped is not null and master_key <> $1', [masterKey])).rows[0]?.['n'])
      },
    },
    tokens: {
      async get(places) {
        const { rows } = await query('select w.n, t.* from unnest($1::text[], $2::text[]) with ordinality w (domain, token, n) join tokens t on t.domain = w.domain and t.token = w.token', columns(places))
        return inOrder(rows, places.length, toToken)
      },
      async find(blinds) {
        const { rows } = await query('select w.n, t.* from unnest($1::bytea[]) with ordinality w (blind, n) join tokens t on t.blind = w.blind', [blinds.map(toBuffer)])
        return inOrder(rows, blinds.length, toToken)
      },
      async add(rows) {
        // Which row a token was written for must be beyond doubt: of those of one call with the same token only the first is.
        const first = new Map<string, TokenRow>()
        for (const row of rows) {
          const key = placeKey(row.domain, row.token)
          if (!first.has(key)) first.set(key, row)
        }
        // Vaults that write the same values at once take the places of the index in the same order, so neither waits for the other for ever.
        const sorted = [...first.values()].toSorted((a, b) => Buffer.compare(a.blind ?? noBytes, b.blind ?? noBytes))
        const { rows: added } = await query(
          `insert into tokens (domain, token, blind, key, sealed, expires_at, mode)
           select * from unnest($1::text[], $2::text[], $3::bytea[], $4::int[], $5::bytea[], $6::bigint[], $7::text[]) on conflict do nothing returning domain, token`,
          [
            ...columns(sorted), sorted.map(({ blind }) => blind && toBuffer(blind)), sorted.map(({ key }) => key), sorted.map(({ sealed }) => sealed && toBuffer(sealed)),
            sorted.map(({ expiresAt }) => expiresAt), sorted.map(({ mode }) => mode),
          ],
        )
        const written = new Set(added.map(({ domain, token }) => placeKey(domain as string, token as string)))
        return rows.map((row) => {
          const key = placeKey(row.domain, row.token)
          return first.get(key) === row && written.has(key)
        })
      },
      async copies(places) {
        const { rows } = await query('select w.n, c.* from unnest($1::text[], $2::text[]) with ordinality w (domain, token, n) join token_copies c on c.domain = w.domain and c.token = w.token', columns(places))
        const lists: TokenCopy[][] = places.map(() => [])
        for (const row of rows) lists[Number(row['n']) - 1]?.push(toCopy(row))
        return lists
      },
      async addCopies(copies) {
        await query('insert into token_copies (domain, token, key, sealed) select * from unnest($1::text[], $2::text[], $3::int[], $4::bytea[]) on conflict do nothing', [
          ...columns(copies), copies.map(({ key }) => key), copies.map(({ sealed }) => toBuffer(sealed)),
        ])
      },
      async extend(lives) {
        const sorted = lives.toSorted((a, b) => (placeKey(a.domain, a.token) < placeKey(b.domain, b.token) ? -1 : 1))
        const { rows } = await query(
          `update tokens t set expires_at = case when t.expires_at is null or w.expires_at is null then null else greatest(t.expires_at, w.expires_at) end
           from unnest($1::text[], $2::text[], $3::bigint[]) w (domain, token, expires_at)
           where t.domain = w.domain and t.token = w.token and t.key is not null returning t.domain, t.token`,
          [...columns(sorted), sorted.map(({ expiresAt }) => expiresAt)],
        )
        const alive = new Set(rows.map(({ domain, token }) => placeKey(domain as string, token as string)))
        return lives.map(({ domain, token }) => alive.has(placeKey(domain, token)))
      },
      bury(places, now) {
        return transaction(async (within) => {
          const { rows } = await within(
            `select t.domain, t.token from unnest($1::text[], $2::text[]) w (domain, token) join tokens t on t.domain = w.domain and t.token = w.token
             left join data_keys k on k.number = t.key where t.expires_at <= $3 or k.wrapped is null order by 1, 2 for update of t`,
            [...columns(places), now],
          )
          await bury(within, rows as unknown as TokenCopy[])
        })
      },
      sweep(now, forgetBefore, limit) {
        return transaction(async (within) => {
          const { rows: over } = await within('select domain, token from tokens where expires_at < $1 and key is not null and expires_at is not null limit $2 for update skip locked', [now, limit])
          await bury(within, over as unknown as TokenCopy[])
          const { count } = await within("delete from tokens where ctid = any (array (select ctid from tokens where expires_at < $1 and key is null and expires_at is not null and mode <> 'shape' limit $2 for update skip locked))", [forgetBefore, limit])
          return over.length + count
        })
      },
      buryUnder(key, limit) {
        return transaction(async (within) => {
          const { rows } = await within('select domain, token from tokens where key = $1 limit $2 for update', [key, limit])
          const places = rows as unknown as TokenCopy[]
          // A copy under a living key takes the place of the first.
          const { rows: kept } = await within(
            `with chosen as (
               select distinct on (c.domain, c.token) c.* from unnest($1::text[], $2::text[]) w (domain, token)
               join token_copies c on c.domain = w.domain and c.token = w.token join data_keys k on k.number = c.key and k.wrapped is not null
               order by c.domain, c.token, c.key
             ), moved as (
               delete from token_copies c using chosen h where c.domain = h.domain and c.token = h.token and c.key = h.key
             )
             update tokens t set key = h.key, sealed = h.sealed from chosen h where t.domain = h.domain and t.token = h.token returning t.domain, t.token`,
            columns(places),
          )
          const alive = new Set(kept.map(({ domain, token }) => placeKey(domain as string, token as string)))
          const lost = places.filter(({ domain, token }) => !alive.has(placeKey(domain, token)))
          await bury(within, lost)
          if (rows.length < limit) await within('delete from token_copies where key = $1', [key])
          return { seen: rows.length, lost: lost.length }
        })
      },
      async sealedUnder(key, limit) {
        const { rows } = await query('select domain, token, key, sealed from tokens where key = $1 limit $2', [key, limit])
        return (rows.length > 0 ? rows : (await query('select * from token_copies where key = $1 limit $2', [key, limit])).rows).map(toCopy)
      },
      async reseal(rows) {
        const sorted = rows.toSorted((a, b) => (placeKey(a.domain, a.token) < placeKey(b.domain, b.token) ? -1 : 1))
        const values = [...columns(sorted), sorted.map(({ from }) => from), sorted.map(({ key }) => key), sorted.map(({ sealed }) => toBuffer(sealed))]
        const given = 'unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::bytea[]) w (domain, token, old, key, sealed)'
        await transaction(async (within) => {
          await within(`update tokens t set key = w.key, sealed = w.sealed from ${given} where t.domain = w.domain and t.token = w.token and t.key = w.old`, values)
          // One that is there under the new key already is another vault's work.
          await within(`delete from token_copies c using ${given} where c.domain = w.domain and c.token = w.token and c.key = w.old and exists (select 1 from token_copies o where o.domain = c.domain and o.token = c.token and o.key = w.key)`, values)
          await within(`update token_copies c set key = w.key, sealed = w.sealed from ${given} where c.domain = w.domain and c.token = w.token and c.key = w.old`, values)
        })
      },
      async countOld() {
        const { rows } = await query("select (select count(*) from data_keys k join tokens t on t.key = k.number where k.state = 'old') + (select count(*) from data_keys k join token_copies t on t.key = k.number where k.state = 'old') as n")
        return Number(rows[0]?.['n'])
      },
      async count() {
        const estimate = Number((await query("select reltuples from pg_class where oid = 'tokens'::regclass")).rows[0]?.['reltuples'] ?? 0)
        return estimate > 100_000 ? Math.round(estimate) : Number((await query('select count(*) as n from tokens')).rows[0]?.['n'])
      },
    },
    reveals: {
      append(reveals, hash) {
        return transaction(async (within) => {
          // The row of the head is the lock: lines of all vaults stand one behind the other.
          await within("insert into meta (name, value) values ($1, '') on conflict do nothing", [revealHead])
          const head = parseHead((await within('select value from meta where name = $1 for update', [revealHead])).rows[0]?.['value'] as string)
          const won = new Set<string>()
          const takes = reveals.flatMap(({ takes: place }) => (place ? [place] : []))
          if (takes.length > 0) {
            const { rows } = await within(
              `update tokens t set blind = null, key = null, sealed = null, expires_at = $3 from unnest($1::text[], $2::text[]) w (domain, token)
               where t.domain = w.domain and t.token = w.token and t.mode = 'once' and t.key is not null returning t.domain, t.token`,
              [...columns(takes), Date.now()],
            )
            for (const { domain, token } of rows) won.add(placeKey(domain as string, token as string))
          }
          const taken = reveals.map(({ takes: place }) => !place || won.delete(placeKey(place.domain, place.token)))
          const { rows, value } = nextReveals(head, reveals, taken, hash)
          await within('insert into reveals (number, at, domain, token, client, purpose, run, flow, node, outcome, hash) select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])', [
            rows.map((row) => row.number), rows.map((row) => row.at), rows.map((row) => row.domain), rows.map((row) => row.token), rows.map((row) => row.client), rows.map((row) => row.purpose),
            rows.map((row) => row.run), rows.map((row) => row.flow), rows.map((row) => row.node), rows.map((row) => row.outcome), rows.map((row) => row.hash),
          ])
          await within('update meta set value = $2 where name = $1', [revealHead, value])
          return rows
        })
      },
      async list({ after, limit, domain, client }) {
        const { rows } = await query('select * from reveals where number > $1 and ($3::text is null or domain = $3) and ($4::text is null or client = $4) order by number limit $2', [after, limit, domain ?? null, client ?? null])
        return rows.map(toReveal)
      },
      async newest({ before, limit, domain, client }) {
        const { rows } = await query('select * from reveals where number < $1 and ($3::text is null or domain = $3) and ($4::text is null or client = $4) order by number desc limit $2', [
          before ?? Number.MAX_SAFE_INTEGER, limit, domain ?? null, client ?? null,
        ])
        return rows.map(toReveal)
      },
      head: readHead,
    },
    keyUses: {
      async add(uses) {
        // In one order: two vaults that add to the same rows do not wait for each other in a circle.
        const rows = uses.map(toKeyUseValues).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
        await transaction((within) =>
          within(
            `insert into key_uses (name, hour, version, act, outcome, client, flow, count)
             select * from unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])
             on conflict (name, hour, version, act, outcome, client, flow) do update set count = key_uses.count + excluded.count`,
            [0, 1, 2, 3, 4, 5, 6, 7].map((column) => rows.map((row) => row[column])),
          ))
      },
      async list(key, limit) {
        return (await query('select * from key_uses where name = $1 order by hour desc, count desc limit $2', [key, limit])).rows.map(toKeyUse)
      },
      async forget(before) {
        await query('delete from key_uses where hour < $1', [before])
      },
    },
    guesses: {
      async add(places, now, windowMs) {
        const windows = new Map<string, { readonly before: number; readonly endsAt: number }>()
        // In one order: two vaults that add to the same rows do not wait for each other in a circle.
        const wrong = places.filter((one) => one.wrong > 0).toSorted((a, b) => (a.place < b.place ? -1 : 1))
        const right = places.filter((one) => one.wrong === 0)
        if (wrong.length > 0) {
          const { rows } = await query(
            `insert into guesses (place, ends_at, count) select place, $3::bigint, wrong from unnest($1::text[], $2::bigint[]) as given (place, wrong)
             on conflict (place) do update set
               count = case when guesses.ends_at > $4 then guesses.count + excluded.count else excluded.count end,
               ends_at = case when guesses.ends_at > $4 then guesses.ends_at else excluded.ends_at end
             returning place, ends_at, count`,
            [wrong.map(({ place }) => place), wrong.map((one) => one.wrong), now + windowMs, now],
          )
          const added = new Map(wrong.map((one) => [one.place, one.wrong]))
          for (const { place, ends_at: endsAt, count } of rows) windows.set(place as string, { before: Number(count) - (added.get(place as string) as number), endsAt: Number(endsAt) })
        }
        if (right.length > 0) {
          const { rows } = await query('select place, ends_at, count from guesses where place = any($1::text[]) and ends_at > $2', [right.map(({ place }) => place), now])
          for (const { place, ends_at: endsAt, count } of rows) windows.set(place as string, { before: Number(count), endsAt: Number(endsAt) })
        }
        return places.map(({ place }) => windows.get(place) ?? { before: 0, endsAt: now + windowMs })
      },
      async forget(before) {
        await query('delete from guesses where ends_at < $1', [before])
      },
    },
    async revisions() {
      return new Map((await query('select kind, revision from revisions')).rows.map(({ kind, revision }) => [kind as VaultRecord['kind'], Number(revision)]))
    },
    meta: {
      async get(name) {
        return (await query('select value from meta where name = $1', [name])).rows[0]?.['value'] as string | undefined
      },
      async settle(name, value) {
        await query('insert into meta (name, value) values ($1, $2) on conflict do nothing', [name, value])
        return (await query('select value from meta where name = $1', [name])).rows[0]?.['value'] as string
      },
      async set(name, value) {
        await query('insert into meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value', [name, value])
      },
    },
    close: () => pool.end(),
  }
}

async function bury(within: Query, places: readonly { readonly domain: string; readonly token: string }[]): Promise<void> {
  if (places.length === 0) return
  await within('update tokens t set blind = null, key = null, sealed = null, expires_at = least(coalesce(t.expires_at, $3), $3) from unnest($1::text[], $2::text[]) w (domain, token) where t.domain = w.domain and t.token = w.token', [...columns(places), Date.now()])
  await within('delete from token_copies c using unnest($1::text[], $2::text[]) w (domain, token) where c.domain = w.domain and c.token = w.token', columns(places))
}

async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (thrown) {
      if (tries >= triesLimit || !worthAnotherTry.has((thrown as { code?: string }).code ?? '')) throw thrown
    }
  }
}

function toResult({ rows, rowCount }: pg.QueryResult): { readonly rows: Row[]; readonly count: number } {
  return { rows: rows as Row[], count: rowCount ?? 0 }
}

function columns(places: readonly { readonly domain: string; readonly token: string }[]): [string[], string[]] {
  return [places.map(({ domain }) => domain), places.map(({ token }) => token)]
}

function placeKey(domain: string, token: string): string {
  return `${domain}\0${token}`
}

/** Rows carry the place of what was asked for as `n`. */
function inOrder<T>(rows: readonly Row[], length: number, to: (row: Row) => T): (T | undefined)[] {
  const list = Array.from<T | undefined>({ length })
  for (const row of rows) list[Number(row['n']) - 1] = to(row)
  return list
}

/** Range of the scopes below one, and what the statement compares with: `/` is followed by `0` in the order of bytes. */
function below(scope: string): [string, string, string] {
  return [scope, `${scope}/`, `${scope}0`]
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function toRecord(row: Row): VaultRecord {
  const { kind, name, version, facts, sealed_key: keyId, sealed } = row as { kind: VaultRecord['kind']; name: string; version: number; facts: string; sealed_key: string | null; sealed: Buffer | null }
  return { kind, name, version, facts: JSON.parse(facts) as VaultRecord['facts'], ...(keyId !== null && sealed ? { sealed: { keyId, bytes: sealed } } : {}) }
}

function toDataKey(row: Row): DataKeyRow {
  return {
    number: row['number'] as number,
    scope: row['scope'] as string,
    use: row['use'] as DataKeyRow['use'],
    version: row['version'] as number,
    state: row['state'] as DataKeyRow['state'],
    wrapped: row['wrapped'] as Buffer | null,
    masterKey: row['master_key'] as string,
    createdAt: Number(row['created_at']),
    retiredAt: row['retired_at'] === null ? null : Number(row['retired_at']),
  }
}

function toToken(row: Row): TokenRow {
  return {
    domain: row['domain'] as string,
    token: row['token'] as string,
    blind: row['blind'] as Buffer | null,
    key: row['key'] as number | null,
    sealed: row['sealed'] as Buffer | null,
    expiresAt: row['expires_at'] === null ? null : Number(row['expires_at']),
    mode: row['mode'] as string,
  }
}

function toCopy(row: Row): TokenCopy {
  return { domain: row['domain'] as string, token: row['token'] as string, key: row['key'] as number, sealed: row['sealed'] as Buffer }
}

function toReveal(row: Row): RevealRow {
  return { ...(row as unknown as RevealRow), number: Number(row['number']) }
}
