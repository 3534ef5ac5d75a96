import { writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import type { ApplyChange } from '../../../control/contract.ts'
import { CommandFailed, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { readText } from './read-text.ts'

/** `sluice export`: all records as YAML, without credentials. */
export async function runRecordsExport(client: RecordsClient, options: { readonly out?: string }, output: Output): Promise<void> {
  const yaml = await client.exportYaml()
  if (options.out === undefined || options.out === '-') {
    if (output.json) output.result('', { yaml })
    else process.stdout.write(yaml)
    return
  }
  try {
    await writeFile(options.out, yaml)
  } catch (thrown) {
    throw new CommandFailed(`${options.out} could not be written (${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}).`, { file: options.out })
  }
  output.result(`The records are in ${options.out}. Credentials are not among them.`, { file: options.out })
}

export interface ApplyOptions {
  readonly dryRun?: boolean
  readonly prune?: boolean
  readonly yes?: boolean
}

/** `sluice apply`: says first what would be done; all or nothing. */
export async function runRecordsApply(client: RecordsClient, file: string, options: ApplyOptions, output: Output): Promise<void> {
  const yaml = await readText(file)
  const prune = options.prune === true
  const { changes } = await client.applyYaml(yaml, { dryRun: true, prune })
  if (options.dryRun || changes.length === 0) {
    const said = changes.length === 0 ? 'Nothing to do: the records are as the file says.' : `${toDiff(changes)}\n\nNothing was changed: this was a dry run.`
    return output.result(said, { dryRun: options.dryRun === true, applied: false, changes })
  }
  output.note(toDiff(changes))
  if (!options.yes && !(await agrees(changes.length))) throw new CommandFailed('Nothing was applied.')
  const done = await client.applyYaml(yaml, { dryRun: false, prune })
  const other = JSON.stringify(done.changes) === JSON.stringify(changes) ? '' : ` Somebody else changed records meanwhile; what was done is:\n${toDiff(done.changes)}`
  output.result(`${count(done.changes.length)} applied.${other}`, { dryRun: false, applied: true, changes: done.changes })
}

/** A person at a terminal is asked; a script has said what it wants. */
async function agrees(changes: number): Promise<boolean> {
  if (!process.stdin.isTTY) return true
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`Apply ${count(changes).toLowerCase()}? [y/N] `)).trim())
  } finally {
    lines.close()
  }
}

const marks: Readonly<Record<ApplyChange['change'], string>> = { add: '+', change: '~', retire: '-', restore: '^' }

/** What would be done, a line a record and a line a field. */
function toDiff(changes: readonly ApplyChange[]): string {
  const lines = changes.flatMap(({ kind, id, change, fields }) => [
    `${marks[change]} ${kind}/${id} (${change})`,
    ...(change === 'retire' ? [] : fields.map(({ pointer, before, after }) => `    ${pointer || '/'}: ${[before, after].filter((value, i) => i === 1 || value !== undefined).map((value) => (value === undefined ? '(nothing)' : JSON.stringify(value))).join(' → ')}`)),
  ])
  return `${lines.join('\n')}\n${count(changes.length)}.`
}

function count(changes: number): string {
  return changes === 1 ? 'One change' : `${changes} changes`
}
