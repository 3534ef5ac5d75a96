import { existsSync } from 'node:fs'
import { run } from '../kit/run.ts'
import { findTool, type Tool } from '../kit/tools.ts'

interface Need {
  /** Debian package. */
  readonly package: string
  readonly why: string
  readonly here: () => boolean
}

const program = (tool: Tool) => () => findTool(tool) !== undefined

/** What verify needs beyond npm. */
const needed: readonly Need[] = [
  { package: 'chromium', why: 'the browser test draws a flow in a real browser', here: program('chromium') },
  { package: 'wrk', why: 'the load generator of the benchmark and of the neighbour story', here: program('wrk') },
  { package: 'nghttp2-client', why: 'the paced load generator of the benchmark', here: program('h2load') },
  { package: 'openssl', why: 'certificates of the TLS tests are made with it', here: program('openssl') },
  { package: 'postgresql', why: 'the store suite runs on PostgreSQL as well', here: program('postgresql') },
  { package: 'redis-server', why: 'what gateways count together is tested on Redis as well', here: program('redis-server') },
  { package: 'softhsm2', why: 'a master key in a PKCS#11 token is tested against it', here: () => existsSync('/usr/lib/softhsm/libsofthsm2.so') },
  { package: 'fonts-noto-cjk', why: 'screenshots of the Chinese pages need the characters', here: () => existsSync('/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc') },
]

/**
 * Installs what is missing with apt when this is root on Debian; else says the one line to type.
 * @returns whether everything is there now
 */
export async function installNeeds(say: (line: string) => void): Promise<boolean> {
  const missing = needed.filter((need) => !need.here())
  if (missing.length === 0) {
    say(`Tools: ${needed.map((need) => need.package).join(', ')} are installed.`)
    return true
  }
  const packages = missing.map((need) => need.package)
  const line = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`
  for (const need of missing) say(`Missing: ${need.package} (${need.why}).`)
  if (!isRootOnDebian()) {
    say(`Type this, then run verify again:\n  sudo sh -c '${line}'`)
    return false
  }
  say(`Installing with apt: ${packages.join(', ')}.`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  // Fresh machines often have their own upgrade under way, and mirrors have bad moments.
  const patient = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']
  const update = await run('apt-get', [...patient, 'update', '-qq'], { env })
  const install = await run('apt-get', [...patient, 'install', '-y', '-qq', '--no-install-recommends', ...packages], { env })
  const still = needed.filter((need) => !need.here())
  if (still.length === 0) return true
  say(`apt could not install ${still.map((need) => need.package).join(', ')}:\n${tail(update.output + install.output)}`)
  return false
}

function isRootOnDebian(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get')
}

function tail(text: string): string {
  return text.trim().split('\n').slice(-15).join('\n')
}
