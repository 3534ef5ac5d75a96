import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { notYet } from '../../nodes/not-yet.ts'
import { loadOnDemand } from '../../nodes/on-demand.ts'
import { systemClock } from '../core/time/clock.ts'
import { createGateway, gatewayFolder } from '../gateway.ts'
import type { Settings } from '../settings.ts'
import { openSync, type Sync } from '../sync/open-sync.ts'
import { openLog } from '../telemetry/log.ts'
import { createCaseRunner } from './case-runner.ts'
import { forbidDumps } from './forbid-dumps.ts'
import { CommandFailed, exitCodes } from './outcome.ts'
import { projectVersion } from './project-version.ts'
import { createAskForVault } from './start/ask-for-vault.ts'
import { failToStart, openChildChannel, type ChildChannel } from './start/child-channel.ts'
import { formatOf } from './start/log-format.ts'
import { watchProcess } from './watch-process.ts'

export interface RunGateway {
  readonly supervised?: boolean
  /** Nobody beside it can give it a join token, and it is ready when it listens. */
  readonly alone?: boolean
  /** Which of several processes of this machine it is; each has a folder of its own. */
  readonly number?: number
  /** Several processes listen on the same port. */
  readonly sharedPort?: boolean
  /** Control is known to have a release: not ready before it is loaded. */
  readonly expectRelease?: boolean
  /** File of the certificate that control on this machine shows. */
  readonly controlCertFile?: string | undefined
}

const longestWaitMs = 10_000
/** What a control without any release gets to say so. */
const emptyWaitMs = 300

/** A gateway process: serves what it has, keeps in step with control, drains when it is asked to stop. */
export async function runGateway(settings: Settings, options: RunGateway): Promise<number> {
  const { supervised = false, number = 1, sharedPort = false, controlCertFile } = options
  const channel = openChildChannel(settings.drainLimitMs, supervised)
  const log = openLog({ level: settings.logLevel, format: formatOf(settings), base: { role: 'gateway', ...(number > 1 ? { number } : {}) } })
  watchProcess(log)
  try {
    forbidDumps(log)
    if (!settings.controlUrl) throw new CommandFailed('SLUICE_CONTROL_URL is not set; expected the address of control, such as http://control:1880.')
    const own = gatewayFolder(settings.dataDir)
    const folder = number === 1 ? own : join(own, String(number))
    const line: { sync?: Sync } = {} // the gateway speaks before its line to control is open
    const gateway = await createGateway(settings, {
      definitions: loadOnDemand(),
      notYet,
      log,
      folder,
      reusePort: sharedPort,
      publish: (event) => line.sync?.publish(event),
      wakeVault: createAskForVault(channel),
      cases: createCaseRunner(settings, join(folder, 'cases')),
      version: projectVersion(),
    })
    const token = options.alone ? Promise.resolve(settings.gatewayToken) : tokenFor(settings, folder, channel)
    const { url, opsUrl } = await gateway.start()
    const sync = openSync({
      controlUrl: settings.controlUrl,
      token: await token,
      folder,
      name: settings.gatewayName ?? (number === 1 ? hostname() : `${hostname()}-${number}`),
      url: url.replace(/\/$/, ''),
      version: projectVersion(),
      ca: settings.controlCaFile === undefined ? undefined : readFileSync(settings.controlCaFile, 'utf8'),
      pinned: controlCertFile === undefined ? undefined : () => readFileSync(controlCertFile, 'utf8'),
      deployer: gateway.deployer,
      clients: gateway.clients,
      decisions: gateway.decisions.queue,
      records: gateway.ledger.queue,
      log,
      clock: systemClock,
    })
    line.sync = sync
    await sync.start()
    if (supervised && !options.alone) await settled(sync, options.expectRelease === true)
    const { release } = sync.state()
    log.info({ url, opsUrl, ...(release === undefined ? {} : { release }) }, 'the gateway is ready')
    channel.tell({ say: 'ready', facts: { url: url.replace(/\/$/, ''), opsUrl: opsUrl.replace(/\/$/, ''), ...(release === undefined ? {} : { release }) } })

    const limitMs = await channel.stopAsked
    log.info({ limitMs }, 'finishing what is in flight')
    const { cut } = await gateway.drain(limitMs)
    if (cut > 0) log.warn({ cut }, 'the limit for draining has passed; requests were cut')
    await sync.close()
    await gateway.close()
    process.exit(exitCodes.done)
  } catch (thrown) {
    log.flush()
    return failToStart(channel, thrown)
  }
}

/** A gateway without a key of its own asks its supervisor for a join token; one by itself has it from the settings. */
async function tokenFor(settings: Settings, folder: string, channel: ChildChannel): Promise<string | undefined> {
  if (settings.gatewayToken !== undefined || existsSync(join(folder, 'identity.json'))) return settings.gatewayToken
  const token = new Promise<string>((settle) => {
    channel.hear((message) => {
      if (message.say === 'token') settle(message.token)
    })
  })
  channel.tell({ say: 'needsToken' })
  return token
}

/** Waits until the gateway runs what control has, or it is clear that there is nothing to wait for. */
async function settled(sync: Sync, expectRelease: boolean): Promise<void> {
  const startedAt = systemClock.elapsed()
  let connectedAt: number | undefined
  for (;;) {
    const { release, connection } = sync.state()
    const now = systemClock.elapsed()
    if (release !== undefined || now - startedAt > longestWaitMs) return
    if (connection !== 'away') connectedAt ??= now
    if (!expectRelease && connectedAt !== undefined && now - connectedAt > emptyWaitMs) return
    await new Promise((next) => setTimeout(next, 10))
  }
}
