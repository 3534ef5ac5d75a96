import type { EditorNode, Problem } from '../core/flow.ts'
import { callControl, loadFlows, refused, type Target } from './control-client.ts'
import { CommandFailed, exitCodes, type Output } from './outcome.ts'
import { printProblems } from './print-problems.ts'
import { findFlowFiles, mergeFlows, readFlowFile } from './read-flows.ts'
import { watchFiles } from './watch-files.ts'

export interface DeployCommand {
  readonly files: readonly string[]
  readonly watch?: string
  readonly replace?: boolean
  readonly comment?: string
  readonly target: Target
}

/** `sluice deploy`. With `--watch` it runs until it is stopped and says of every change how it went. */
export async function runDeploy(command: DeployCommand, output: Output): Promise<number> {
  if (command.watch === undefined && command.files.length === 0) throw new CommandFailed('Name the files to deploy, or a folder with --watch.', {}, exitCodes.usage)
  if (command.watch === undefined) {
    await deployFiles(command, command.files, output)
    return exitCodes.done
  }
  return watchAndDeploy(command, command.watch, output)
}

async function deployFiles(command: DeployCommand, files: readonly string[], output: Output): Promise<void> {
  const given = (await Promise.all(files.map(readFlowFile))).flat()
  // Somebody may deploy between reading and writing; then the merge is made again on what they left.
  for (let attempt = 1; ; attempt++) {
    const { flows, rev } = await loadFlows(command.target)
    const nodes = command.replace ? given : mergeFlows(flows, given)
    const answer = await callControl(command.target, 'POST', '/editor/flows', { flows: nodes, rev, ...(command.comment ? { comment: command.comment } : {}) }, { 'node-red-api-version': 'v2', 'node-red-deployment-type': 'flows' })
    if (answer.status === 409 && attempt < 4) continue
    if (answer.status !== 200) throw withProblems(refused('Not deployed', answer), nodes, given)
    output.result(`Deployed ${files.join(', ')} (revision ${String(answer.body.rev).slice(0, 12)}).`, { ok: true, ...answer.body })
    const doubts = ownDoubts((answer.body.warnings ?? []) as readonly Problem[], given)
    if (doubts.length > 0) output.note(printProblems(doubts, nodes))
    return
  }
}

/** Errors wherever they are; doubts about flows that were not deployed here are no answer to what was asked. */
function withProblems(failure: CommandFailed, nodes: readonly EditorNode[], given: readonly EditorNode[]): CommandFailed {
  const all = (failure.facts['problems'] ?? []) as readonly Problem[]
  const problems = [...all.filter(({ severity }) => severity === 'error'), ...ownDoubts(all, given)]
  return problems.length === 0 ? failure : new CommandFailed(`${failure.message}\n${printProblems(problems, nodes)}`, failure.facts)
}

function ownDoubts(problems: readonly Problem[], given: readonly EditorNode[]): readonly Problem[] {
  const own = new Set(given.map(({ id }) => id))
  return problems.filter(({ severity, flow, node }) => severity === 'warning' && (own.has(flow ?? '') || own.has(node ?? '')))
}

async function watchAndDeploy(command: DeployCommand, folder: string, output: Output): Promise<number> {
  const deploy = async () => {
    try {
      const files = await findFlowFiles(folder)
      if (files.length === 0) output.note(`No flow files below ${folder} yet.`)
      else await deployFiles(command, files, output)
    } catch (thrown) {
      // Whatever it was: the live version stays, and the next save tries again.
      const { message, facts } = thrown instanceof CommandFailed ? thrown : { message: String(thrown), facts: {} }
      if (output.json) output.result('', { ok: false, error: message, ...facts })
      else output.note(message)
    }
  }
  let last = Promise.resolve()
  const unwatch = await watchFiles({ folders: [folder], matters: (file) => file.endsWith('.json'), changed: () => (last = last.then(deploy)) })
  await (last = deploy())
  output.note(`Watching ${folder}; Ctrl-C ends it.`)
  await new Promise<void>((stop) => {
    process.once('SIGINT', () => stop())
    process.once('SIGTERM', () => stop())
  })
  unwatch()
  await last
  return exitCodes.done
}
