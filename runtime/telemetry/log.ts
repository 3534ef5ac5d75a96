import { pino } from 'pino'
import type { RunRecorder } from '../core/deployment.ts'
import type { Log } from '../core/log.ts'
import { hidden } from '../core/secrets/secret-forms.ts'
import { createLineWriter } from './line-writer.ts'
import { createRunLines } from './run-lines.ts'
import { toRunText, toTextLine } from './text-line.ts'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `json`: one document per line; `text`: for people at a terminal. */
  readonly format: 'json' | 'text'
  /** File descriptor (default 1, the standard output), or what takes the text, such as in a test. */
  readonly write?: number | ((text: string) => void)
  /** Facts on every line, such as the process's role. */
  readonly base?: Readonly<Record<string, unknown>>
  readonly now?: () => number
}

export interface OpenLog extends Log {
  /** The same log with more facts on every line. */
  child(facts: object): Log
  /** Run lines; level `info` or below shows them. */
  readonly runs: RunRecorder
  /** Writes out what is held back. Call it before the process exits. */
  flush(): void
  /** Lines lost because the reader did not keep up. */
  dropped(): number
}

/** Names whose values never reach a log, wherever they stand at the top of the facts or one below. */
const secret = ['password', 'secret', 'token', 'authorization', 'cookie', 'credentials', 'passphrase', 'key']
const redacted = secret.flatMap((name) => [name, `*.${name}`])

const secretNames: ReadonlySet<string> = new Set(secret)

/** Whether any of these names stands where their values are hidden. Hiding copies all facts, and hardly any hold such a name. */
function hasSecretName(facts: object): boolean {
  if (facts instanceof Error) return true
  for (const name in facts) {
    if (secretNames.has(name)) return true
    const value = (facts as Record<string, unknown>)[name]
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue
    for (const inner in value) if (secretNames.has(inner)) return true
  }
  return false
}

/** Opens the log. Lines are written in batches, at once from level `error` on. */
export function openLog(options: LogOptions): OpenLog {
  const { level, format, base = {}, now = Date.now } = options
  const writer = createLineWriter(options.write ?? 1)
  const stream = { write: (line: string): void => writer.write(format === 'json' ? line : toTextLine(line)) }
  const how: pino.LoggerOptions = { level, base, formatters: { level: (label) => ({ level: label }) }, timestamp: () => `,"time":"${new Date(now()).toISOString()}"` }
  const hiding = pino({ ...how, redact: { paths: redacted, censor: hidden } }, stream)
  const plain = hasSecretName(base) ? hiding : pino(how, stream)
  const writeLine = createRunLines(writer, now)
  const runs: RunRecorder =
    level === 'debug' || level === 'info'
      ? { record: (summary) => (format === 'json' ? writeLine(summary) : writer.write(toRunText(summary, now()))) }
      : { record() {} }

  function over(bare: pino.Logger, careful: pino.Logger): Log {
    const at = (name: keyof Log): Log[keyof Log] =>
      careful.isLevelEnabled(name) ? (facts, text) => (hasSecretName(facts) ? careful : bare)[name](facts, text) : () => {}
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  }
  const childOf = (facts: object): Log => {
    const careful = hiding.child(facts)
    return over(hasSecretName(facts) ? careful : plain.child(facts), careful)
  }
  return { ...over(plain, hiding), child: childOf, runs, flush: () => writer.flush(), dropped: () => writer.dropped() }
}
