import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chain } from './flows.ts'
import { ours } from './ours.ts'
import { loadOnce, median, percentile, warmUp } from './rounds.ts'
import type { Row, Scenario } from './scenario.ts'

/** Pairs of fresh processes, and of rounds with each: no two processes run alike, though they run the same. */
const blocks = 9
const pairsEach = 4
const connections = 32
const percent = 1
/** What a request may cost more. */
const mostCost = 0.03

/**
 * What tracing one run in a hundred costs a request. Processes of the same program differ by some per cent for as long as they live, so both are
 * started anew again and again: a block is one pair of processes, asked by turns, and counts as one figure;
 * what is said is their median.
 */
export const trace: Scenario = {
  name: 'trace',
  async run({ seconds, rounds, say }) {
    const collector = await openCollector()
    const wanted = Math.max(blocks, rounds)
    const costs: number[] = []
    let bad = 0
    try {
      // A block in which one of them had no turn at all says nothing.
      for (let block = 0; costs.length < wanted && block < 2 * wanted; block++) {
        const measured = await measureBlock(collector.url, block % 2 === 1, Math.max(1, Math.min(2, seconds)))
        bad += measured.bad
        if (measured.ratio > 0 && Number.isFinite(measured.ratio)) costs.push(measured.ratio - 1)
      }
    } finally {
      collector.close()
    }
    const [low, cost, high] = [25, 50, 75].map((share) => percentile(costs, share)) as [number, number, number]
    const shown = (value: number) => `${value >= 0 ? '+' : '−'}${Math.abs(value * 100).toFixed(1)} %`
    say(`  ${costs.length} pairs of processes (${costs.map(shown).join(', ')}): ${shown(cost)} CPU a request, the middle half between ${shown(low)} and ${shown(high)}; ${collector.spans()} spans arrived`)
    const row: Row = {
      label: `tracing at ${percent} %, with a collector`, value: `${shown(cost)} (${shown(low)} … ${shown(high)})`, target: `≤ +${mostCost * 100} %`, pass: cost <= mostCost,
      ...(costs.length < wanted ? { doubt: 'too few rounds were served' } : bad > 0 ? { doubt: `${bad} bad answers` } : collector.spans() === 0 ? { doubt: 'no span arrived' } : low <= mostCost && high > mostCost ? { doubt: 'the machine is too busy to tell' } : {}),
    }
    return { rows: [row], facts: { trace: { blocks: costs.length, cost: round4(cost), low: round4(low), high: round4(high) } } }
  },
}

/** Median of the ratios of rounds that follow one another, traced ÷ plain, of two processes that were just started. */
async function measureBlock(collectorUrl: string, tracedFirst: boolean, seconds: number): Promise<{ readonly ratio: number; readonly bad: number }> {
  const load = { paths: ['/chain?name=taipei'], connections }
  const nodes = chain().nodes()
  const startPlain = () => ours(nodes).start()
  const startTraced = () => ours(nodes, { SLUICE_TRACE_SAMPLE: String(percent), SLUICE_OTLP_URL: collectorUrl }).start()
  const first = await (tracedFirst ? startTraced : startPlain)()
  const second = await (tracedFirst ? startPlain : startTraced)()
  const [plain, traced] = tracedFirst ? [second, first] : [first, second]
  try {
    for (const server of [plain, traced]) await warmUp(server, load, { seconds: 2, rounds: 1, saturation: 0.9, mostConnections: connections })
    const ratios: number[] = []
    let bad = 0
    for (let pair = 0; pair < pairsEach; pair++) {
      const cost = new Map<object, number>()
      for (const server of pair % 2 === 0 ? [plain, traced] : [traced, plain]) {
        const round = await loadOnce(server, load, seconds)
        cost.set(server, round.cpuUs)
        bad += round.bad
      }
      ratios.push((cost.get(traced) as number) / (cost.get(plain) as number))
    }
    return { ratio: median(ratios), bad }
  } finally {
    await plain.stop()
    await traced.stop()
  }
}

const round4 = (value: number) => Math.round(value * 10_000) / 10_000

/** Takes spans as a collector does, and counts them. */
async function openCollector() {
  let spans = 0
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
      spans += Buffer.concat(parts).toString().split('"spanId"').length - 1
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans: () => spans, close: () => void server.close() }
}
