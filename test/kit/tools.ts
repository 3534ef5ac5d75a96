import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What a suite can need that npm does not bring. */
export type Tool = 'chromium' | 'wrk' | 'postgresql' | 'openssl' | 'redis-server' | 'h2load'

const programs: Readonly<Record<Tool, readonly string[]>> = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  wrk: ['wrk'],
  h2load: ['h2load'],
  openssl: ['openssl'],
  'redis-server': ['redis-server'],
  postgresql: ['postgres', 'pg_ctl', 'pg_ctlcluster'],
}

/** Debian keeps the server's programs of PostgreSQL out of PATH, one folder per version. */
const extraFolders = ['18', '17', '16', '15'].map((version) => `/usr/lib/postgresql/${version}/bin`)

/** Full path of a tool's program, or `undefined` when it is not installed. */
export function findTool(tool: Tool): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...extraFolders]
  for (const program of programs[tool]) {
    for (const folder of folders) {
      const path = join(folder, program)
      if (isExecutable(path)) return path
    }
  }
  return undefined
}

/**
 * Says whether a suite that needs `tool` can run, for `describe.skipIf(!needs('chromium'))`. Under plain
 * `npm test` a missing tool skips the suite; under `npm run verify` (VERIFY=1) it is a failure.
 * @throws Error in verify when the tool is missing
 */
export function needs(tool: Tool): boolean {
  if (findTool(tool)) return true
  if (process.env['VERIFY'] === '1') throw new Error(`${tool} is not installed, and verify leaves nothing out. Run \`npm run verify\` as root on Debian, or install it.`)
  return false
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
