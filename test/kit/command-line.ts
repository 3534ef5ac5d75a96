import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest'
import { openControl, type ControlOptions, type OpenControl } from '../../control/open-control.ts'
import { createPortal } from '../../portal/portal.ts'
import { runCommandLine } from '../../runtime/cli/command-line.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'

export interface CommandLineParts extends Partial<ControlOptions> {
  /** What the pages are given beside control's own parts. */
  readonly around?: Partial<OpenControl>
  /** Makes what all tests of the file begin with. */
  readonly prepare?: (control: OpenControl) => Promise<unknown>
}

/** The command line against a control of the file's own, by HTTP. Call it at the top of a test file: it opens and closes what it needs. */
export function useCommandLine({ around = {}, prepare, ...options }: CommandLineParts = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
  const tokens = new Map<string, string>()
  let control: OpenControl
  let server: Server
  let url = ''
  let out = ''
  let err = ''

  beforeAll(async () => {
    const definitions = options.definitions ?? []
    control = await openControl({ dataDir: join(folder, 'data'), definitions, log: silentLog, clock: systemClock, adminPassword: 'open sesame', passwordCost: { n: 1024 }, ...options })
    const portal = createPortal({ control: { ...control, ...around }, definitions, notYet: [], secure: false, sessionMs: 3_600_000, clientOf: () => '192.0.2.9', editorPath: '/editor/', gatewayUrls: () => [], samples: [] })
    server = createServer((request, response) => void portal.handle(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await prepare?.(control)
  })
  afterAll(async () => {
    server?.closeAllConnections()
    server?.close()
    await control?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  beforeEach(() => {
    out = err = ''
    vi.spyOn(process.stdout, 'write').mockImplementation(((text: string | Uint8Array) => ((out += String(text)), true)) as never)
    vi.spyOn(process.stderr, 'write').mockImplementation(((text: string | Uint8Array) => ((err += String(text)), true)) as never)
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
  })

  return {
    /** For files of the tests; gone when they are done. */
    folder,
    get control() {
      return control
    },
    get url() {
      return url
    },
    /** What the last command printed. */
    get out() {
      return out
    },
    get err() {
      return err
    },
    /** Runs a command as somebody. @returns its exit code */
    async run(user: string, ...words: string[]): Promise<number> {
      if (!tokens.has(user)) tokens.set(user, (await control.users.issueToken(user, 'cli', 3_600_000)).token)
      vi.stubEnv('SLUICE_TOKEN', tokens.get(user))
      out = err = ''
      return await runCommandLine([...words, '--url', url])
    },
  }
}
