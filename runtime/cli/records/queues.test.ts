import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { openControl, type OpenControl } from '../../../control/open-control.ts'
import { createQueues } from '../../../control/queues/open-queues.ts'
import { toAccess } from '../../../control/consumers/rights.ts'
import { createPortal } from '../../../portal/portal.ts'
import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/log.ts'
import type { GatewayCommand } from '../../core/deployer.ts'
import { runCommandLine } from '../command-line.ts'

const counts = (at: number, count: number) => Array.from({ length: 10 }, (_, place) => (place === at ? count : 0))
const report = { name: 'host', scope: 'gateway', slots: 20, paused: false, waiting: counts(9, 4), active: counts(5, 20), longestWaitMs: 1500, serviceMs: 50, expectedMs: counts(9, 1700) }
const asked: GatewayCommand[] = []
let folder: string
let control: OpenControl
let server: Server
let url: string
let out: string
let err: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-cli-queues-'))
  control = await openControl({ dataDir: folder, definitions: [], log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 } })
  const queues = createQueues({
    audit: { add: async () => {} }, access: async (by) => toAccess(by, []),
    command: async (command) => (asked.push(command), [{ gateway: 'g1', result: command.do === 'lines.list' ? [report] : true }]),
  })
  const portal = createPortal({ control: { ...control, queues }, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.9', editorPath: '/editor/', gatewayUrls: () => [], samples: [] })
  server = createServer((request, response) => void portal.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await control.users.create({ name: 'olga', role: 'operator' }, 'admin')
  await control.users.create({ name: 'vera', role: 'viewer' }, 'admin')
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await control.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  vi.spyOn(process.stdout, 'write').mockImplementation(((text: string | Uint8Array) => ((out += String(text)), true)) as never)
  vi.spyOn(process.stderr, 'write').mockImplementation(((text: string | Uint8Array) => ((err += String(text)), true)) as never)
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

async function sluice(user: string, ...words: string[]): Promise<number> {
  vi.stubEnv('SLUICE_TOKEN', (await control.users.issueToken(user, 'cli', 60_000)).token)
  out = err = ''
  return runCommandLine([...words, '--url', url])
}

test('an operator sees who waits, pauses, resumes, drains, and moves those that wait', async () => {
  expect([await sluice('olga', 'queues', 'list'), out]).toEqual([0, expect.stringMatching(/host +gateway +running +20 +4 +0 0 0 0 0 0 0 0 0 4 +1\.5 s/)])
  expect([await sluice('olga', 'queues', 'show', 'host'), out]).toEqual([0, expect.stringMatching(/g1 +20\/20[\s\S]*9: 1\.7 s/)])
  expect([await sluice('olga', 'queues', 'list', '--json'), JSON.parse(out)]).toMatchObject([0, { queues: [{ name: 'host', waiting: counts(9, 4) }] }])
  asked.length = 0
  for (const act of ['pause', 'resume', 'drain']) expect(await sluice('olga', 'queues', act, 'host')).toBe(0)
  expect(await sluice('olga', 'queues', 'move', 'host', '--from', '9', '--to', '5')).toBe(0)
  expect(asked.filter((one) => one.do === 'lines.act').map((one) => (one as { act: object }).act)).toEqual([{ act: 'pause' }, { act: 'resume' }, { act: 'drain' }, { act: 'move', from: 9, to: 5 }])
})

test('nobody else does, and what cannot be is said', async () => {
  expect([await sluice('vera', 'queues', 'list') > 0, err]).toEqual([true, expect.stringContaining('operators')])
  expect([await sluice('olga', 'queues', 'pause', 'nowhere') > 0, err]).toEqual([true, expect.stringContaining('No gateway')])
  expect([await sluice('olga', 'queues', 'move', 'host', '--from', '10', '--to', '5') > 0, err]).toEqual([true, expect.stringContaining('0, the most important, to 9')])
})
