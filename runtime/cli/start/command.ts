import { commandEnvironment, type Settings } from '../../settings.ts'
import { projectDir } from './plan.ts'
import { jsonReport, textReport, type Report } from './report.ts'
import { createSupervisor, StartFailed } from './supervisor.ts'
import { watchProject } from './watch.ts'

export interface StartCommand {
  readonly settings: Settings
  readonly version: string
  readonly json: boolean
  /** Restart what changed. */
  readonly dev: boolean
}

/** `sluice start`: runs until it is asked to stop. Resolves with the exit code. */
export async function runStart({ settings, version, json, dev }: StartCommand): Promise<number> {
  const color = process.stdout.isTTY === true && !commandEnvironment().noColor
  const write = (text: string) => void process.stdout.write(text)
  const report = json ? jsonReport(write) : textReport(write, color)
  const supervisor = createSupervisor({ settings, version, report, json })

  let askedAt: number | undefined
  const stopAsked = new Promise<'drain' | 'orphan'>((settle) => {
    const ask = (signal: NodeJS.Signals) => {
      const now = performance.now()
      askedAt ??= now
      settle('drain')
      // Service managers signal the whole group and start.mjs passes a signal on: only a person's second Ctrl-C forces.
      if (signal !== 'SIGINT' || now - askedAt < 300) return
      supervisor.kill()
      process.exit(1)
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask)
    process.on('disconnect', () => settle('orphan')) // whoever started this process is gone
  })

  try {
    const started = supervisor.start()
    started.catch(() => {}) // looked at below, unless the stop comes first
    const first = await Promise.race([started.then(() => 'started' as const), stopAsked])
    if (first !== 'started') return await end(first)
    const unwatch = dev ? await watchProject(projectDir, (parts, files) => {
      report({ event: 'note', process: 'dev', text: `${files[0]}${files.length > 1 ? ` and ${files.length - 1} more` : ''} changed: ${parts.join(', ')} starts again` })
      for (const part of parts) void supervisor.restart(part)
    }) : undefined
    const how = await stopAsked
    unwatch?.()
    return await end(how)
  } catch (thrown) {
    failed(report, json, thrown)
    return 1
  }

  async function end(how: 'drain' | 'orphan'): Promise<number> {
    if (how === 'orphan') {
      supervisor.kill()
      return 1
    }
    report({ event: 'stopping', text: 'Finishing what is in flight; Ctrl-C again stops at once.' })
    await supervisor.stop()
    report({ event: 'stopped' })
    return 0
  }
}

function failed(report: Report, json: boolean, thrown: unknown): void {
  const text = thrown instanceof StartFailed ? thrown.message : String((thrown as Error)?.stack ?? thrown)
  if (json) report({ event: 'failed', text })
  else process.stderr.write(`${text}\n`)
}
