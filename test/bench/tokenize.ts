import { ConsumerClient } from '../kit/consumer-client.ts'
import { startEstateWith, type Estate } from '../kit/estate.ts'
import { flow, type FlowBuilder } from '../kit/flow-builder.ts'
import { findTool } from '../kit/tools.ts'
import type { Contestant, Running } from './contestant.ts'
import { document20k } from './flows.ts'
import { pacedLatencies } from './h2load.ts'
import { loadCore, serverCore } from './machine.ts'
import { pin } from './ours.ts'
import { loadOnce, measure, median, percentile, warmUp, type Measured } from './rounds.ts'
import type { Row, Scenario } from './scenario.ts'
import type { Load } from './wrk.ts'

const people = 1000
const fields = 50
/** Values that messages draw from where the vault is to know them. */
const population = 20_000
const masked = 20
const domain = 'people'

/** What it costs to put tokens in place of values: one field, fifty of them that the vault knows or does not, and masking instead. */
export const tokenizeScenario: Scenario = {
  name: 'tokenize',
  async run({ seconds, rounds, say }) {
    if (!findTool('h2load')) throw new Error('The load generator h2load is missing. On Debian: sudo apt-get install -y nghttp2-client')
    const one = await oneField({ seconds, rounds, say })
    const known = await batch('known', { seconds, rounds, say })
    const fresh = await batch('new', { seconds, rounds, say })
    const maskRatio = await masking({ seconds, rounds, say })
    const atLeast = (label: string, value: number, least: number, unit: string): Row => ({ label, value: `${Math.round(value).toLocaleString('en')} ${unit}`, target: `≥ ${least.toLocaleString('en')}`, pass: value >= least })
    return {
      rows: [
        atLeast('tokenize: one field, deterministic', one.perSecond, 3000, 'req/s'),
        { label: 'p99 added by it at half load', value: `${one.addedP99Ms} ms`, target: '≤ 4 ms', pass: one.addedP99Ms <= 4 },
        atLeast(`tokenize: ${fields} fields, known values`, known, 600, 'messages/s'),
        atLeast(`tokenize: ${fields} fields, new values`, fresh, 250, 'messages/s'),
        { label: `mask of ${masked} fields in 20 KB ÷ without`, value: maskRatio.toFixed(2), target: '≥ 0.7', pass: maskRatio >= 0.7 },
      ],
      facts: { perSecond: Math.round(one.perSecond), batch50PerSecond: Math.round(known), batch50NewPerSecond: Math.round(fresh), addedP99Ms: one.addedP99Ms, maskRatio: Math.round(maskRatio * 100) / 100 },
    }
  },
}

interface Options {
  readonly seconds: number
  readonly rounds: number
  say(line: string): void
}

const tokenizing = (built: FlowBuilder, path: string) => built.node('tokenize', { domain, fields: [{ path, mode: 'deterministic' }] })

async function oneField({ seconds, rounds, say }: Options): Promise<{ readonly perSecond: number; readonly addedP99Ms: number }> {
  const load: Load = { paths: Array.from({ length: people }, (_, n) => `/token?id=A${100_000_000 + n}`), connections: 32 }
  const without = contestant('without', flow('plain').httpIn('GET', '/token').httpResponse())
  const tokens = contestant('tokenize', tokenizing(flow('token').httpIn('GET', '/token'), '$.id').httpResponse())
  const measured = await measure([without, tokens], load, { seconds, rounds, saturation: 0.95, mostConnections: 128 })
  for (const [name, { requestsPerSecond, cpuUs, bad }] of Object.entries(measured)) say(`  ${name.padEnd(9)} ${Math.round(requestsPerSecond).toLocaleString('en')} req/s  ${cpuUs.toFixed(1)} µs CPU each${bad > 0 ? `  ${bad} BAD` : ''}`)
  const { requestsPerSecond: perSecond } = measured['tokenize'] as Measured
  const addedP99Ms = await addedP99(without, tokens, load.paths[0] as string, perSecond / 2, { seconds, rounds })
  say(`  at half load it adds ${addedP99Ms} ms to the p99`)
  return { perSecond, addedP99Ms }
}

/** How much later the slowest hundredth is with the node than without, at the same pace. */
async function addedP99(without: Contestant, tokens: Contestant, path: string, perSecond: number, { seconds, rounds }: Pick<Options, 'seconds' | 'rounds'>): Promise<number> {
  const [plain, tokenized] = [await without.start(), await tokens.start()]
  try {
    const p99 = async (server: Running) => percentile(await pacedLatencies(server.port, path, {}, perSecond, seconds), 99)
    await p99(tokenized)
    const differences: number[] = []
    for (let round = 0; round < rounds; round++) differences.push(-(await p99(plain)) + (await p99(tokenized)))
    return Math.max(0, Math.round(median(differences) * 10) / 10)
  } finally {
    await plain.stop()
    await tokenized.stop()
  }
}

async function batch(kind: 'known' | 'new', { seconds, rounds, say }: Options): Promise<number> {
  const server = await contestant('batch', tokenizing(flow('batch').httpIn('POST', '/batch'), '$.values[*]').httpResponse()).start()
  try {
    const start = Date.now()
    const value = kind === 'known' ? `'"known ' .. math.random(${population}) .. '"'` : `'"new ${start} ' .. n .. ' ' .. i .. '"'`
    const load: Load = { method: 'POST', paths: ['/batch'], connections: 16, bodyOf: `(function() local all = {} for i = 1, ${fields} do all[i] = ${value} end return '{"values":[' .. table.concat(all, ',') .. ']}' end)()` }
    if (kind === 'known') await learn(server.port)
    await warmUp(server, load, { seconds, rounds, saturation: 0, mostConnections: 16 })
    const measured = []
    for (let round = 0; round < rounds; round++) measured.push(await loadOnce(server, load, seconds))
    const bad = measured.reduce((sum, one) => sum + one.bad, 0)
    const perSecond = median(measured.map(({ requestsPerSecond }) => requestsPerSecond))
    say(`  ${fields} ${kind.padEnd(6)} ${Math.round(perSecond).toLocaleString('en')} messages/s  ${median(measured.map(({ cpuUs }) => cpuUs)).toFixed(0)} µs CPU of the gateway each${bad > 0 ? `  ${bad} BAD` : ''}`)
    return bad > 0 ? 0 : perSecond
  } finally {
    await server.stop()
  }
}

/** Lets the vault know each value that the load will draw. */
async function learn(port: number): Promise<void> {
  for (let n = 0; n < population; n += 500) {
    const values = Array.from({ length: 500 }, (_, i) => `known ${n + i + 1}`)
    const reply = await fetch(`http://127.0.0.1:${port}/batch`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ values }) })
    if (!reply.ok) throw new Error(`the gateway answered ${reply.status}: ${await reply.text()}`)
  }
}

async function masking({ seconds, rounds, say }: Options): Promise<number> {
  const touched = () => flow('json').httpIn('POST', '/json').change({ t: 'set', p: 'payload.touched', pt: 'msg', to: 'true', tot: 'bool' })
  const rows = Array.from({ length: masked }, (_, n) => ({ by: 'path', field: `$.items[${n * 8}].name`, how: 'keep', first: 1, last: 2, pattern: '' }))
  const without = contestant('without', touched().httpResponse())
  const hiding = contestant('mask', touched().node('mask', { fields: rows }).httpResponse())
  const measured = await measure([without, hiding], { method: 'POST', paths: ['/json'], body: document20k(), connections: 32 }, { seconds, rounds, saturation: 0.95, mostConnections: 128 })
  const [plain, mask] = [measured['without'] as Measured, measured['mask'] as Measured]
  say(`  mask ${Math.round(mask.requestsPerSecond).toLocaleString('en')} ÷ ${Math.round(plain.requestsPerSecond).toLocaleString('en')} req/s${mask.bad > 0 ? `  ${mask.bad} BAD` : ''}`)
  return mask.bad > 0 ? 0 : mask.requestsPerSecond / plain.requestsPerSecond
}

/** A gateway with this flow; its vault, where it needs one, shares the other core with the load. */
function contestant(name: string, built: FlowBuilder): Contestant {
  return {
    name,
    async start() {
      const estate = await startEstateWith(built.nodes())
      try {
        const nodes = built.nodes()
        if (nodes.some(({ type }) => type === 'tokenize')) await prepareVault(estate)
        const [pid = 0] = estate.pids.gateways
        await pin(pid, serverCore)
        await pin(estate.pids.control, loadCore)
        return { port: estate.gatewayPort, pid, stop: async () => void (await estate.stop()) }
      } catch (error) {
        await estate.stop()
        throw error
      }
    },
  }
}

async function prepareVault(estate: Estate): Promise<void> {
  const client = await ConsumerClient.signIn(estate)
  await client.request('POST', '/vault/domains', { name: domain })
  const line = estate.output().split('\n').find((one) => one.includes('"process":"vault"') && one.includes('"pid"'))
  if (line === undefined) throw new Error(`the vault did not start:\n${estate.output()}`)
  await pin((JSON.parse(line) as { pid: number }).pid, loadCore)
}
