import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chain } from './flows.ts'
import { ours } from './ours.ts'
import { loadOnce, warmUp } from './rounds.ts'
import type { Row, Scenario } from './scenario.ts'

const leastPairs = 30
const connections = 32
const percent = 1
/** What a request may cost more. */
const mostCost = 0.03

/** What tracing one run in a hundred costs a request: pairs of rounds, one gateway after the other, the order changing each time. */
export const trace: Scenario = {
  name: 'trace',
  async run({ seconds, rounds, say }) {
    const collector = await openCollector()
    const load = { paths: ['/chain?name=taipei'], connections }
    const nodes = chain().nodes()
    const plain = await ours(nodes).start()
    const traced = await ours(nodes, { SLUICE_TRACE_SAMPLE: String(percent), SLUICE_OTLP_URL: collector.url }).start()
    try {
      for (const server of [plain, traced]) await warmUp(server, load, { seconds: 1, rounds: 1, saturation: 0.9, mostConnections: connections })
      const pairs = Math.max(leastPairs, rounds)
      const roundSeconds = Math.max(1, Math.min(2, seconds))
      const logs: number[] = []
      let bad = 0
      // A pair in which one of them had no turn at all says nothing.
      for (let pair = 0; logs.length < pairs && pair < 2 * pairs; pair++) {
        const cost = new Map<object, number>()
        for (const server of pair % 2 === 0 ? [plain, traced] : [traced, plain]) {
          const round = await loadOnce(server, load, roundSeconds)
          cost.set(server, round.cpuUs)
          bad += round.bad
        }
        const ratio = (cost.get(traced) as number) / (cost.get(plain) as number)
        if (ratio > 0 && Number.isFinite(ratio)) logs.push(Math.log(ratio))
      }
      const { mean, half } = interval(logs)
      const [cost, low, high] = [mean, mean - half, mean + half].map((one) => Math.expm1(one)) as [number, number, number]
      const shown = (value: number) => `${value >= 0 ? '+' : '−'}${Math.abs(value * 100).toFixed(1)} %`
      say(`  ${logs.length} pairs of ${roundSeconds} s: ${shown(cost)} CPU a request, 95 % between ${shown(low)} and ${shown(high)}; ${collector.spans()} spans arrived`)
      const row: Row = {
        label: `tracing at ${percent} %, with a collector`, value: `${shown(cost)} (${shown(low)} … ${shown(high)})`, target: `≤ +${mostCost * 100} %`, pass: cost <= mostCost,
        ...(logs.length < pairs ? { doubt: 'too few rounds were served' } : bad > 0 ? { doubt: `${bad} bad answers` } : collector.spans() === 0 ? { doubt: 'no span arrived' } : low <= mostCost && high > mostCost ? { doubt: 'the machine is too busy to tell' } : {}),
      }
      return { rows: [row], facts: { trace: { pairs: logs.length, cost: round4(cost), low: round4(low), high: round4(high) } } }
    } finally {
      await plain.stop()
      await traced.stop()
      collector.close()
    }
  },
}

/** Mean and half of its 95 % confidence interval; with 30 pairs and more Student's t is close to 2.04. */
function interval(values: readonly number[]): { readonly mean: number; readonly half: number } {
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length
  const variance = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (values.length - 1)
  return { mean, half: 2.05 * Math.sqrt(variance / values.length) }
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
