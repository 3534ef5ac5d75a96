import type { OpenLog } from '../telemetry/log.ts'

/**
 * What happens to errors that nobody caught. A promise that was forgotten holds nothing that others need: it is
 * logged, and everybody else is served on. A thrown error leaves things half done: the process ends, as Node
 * does it, but its log is written out first and says why.
 */
export function watchProcess(log: OpenLog): void {
  process.on('unhandledRejection', (reason) => {
    log.error(factsOf(reason), 'a promise failed and nobody was told; this is a defect of Sluice')
  })
  process.on('uncaughtExceptionMonitor', (error) => {
    log.error(factsOf(error), 'an error was caught by nobody; the process ends')
    log.flush()
  })
}

function factsOf(thrown: unknown): object {
  return thrown instanceof Error ? { reason: thrown.message, cause: thrown.stack } : { reason: String(thrown) }
}
