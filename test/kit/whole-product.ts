import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor } from '../../control/contract.ts'
import { openControl, type ControlOptions, type OpenControl } from '../../control/open-control.ts'
import { definitions } from '../../nodes/index.ts'
import { notYet } from '../../nodes/not-yet.ts'
import { createPortal } from '../../portal/portal.ts'
import { createCaseRunner } from '../../runtime/cli/case-runner.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createGateway, type Gateway } from '../../runtime/gateway.ts'
import { loadSettings } from '../../runtime/settings.ts'
import { openSync, type Sync } from '../../runtime/sync/open-sync.ts'
import { openLog } from '../../runtime/telemetry/log.ts'
import { until } from './planes.ts'

export const admin: Actor = { name: 'admin', role: 'admin', from: 'test' }

/** Control with its pages, and one gateway that joined it, in this process and talking over HTTP. `close` ends it all. */
export async function openWhole(options: Partial<ControlOptions> = {}, env: Readonly<Record<string, string>> = {}) {
  const root = mkdtempSync(join(tmpdir(), 'sluice-whole-'))
  let control: OpenControl
  let server: Server
  let port = 0

  async function start(): Promise<void> {
    control = await openControl({
      dataDir: join(root, 'control'), definitions, notYet, log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 }, limits: { heartbeatMs: 100, commandMs: 1000 }, ...options,
    })
    const portal = createPortal({ control, definitions: [], notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.9', editorPath: '/editor/', gatewayUrls: () => [], samples: [] })
    server = createServer((request, response) => {
      void control.syncHandler(request, response).then(async (ours) => ours || (await portal.handle(request, response), true))
    })
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  }

  async function stop(): Promise<void> {
    await control.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  await start()
  const settings = loadSettings({ env: { SLUICE_HOST: '127.0.0.1', SLUICE_GATEWAY_PORT: '0', SLUICE_OPS_PORT: '0', SLUICE_DATA_DIR: root, ...env }, cwd: root })
  let printed = ''
  const log = openLog({ level: 'info', format: 'json', write: (text) => (printed += text) })
  const gateway: Gateway = await createGateway(settings, { definitions, notYet, log, folder: join(root, 'gateway'), cases: createCaseRunner(settings, join(root, 'gateway', 'cases')) })
  const { url } = await gateway.start()
  const { token } = await control!.gateways.createJoinToken('admin')
  const sync: Sync = openSync({
    controlUrl: `http://127.0.0.1:${port}`, token, folder: join(root, 'gateway'), name: 'one', version: '0.0.0', log: silentLog, clock: systemClock,
    deployer: gateway.deployer, clients: gateway.clients, decisions: gateway.decisions.queue, records: gateway.ledger.queue, limits: { firstRetryMs: 20, longestRetryMs: 100 },
  })
  await sync.start()
  await until(() => sync.state().connection !== 'away')

  return {
    get control() {
      return control
    },
    gateway, sync, start, stop,
    /** Where all of it keeps its data. */
    root,
    /** Of the APIs, without a slash at its end. */
    url: url.replace(/\/$/, ''),
    get controlUrl() {
      return `http://127.0.0.1:${port}`
    },
    /** What the gateway has written to its log. */
    printed() {
      log.flush()
      return printed
    },
    async deploy(nodes: readonly EditorNode[]): Promise<void> {
      await control.flows.deploy({ nodes, user: 'admin' })
    },
    /** Resolves when the gateway knows the records as control has them. */
    async inStep(): Promise<void> {
      await until(() => gateway.clients.version === control.consumers.snapshot().version)
    },
    async close(): Promise<void> {
      await sync.close()
      await gateway.close()
      await stop().catch(() => {})
      rmSync(root, { recursive: true, force: true })
    },
  }
}

export type Whole = Awaited<ReturnType<typeof openWhole>>
