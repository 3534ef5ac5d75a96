import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConsumerRow } from '../../control/store/schema.ts'
import { openStore } from '../../control/store/store.ts'
import { ConsumerClient } from '../kit/consumer-client.ts'
import { startEstate, type Estate } from '../kit/estate.ts'
import { flow } from '../kit/flow-builder.ts'
import type { Contestant } from './contestant.ts'
import { loadCore, serverCore } from './machine.ts'
import { pin } from './ours.ts'
import { measure, median, type Measured } from './rounds.ts'
import type { Row } from './scenario.ts'

const path = '/known'
const few = 100
const many = 100_000
/** Callers that ask in turn, spread over all there are. */
const askers = 5_000
const rowsAtOnce = 500
const changes = 5
const organisation = 'everybody'
const keyOf = (n: number) => `bench${n}.secret-of-${n}`
const known = flow('known').httpIn('GET', path).node('auth', { methods: [{ kind: 'key header', name: 'authorization' }] }, 2).httpResponse().nodes()

/** What it costs a gateway to know a hundred thousand callers: memory, the time of a look-up, and how late it hears of a change. */
export async function manyCallers(options: { readonly seconds: number; readonly rounds: number; say(line: string): void }): Promise<{ readonly rows: readonly Row[]; readonly facts: Readonly<Record<string, number>> }> {
  const folders: string[] = []
  const memory = new Map<string, number>()
  let lateMs = Number.NaN
  const contestant = (name: string, count: number): Contestant => ({
    name,
    async start() {
      const dataDir = mkdtempSync(join(tmpdir(), 'sluice-callers-'))
      folders.push(dataDir)
      await fill(dataDir, count)
      const estate = await startEstate({ dataDir })
      await estate.admin.deploy(known)
      const [pid = 0] = estate.pids.gateways
      await pin(pid, serverCore)
      await pin(estate.pids.control, loadCore)
      const authorizations = Array.from({ length: Math.min(count, askers) }, (_, n) => keyOf(n * Math.max(1, Math.floor(count / askers))))
      await answers(estate, authorizations.at(-1) as string, 200)
      memory.set(name, await settledMb(pid))
      if (count === many) lateMs = await hearing(estate, options.say)
      return { port: estate.gatewayPort, pid, load: { authorizations: authorizations.slice(changes * 2) }, stop: async () => void (await estate.stop()) }
    },
  })
  try {
    options.say(`  records of ${many.toLocaleString('en')} callers`)
    const measured = await measure([contestant('few', few), contestant('many', many)], { paths: [path], connections: 32 }, { ...options, saturation: 0.95, mostConnections: 128 })
    const [one, other] = [measured['few'] as Measured, measured['many'] as Measured]
    const ratio = other.cpuUs / one.cpuUs
    const moreMb = Math.round((memory.get('many') as number) - (memory.get('few') as number))
    options.say(`  ${one.cpuUs.toFixed(1)} µs a request with ${few}, ${other.cpuUs.toFixed(1)} µs with ${many.toLocaleString('en')}`)
    const doubt = one.bad + other.bad > 0 ? { doubt: `${one.bad + other.bad} bad answers` } : {}
    return {
      rows: [
        { label: `memory of ${many.toLocaleString('en')} callers in a gateway`, value: `${moreMb} MB`, target: '≤ 150 MB', pass: moreMb <= 150 },
        { label: `a request, ${many.toLocaleString('en')} callers ÷ ${few}`, value: ratio.toFixed(2), target: '≤ 1.25', pass: ratio <= 1.25, ...doubt },
        { label: 'a revoked key is refused after', value: `${Math.round(lateMs)} ms`, target: '< 1,000 ms', pass: lateMs < 1000 },
      ],
      facts: { callersMb: moreMb, lookUpRatio: Math.round(ratio * 100) / 100, changeMs: Math.round(lateMs) },
    }
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  }
}

/** Writes the records where control finds them: through its API a hundred thousand of them would take longer than the rest of the bench. */
async function fill(dataDir: string, count: number): Promise<void> {
  const store = await openStore({ dataDir })
  const at = new Date().toISOString()
  const row = (kind: string, id: string, more: Partial<ConsumerRow>): ConsumerRow => ({
    kind, id, organisation, provider: null, parent: null, owner: 'admin', target: null, plan: null, lookup: null, search: id, state: 'active', version: 1, body: '{}', secret: null,
    created_at: at, created_by: 'bench', updated_at: at, updated_by: 'bench', retired_at: null, ...more,
  })
  const rows = [row('organisations', organisation, { body: JSON.stringify({ name: organisation, active: true, fourEyes: false }) })]
  for (let n = 0; n < count; n += 1) {
    const [prefix, secret] = keyOf(n).split('.') as [string, string]
    const application = `app-${n}`
    rows.push(
      row('applications', application, { body: JSON.stringify({ name: `Application ${n}`, organisation, owner: 'admin', active: true, rules: { attributes: { branch: String(n % 1000) } } }) }),
      row('credentials', `cred-${n}`, {
        parent: application, lookup: `key ${prefix}`, secret: createHash('sha256').update(secret).digest('base64url'),
        body: JSON.stringify({ kind: 'key', application, organisation, environment: 'production', active: true, name: prefix }),
      }),
    )
  }
  for (let start = 0; start < rows.length; start += rowsAtOnce) await store.database.insertInto('consumer_records').values(rows.slice(start, start + rowsAtOnce)).execute()
  await store.close()
}

/** Resident memory once what it took to take the records in is given back, or half a minute has passed. */
async function settledMb(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let same = 0, look = 0; same < 5 && look < 30; look++) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const now = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
    same = now > least - 1 ? same + 1 : 0
    least = Math.min(least, now)
  }
  return least
}

/** From the moment the admin API is asked to revoke a key until the gateway refuses it: the median of some. */
async function hearing(estate: Estate, say: (line: string) => void): Promise<number> {
  const client = await ConsumerClient.signIn(estate)
  const took: number[] = []
  for (let n = 0; n < changes; n += 1) {
    const start = performance.now()
    const revoked = client.request('DELETE', `/credentials/cred-${n}`)
    await answers(estate, keyOf(n), 401)
    took.push(performance.now() - start)
    await revoked
  }
  say(`  revoked keys were refused after ${took.map((ms) => Math.round(ms)).join(', ')} ms`)
  return median(took)
}

async function answers(estate: Estate, authorization: string, wanted: number): Promise<void> {
  const until = Date.now() + 60_000
  for (;;) {
    const { status } = await fetch(`http://127.0.0.1:${estate.gatewayPort}${path}`, { headers: { authorization } })
    if (status === wanted) return
    if (Date.now() > until) throw new Error(`the gateway answers ${status} instead of ${wanted}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
