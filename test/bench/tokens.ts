import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '../../runtime/core/log.ts'
import type { VaultAsk } from '../../runtime/core/secrets/vault.ts'
import { createEnvelope } from '../../vault/envelope.ts'
import { openFileMasterKey } from '../../vault/master-key-file.ts'
import { openVaultStore } from '../../vault/store/open-vault-store.ts'
import { createTokens, type OpenTokens } from '../../vault/tokens/create-tokens.ts'
import { findPostgres, startPostgres } from '../kit/postgres.ts'
import { median } from './rounds.ts'
import type { Scenario } from './scenario.ts'

const fields = 50
const messagesAtOnce = 40
const few = 100_000
const many = 1_000_000
const expected = 10_000_000

interface Rates {
  readonly found: number
  readonly revealed: number
}

/** What tokens cost the vault itself, and whether finding one takes longer among many. Everything in this one process, the database apart. */
export const tokens: Scenario = {
  name: 'tokens',
  whenNamed: true,
  async run({ seconds, rounds, say }) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-tokens-'))
    try {
      const embedded = await openTokens(join(folder, 'embedded'))
      const fresh = await perSecond(seconds, embedded.tokens, () => crypto.randomUUID())
      const known = await perSecond(seconds, embedded.tokens, drawnFrom(20_000))
      say(`  embedded: ${show(fresh)} new values/s, ${show(known)} known values/s`)
      await embedded.close()
      const bin = findPostgres()
      if (!bin) throw new Error('The server programs of PostgreSQL are missing. On Debian: sudo apt-get install -y postgresql')
      const server = await startPostgres(bin)
      try {
        // Nothing is remembered, so that every look-up is one in the database. Both sizes are asked in turn, so that both meet the same machine.
        const sizes = [few, many] as const
        const opened: Awaited<ReturnType<typeof openTokens>>[] = []
        for (const size of sizes) {
          server.createDatabase(`vault_${size}`)
          const one = await openTokens(join(folder, String(size)), server.url(`vault_${size}`), 1)
          opened.push(one)
          const start = performance.now()
          for (let begun = 0; begun < size; begun += fields * messagesAtOnce) {
            await Promise.all(batches((message) => one.tokens.ask(toAsks(fields, (index) => `value ${begun + message * fields + index}`))))
          }
          say(`  PostgreSQL: filled to ${show(size)} rows in ${Math.round((performance.now() - start) / 1000)} s`)
        }
        const found: number[][] = sizes.map(() => [])
        const revealed: number[][] = sizes.map(() => [])
        for (let round = 0; round <= rounds; round++) {
          for (const [at, size] of sizes.entries()) {
            const [finds, reveals] = [await perSecond(seconds / 2, (opened[at] as (typeof opened)[number]).tokens, drawnFrom(size)), await revealsPerSecond(seconds / 2, (opened[at] as (typeof opened)[number]).tokens, drawnFrom(size))]
            if (round === 0) continue // warms up
            found[at]?.push(finds)
            revealed[at]?.push(reveals)
          }
        }
        const [at100k, at1M] = sizes.map((size, at) => {
          const one = { found: median(found[at] as number[]), revealed: median(revealed[at] as number[]) }
          say(`  PostgreSQL: ${show(one.found)} values found/s, ${show(one.revealed)} revealed/s among ${show(size)}`)
          return one
        }) as [Rates, Rates]
        const large = opened[1] as (typeof opened)[number]
        const count = Number((await large.tokens.status()).tokens)
        for (const one of opened) await one.close()
        const ratio = at1M.found / at100k.found
        // An index grows by less than a level for ten times the rows: the next tenfold costs what this one did, at most.
        return {
          rows: [
            { label: 'new values, embedded', value: `${show(fresh)}/s`, target: '≥ 12,500', pass: fresh >= 12_500 },
            { label: 'known values, embedded', value: `${show(known)}/s`, target: '≥ 30,000', pass: known >= 30_000 },
            { label: 'look-ups at 1 M ÷ at 100 k rows', value: ratio.toFixed(2), target: '≥ 0.8', pass: ratio >= 0.8 },
            { label: 'reveals at 1 M ÷ at 100 k rows', value: (at1M.revealed / at100k.revealed).toFixed(2), target: '≥ 0.8', pass: at1M.revealed / at100k.revealed >= 0.8 },
            { label: `look-ups at ${show(expected)} rows, extrapolated`, value: `${show(at1M.found * Math.min(1, ratio))}/s`, target: '' },
            { label: 'rows that the planner counts', value: show(count), target: '' },
          ],
          facts: { newPerSecond: Math.round(fresh), knownPerSecond: Math.round(known), lookupRatio: Number(ratio.toFixed(3)), lookupsPerSecond: Math.round(at1M.found) },
        }
      } finally {
        await server.stop()
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

async function openTokens(dataDir: string, url?: string, cacheEntries?: number): Promise<{ readonly tokens: OpenTokens; close(): Promise<void> }> {
  const store = await openVaultStore({ url, dataDir, log: silentLog })
  const masterKey = await openFileMasterKey({ file: join(dataDir, 'master', 'key') })
  const envelope = await createEnvelope({ store, masterKey, log: silentLog })
  const opened = await createTokens({ store, envelope, log: silentLog, ...(cacheEntries === undefined ? {} : { cacheEntries }) })
  await opened.desk.domains.put('bench', { purposes: ['bench'] }, 'bench')
  await opened.desk.grants.add({ domain: 'bench', client: 'bench', purpose: 'bench' }, 'bench')
  return {
    tokens: opened,
    async close() {
      await opened.close()
      await store.close()
      await masterKey.close()
    },
  }
}

function drawnFrom(size: number): () => string {
  return () => `value ${Math.floor(Math.random() * size)}`
}

function batches<T>(make: (message: number) => T): T[] {
  return Array.from({ length: messagesAtOnce }, (_, message) => make(message))
}

function toAsks(count: number, value: (index: number) => string): (VaultAsk & { do: 'tokenize' })[] {
  return Array.from({ length: count }, (_, index) => ({ do: 'tokenize', domain: 'bench', mode: 'deterministic', value: value(index) }))
}

/** Values a second, in messages of fifty, forty at once; all of them are tokenized once before. */
async function perSecond(seconds: number, { ask }: OpenTokens, value: () => string): Promise<number> {
  await Promise.all(batches(() => ask(toAsks(fields, value))))
  const start = performance.now()
  let done = 0
  const one = async () => {
    while (performance.now() - start < seconds * 1000) {
      const answers = await ask(toAsks(fields, value))
      if (answers.some((answer) => !('token' in answer))) throw new Error('the vault gave no token')
      done += fields
      // As a request would: others have their turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(batches(one))
  return (done / (performance.now() - start)) * 1000
}

async function revealsPerSecond(seconds: number, { ask }: OpenTokens, value: () => string): Promise<number> {
  const viewer = { client: 'bench', clearance: undefined, purpose: 'bench', run: 'run', flow: 'flow', node: 'node' }
  const lists = await Promise.all(batches(() => ask(toAsks(fields, value))))
  const asks = lists.map((list) => list.map((answer): VaultAsk & { do: 'reveal' } => ({ do: 'reveal', domain: 'bench', token: 'token' in answer ? answer.token : '', viewer })))
  const start = performance.now()
  let done = 0
  await Promise.all(
    asks.map(async (list) => {
      while (performance.now() - start < seconds * 1000) {
        if ((await ask(list)).some((answer) => !('value' in answer))) throw new Error('the vault revealed nothing')
        done += fields
      }
    }),
  )
  return (done / (performance.now() - start)) * 1000
}

function show(value: number): string {
  return Math.round(value).toLocaleString('en')
}
