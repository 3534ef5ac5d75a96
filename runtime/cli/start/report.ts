/** Something that happened while starting, running or stopping. One JSON line each with `--json`. */
export type StartEvent =
  | { readonly event: 'starting'; readonly version: string; readonly dataDir: string }
  | { readonly event: 'progress'; readonly process: string; readonly text: string; readonly tookMs?: number; readonly pid?: number }
  | { readonly event: 'ready'; readonly tookMs: number; readonly editor: string; readonly gateways: readonly GatewayPlace[]; readonly sample?: string; readonly auth?: string; readonly vault?: string; readonly password?: string; readonly pids: Readonly<Record<string, number>> }
  | { readonly event: 'restarting'; readonly process: string; readonly text: string; readonly againMs: number }
  | { readonly event: 'note'; readonly process: string; readonly text: string }
  | { readonly event: 'failed'; readonly text: string }
  | { readonly event: 'stopping'; readonly text: string }
  | { readonly event: 'stopped' }

export interface GatewayPlace {
  readonly url: string
  readonly opsUrl: string
}

export type Report = (event: StartEvent) => void

/** One JSON object a line, for programs. */
export function jsonReport(write: (line: string) => void): Report {
  return (event) => write(`${JSON.stringify(event)}\n`)
}

/** Lines and a banner, for people. `color` is for terminals. */
export function textReport(write: (text: string) => void, color: boolean): Report {
  const paint = (code: string) => (text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
  const [bold, dim, green, yellow] = [paint('1'), paint('2'), paint('32'), paint('33')]
  return (event) => {
    switch (event.event) {
      case 'starting':
        return write(`${bold(`Sluice ${event.version}`)} ${dim(`data in ${event.dataDir}`)}\n`)
      case 'progress': {
        const mark = event.tookMs === undefined ? dim('…') : green('✓')
        return write(`  ${mark} ${event.process.padEnd(16)} ${event.text}${event.tookMs === undefined ? '' : dim(` ${seconds(event.tookMs)}`)}\n`)
      }
      case 'ready':
        return write(banner(event, bold, dim))
      case 'restarting':
        return write(`${yellow('!')} ${event.process}: ${event.text}; starting it again${event.againMs > 0 ? ` in ${seconds(event.againMs)}` : ''}\n`)
      case 'note':
        return write(`${dim('·')} ${event.process}: ${event.text}\n`)
      case 'failed':
        return write(`${event.text}\n`)
      case 'stopping':
        return write(`\n${event.text}\n`)
      case 'stopped':
        return write('Stopped.\n')
    }
  }
}

type Ready = Extract<StartEvent, { event: 'ready' }>

function banner(ready: Ready, bold: (text: string) => string, dim: (text: string) => string): string {
  const first = ready.gateways[0]
  const api = first?.url ?? ''
  const lines = [
    '',
    `${bold('Ready')} in ${seconds(ready.tookMs)}`,
    '',
    `  Editor and pages   ${bold(`${ready.editor}/`)}`,
    ...ready.gateways.map((gateway, index) => `  ${index === 0 ? 'Your APIs         ' : '                  '} ${index === 0 || gateway.url !== api ? bold(`${gateway.url}/`) : ' '.repeat(api.length + 1)}   ${dim(`health and metrics ${gateway.opsUrl}`)}`),
    ...(ready.auth ? [`  Sign-in server     ${bold(ready.auth)}   ${dim('OAuth 2.0, OpenID Connect')}`] : []),
    ...(ready.vault ? [`  Vault              ${ready.vault}   ${dim('tokens, keys and secrets; for gateways and control of this machine')}`] : []),
    ...(ready.sample ? [`  Sample upstream    ${ready.sample}   ${dim('plays three open-data services')}`] : []),
    '',
    ready.password
      ? `  Sign in as ${bold('admin')} with the password ${bold(ready.password)}   ${dim('(generated; shown until the first sign-in)')}`
      : `  Sign in as ${bold('admin')}   ${dim('(password lost? stop, then `npm run sluice -- password reset`)')}`,
    '',
    ...(ready.sample
      ? ['  Try it:', ...curlLines(api).map((line) => `    ${line}`), '']
      : []),
    `  ${dim('Ctrl-C finishes what is in flight and stops everything; a second one stops at once.')}`,
    '',
  ]
  return `${lines.join('\n')}\n`
}

/** Lines that paste into any shell: the Chinese query is percent-encoded. */
export function curlLines(api: string): string[] {
  return [
    `curl '${api}/hello?name=Ada'`,
    `curl '${api}/taipei/today?district=${encodeURIComponent('松山區')}'`,
    `curl '${api}/youbike/${encodeURIComponent('大安區')}'`,
  ]
}

function seconds(tookMs: number): string {
  return tookMs < 1_000 ? `${Math.round(tookMs)} ms` : `${(tookMs / 1_000).toFixed(1)} s`
}
