import { readFileSync } from 'node:fs'
import type { Log } from '../core/log.ts'
import { CommandFailed } from './outcome.ts'

/** Flags of Node by which its memory, or what was on its stack, gets to disk or to a debugger. */
const leaks = /^--(?:inspect|heapsnapshot-|heap-prof|report-|diagnostic-dir|abort-on-uncaught-exception|experimental-report)/

/**
 * A process that holds people's data or keys in its memory writes that memory nowhere: no diagnostic report, no heap snapshot, no debugger.
 * Core dumps are forbidden by whoever starts it (`forbidCores`); where that did not work the log says so.
 * @throws CommandFailed when it was started with a flag for one of them
 */
export function forbidDumps(log: Log): void {
  const flag = process.execArgv.find((word) => leaks.test(word))
  if (flag) throw new CommandFailed(`${flag.split('=')[0]} would let the memory of this process be written or read; start it without.`)
  const { report } = process
  report.reportOnFatalError = false
  report.reportOnSignal = false
  report.reportOnUncaughtException = false
  report.excludeEnv = true
  if (coreLimit() !== '0') log.warn({}, 'core dumps of this process are not forbidden: set the limit of their size to 0 where it is started')
}

/** Soft limit of the size of core files, as Linux says it; `0` where there is no way to ask. */
function coreLimit(): string {
  if (process.platform !== 'linux') return '0'
  try {
    return /^Max core file size\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '0'
  } catch {
    return '0' // a process under Node's permission model may not look there; its parent saw to it
  }
}
