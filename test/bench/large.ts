import { request } from 'node:http'
import { join } from 'node:path'
import { startEstateWith } from '../kit/estate.ts'
import { flow } from '../kit/flow-builder.ts'
import { startChild } from './child.ts'
import { loadCore, residentMb, serverCore } from './machine.ts'
import { pin } from './ours.ts'
import type { Scenario } from './scenario.ts'

const megabytes = 64
const atOnce = 100
const growthLimitMb = 150

/** How much a gateway grows while a hundred large answers pass through it at once. */
export const large: Scenario = {
  name: 'large',
  async run({ say }) {
    const upstream = startChild(process.execPath, [join(import.meta.dirname, 'hand', 'large.mjs'), String(megabytes)], { core: loadCore })
    try {
      const host = `127.0.0.1:${await upstream.line((line) => (line.startsWith('port ') ? Number(line.slice(5)) : undefined))}`
      const nodes = flow('large').httpIn('GET', '/large').node('pass through', { url: `http://${host}/` }, 0).nodes()
      const estate = await startEstateWith(nodes, { env: { SLUICE_EGRESS_ALLOW: host } })
      try {
        const [gateway = 0] = estate.pids.gateways
        await pin(gateway, serverCore)
        await read(estate.gatewayPort)
        const before = residentMb(gateway)
        let most = before
        const timer = setInterval(() => (most = Math.max(most, residentMb(gateway))), 50)
        const began = performance.now()
        const sizes = await Promise.all(Array.from({ length: atOnce }, () => read(estate.gatewayPort)))
        clearInterval(timer)
        const seconds = (performance.now() - began) / 1000
        const whole = sizes.filter((size) => size === megabytes * 1024 * 1024).length
        const grownMb = Math.round(most - before)
        say(`  ${whole} of ${atOnce} answers of ${megabytes} MB whole, ${Math.round((atOnce * megabytes) / seconds)} MB/s; from ${Math.round(before)} to ${Math.round(most)} MB`)
        return {
          rows: [{ label: `${megabytes} MB pass through, ${atOnce} at once`, value: `${grownMb} MB more`, target: `≤ ${growthLimitMb} MB`, pass: grownMb <= growthLimitMb && whole === atOnce }],
          facts: { largeMb: grownMb },
        }
      } finally {
        await estate.stop()
      }
    } finally {
      await upstream.stop()
    }
  },
}

/** Reads an answer to its end; gives its bytes. */
function read(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path: '/large', agent: false }, (reply) => {
      let bytes = 0
      reply.on('data', (chunk: Buffer) => (bytes += chunk.length))
      reply.on('end', () => resolve(bytes))
      reply.on('error', reject)
    }).on('error', reject).end()
  })
}
