import { failToStart, openChildChannel } from '../../runtime/cli/start/child-channel.ts'
import { sampleDocuments } from './documents.ts'
import { openSampleUpstream } from './service.ts'

/** The process that `start` runs beside the gateways: `main.ts PORT [LATENCY_MS]`. */
const channel = openChildChannel(0, true)
const [port = '0', latencyMs = '0'] = process.argv.slice(2)
try {
  const documents = sampleDocuments(new Date())
  const upstream = await openSampleUpstream({ documents, host: '127.0.0.1', port: Number(port), latencyMs: Number(latencyMs) })
  channel.tell({ say: 'ready', facts: { url: upstream.url } })
  await channel.stopAsked
  await upstream.close()
  process.exit(0)
} catch (thrown) {
  await failToStart(channel, thrown)
}
