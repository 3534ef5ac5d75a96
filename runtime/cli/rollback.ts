import { callControl, refused, type Target } from './control-client.ts'
import { CommandFailed, exitCodes, type Output } from './outcome.ts'
import { printProblems } from './print-problems.ts'
import type { Problem } from '../core/flow.ts'

export interface RollbackCommand {
  readonly release: string | undefined
  readonly comment: string | undefined
  /** Only this tab or subflow. */
  readonly flow: string | undefined
  readonly target: Target
}

/** `sluice rollback`: an earlier release goes live again, or one flow of it, as a new one. */
export async function runRollback(command: RollbackCommand, output: Output): Promise<void> {
  const id = command.release === undefined ? await previousRelease(command.target) : Number(command.release)
  if (!Number.isInteger(id) || id < 1) throw new CommandFailed(`“${command.release}” is not the number of a release.`, {}, exitCodes.usage)
  const answer = await callControl(command.target, 'POST', `/api/releases/${id}/rollback`, { ...(command.comment ? { comment: command.comment } : {}), ...(command.flow ? { flow: command.flow } : {}) })
  if (answer.status !== 200) {
    const failure = refused(command.flow ? `${command.flow} was not brought back` : `Release ${id} was not put live`, answer)
    const problems = (failure.facts['problems'] ?? []) as readonly Problem[]
    throw problems.length === 0 ? failure : new CommandFailed(`${failure.message}\n${printProblems(problems)}`, failure.facts)
  }
  output.result(command.flow ? `${command.flow} is as in release ${id} again, as release ${answer.body.release}.` : `Release ${id} is live again, as release ${answer.body.release}.`, { ok: true, ...answer.body })
}

async function previousRelease(target: Target): Promise<number> {
  const answer = await callControl(target, 'GET', '/api/releases')
  if (answer.status !== 200) throw refused('The releases could not be read', answer)
  const releases = (answer.body?.releases ?? answer.body) as readonly { id: number; current: boolean; rollbackOf?: number }[]
  const now = releases.find((release) => release.current)
  // Twice in a row goes further back instead of there and back again.
  const from = now?.rollbackOf ?? now?.id ?? 0
  const before = releases.find((release) => release.id < from)
  if (!before) throw new CommandFailed('There is no earlier release to go back to.')
  return before.id
}
