import { parseArgs } from 'node:util'
import { soak } from './soak.ts'

/** `npm run soak [-- --minutes N]`: half an hour of callers, a deploy a minute, a flapping upstream; fails when something grew or was mixed up. */
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } })
const result = await soak({ seconds: Number(values.minutes) * 60, deployEveryMs: 60_000, say: (line) => console.log(line) })
console.log(JSON.stringify(result))
const { mixed, lost, early, late } = result
process.exitCode = mixed > 0 || lost.length > 0 || late.heldMb > early.heldMb * 1.2 + 20 || late.files > early.files + 20 ? 1 : 0
// The channel to start.mjs would keep this process alive.
if (process.connected) process.disconnect()
