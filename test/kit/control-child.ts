import { createServer } from 'node:http'
import { flushCompileCache } from 'node:module'
import type { AddressInfo } from 'node:net'
import { openControl } from '../../control/open-control.ts'
import { definitions } from '../../nodes/index.ts'
import { notYet } from '../../nodes/not-yet.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'

// Run by `forkControl`: a control plane that gateways reach over HTTP and its parent by messages.
const [dataDir = '', databaseUrl = '', port = '0'] = process.argv.slice(2)
const write = (level: string) => (facts: object, text: string) => void process.stdout.write(`${JSON.stringify({ level, ...facts, text })}\n`)
const log: Log = { debug: () => {}, info: write('info'), warn: write('warn'), error: write('error') }
const control = await openControl({ dataDir, databaseUrl: databaseUrl || undefined, definitions, notYet, log, clock: systemClock, adminPassword: 'of a test only', passwordCost: { n: 1024 } })
const server = createServer((request, response) => {
  control.syncHandler(request, response).then(
    (ours) => ours || response.writeHead(404).end(),
    () => response.destroy(),
  )
})
server.listen(Number(port), '127.0.0.1', () => process.send?.({ ready: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }))
flushCompileCache() // it is killed rather than ended
process.on('disconnect', () => process.exit(0))
process.on('message', (message: { id: number; path: string; args: unknown[] }) => {
  const names = message.path.split('.')
  const holder = names.slice(0, -1).reduce<any>((value, name) => value[name], control)
  Promise.resolve()
    .then(() => holder[names.at(-1) as string](...message.args))
    .then(
      (result: unknown) => process.send?.({ id: message.id, result }),
      (thrown: Error) => process.send?.({ id: message.id, error: thrown.message }),
    )
})
