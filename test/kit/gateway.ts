import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { definitions } from '../../nodes/index.ts'
import { notYet } from '../../nodes/not-yet.ts'
import { createCaseRunner } from '../../runtime/cli/case-runner.ts'
import { toRevisions } from '../../runtime/compile/check.ts'
import { sha256 } from '../../runtime/compile/hash.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { GatewayEvent, PrepareResult } from '../../runtime/core/deployer.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { freezeDeep } from '../../runtime/core/values/freeze.ts'
import type { Credentials, Release } from '../../runtime/core/release.ts'
import { createGateway, type Gateway } from '../../runtime/gateway.ts'
import { loadSettings } from '../../runtime/settings.ts'
import { openLog } from '../../runtime/telemetry/log.ts'

export interface TestGatewayOptions {
  /** Flow JSON that is live when `startGateway` resolves. */
  readonly nodes?: readonly EditorNode[]
  /** Settings as the environment gives them: `SLUICE_DEADLINE_MS`. */
  readonly settings?: Readonly<Record<string, string>>
  readonly credentials?: Credentials
  /** It runs cases and replays, as a gateway process does. */
  readonly cases?: boolean
  /** Time, when a test holds it. */
  readonly clock?: Clock
  /** An existing folder for what the gateway keeps; it stays at the end. */
  readonly folder?: string
}

/** A whole gateway in this process, on free ports of loopback, with every message frozen. */
export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway
  readonly url: string
  readonly opsUrl: string
  readonly port: number
  /** What it told the editor. */
  readonly events: readonly GatewayEvent[]
  /** Log lines so far, parsed. */
  lines(): readonly Record<string, unknown>[]
  /** Prepares and, when that went well, puts live. */
  deploy(nodes: readonly EditorNode[], credentials?: Credentials): Promise<PrepareResult>
  close(): Promise<void>
}

/**
 * Starts a gateway from flow JSON. `await using` or `close` ends it.
 * @throws Error when the given nodes are refused
 */
export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'sluice-gateway-'))
  const settings = loadSettings({ env: { SLUICE_HOST: '127.0.0.1', SLUICE_GATEWAY_PORT: '0', SLUICE_OPS_PORT: '0', SLUICE_DATA_DIR: folder, ...options.settings }, cwd: folder })
  const events: GatewayEvent[] = []
  let printed = ''
  const log = openLog({ level: 'info', format: 'json', write: (text) => (printed += text) })
  const gateway = await createGateway(settings, { definitions, notYet, log, folder, ...(options.clock ? { clock: options.clock } : {}), ...(options.cases ? { cases: createCaseRunner(settings, join(folder, 'cases')) } : {}), freeze: freezeDeep, publish: (event) => void events.push(event) })
  let count = 0

  async function deploy(nodes: readonly EditorNode[], credentials: Credentials = {}): Promise<PrepareResult> {
    const result = await gateway.deployer.prepare(toRelease(++count, nodes, credentials))
    if (result.ok) gateway.deployer.commit(result.prepared)
    return result
  }

  async function close(): Promise<void> {
    await gateway.close()
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
  }

  try {
    if (options.nodes) {
      const result = await deploy(options.nodes, options.credentials)
      if (!result.ok) throw new Error(`the flows were refused: ${result.problems.map((problem) => `${problem.node ?? problem.flow}: ${problem.message}`).join(' ')}`)
    }
    const { url, opsUrl } = await gateway.start()
    return {
      gateway, url, opsUrl, events, deploy, close,
      port: Number(new URL(url).port),
      lines() {
        log.flush()
        return printed.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>)
      },
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Flow JSON as a release, without signature or store. */
export function toRelease(id: number, nodes: readonly EditorNode[], credentials: Credentials = {}): Release {
  const revisions = toRevisions(nodes)
  const flows = revisions.map(({ hash, document }) => ({ id: document.id, revision: hash }))
  return { manifest: { id, createdAt: new Date().toISOString(), flows, hash: sha256(JSON.stringify(flows)), credentialsHash: sha256(JSON.stringify(credentials)) }, revisions, credentials }
}
