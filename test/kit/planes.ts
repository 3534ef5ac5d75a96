import { createServer, type Server } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openControl, type ControlOptions, type OpenControl } from '../../control/open-control.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import { openSync, type Sync, type SyncOptions } from '../../runtime/sync/open-sync.ts'
import { createRecordingDeployer, type RecordingDeployer } from './recording-deployer.ts'

export interface TestGateway {
  readonly sync: Sync
  readonly deployer: RecordingDeployer
  readonly folder: string
}

/** A control plane behind real HTTP and any number of gateways that run nothing. Whatever it starts, `close` stops. */
export async function openPlanes(options: Partial<ControlOptions> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'sluice-planes-'))
  const lines: string[] = []
  const log = recordingLog(lines)
  const dataDir = options.dataDir ?? join(root, 'control')
  let control: OpenControl
  let server: Server
  let port = 0
  /** Stands between control and the gateways: may change or swallow an answer. */
  let intercept: ((path: string, body: string) => string | undefined) | undefined
  const gateways: TestGateway[] = []

  async function start(again: Partial<ControlOptions> = {}): Promise<void> {
    control = await openControl({
      dataDir,
      definitions: [],
      log,
      clock: systemClock,
      adminPassword: 'correct horse',
      passwordCost: { n: 1024 },
      limits: { silenceMs: 400, heartbeatMs: 100, commandMs: 500 },
      ...options,
      ...again,
    })
    server = createServer((request, response) => {
      const write = response.write.bind(response) as (chunk: unknown) => boolean
      const end = response.end.bind(response) as (chunk?: unknown) => typeof response
      const writeHead = response.writeHead.bind(response) as (status: number, headers: Record<string, string>) => typeof response
      const change = (chunk: unknown) => (typeof chunk === 'string' ? (intercept?.(request.url ?? '', chunk) ?? chunk) : chunk)
      response.write = ((chunk: unknown) => write(change(chunk))) as typeof response.write
      response.end = ((chunk?: unknown) => end(change(chunk))) as typeof response.end
      response.writeHead = ((status: number, { 'content-length': _length, ...headers }: Record<string, string> = {}) =>
        writeHead(status, headers)) as typeof response.writeHead
      void control.syncHandler(request, response).then((ours) => ours || response.writeHead(404).end())
    })
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  }

  async function stop(): Promise<void> {
    await control.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  async function gateway(settings: Partial<SyncOptions> & { deployer?: RecordingDeployer } = {}): Promise<TestGateway> {
    const deployer = settings.deployer ?? createRecordingDeployer()
    const folder = settings.folder ?? join(root, `gateway-${gateways.length}`)
    const token = settings.token ?? (settings.folder ? undefined : (await control.gateways.createJoinToken('admin')).token)
    const sync = openSync({
      controlUrl: `http://127.0.0.1:${port}`,
      name: `gateway ${gateways.length}`,
      version: '0.0.0',
      log,
      clock: systemClock,
      limits: { firstRetryMs: 20, longestRetryMs: 100 },
      ...settings,
      token,
      folder,
      deployer,
    })
    await sync.start()
    const opened = { sync, deployer, folder }
    gateways.push(opened)
    return opened
  }

  await start()
  return {
    root,
    dataDir,
    lines,
    get control() {
      return control
    },
    get url() {
      return `http://127.0.0.1:${port}`
    },
    set intercept(change: ((path: string, body: string) => string | undefined) | undefined) {
      intercept = change
    },
    gateway,
    start,
    stop,
    /** A gateway that has connected. */
    async connected(settings: Partial<SyncOptions> & { deployer?: RecordingDeployer } = {}): Promise<TestGateway> {
      const opened = await gateway(settings)
      await until(async () => (await control.gateways.list()).some(({ id, connected }) => connected && id === opened.sync.state().gatewayId))
      return opened
    },
    async close(): Promise<void> {
      for (const { sync } of gateways) await sync.close()
      await stop().catch(() => {})
      await rm(root, { recursive: true, force: true })
    },
  }
}

export type Planes = Awaited<ReturnType<typeof openPlanes>>

/** Resolves as soon as it is so. A test that waits for ever is ended by its own limit. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5))
}

function recordingLog(lines: string[]): Log {
  const add = (level: string) => (facts: object, text: string) => void lines.push(`${level} ${JSON.stringify(facts)} ${text}`)
  return { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') }
}
