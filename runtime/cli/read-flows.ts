import { readFile, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { EditorNode } from '../core/flow.ts'
import { CommandFailed, exitCodes } from './outcome.ts'

/**
 * The nodes of a flow file: a list, or an object with a list under `flows`, as the editor and the admin
 * API write them.
 * @throws CommandFailed naming the file
 */
export async function readFlowFile(file: string): Promise<EditorNode[]> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (thrown) {
    throw new CommandFailed(`${file} could not be read (${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}).`, { file }, exitCodes.usage)
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (thrown) {
    throw new CommandFailed(`${file} is not valid JSON: ${(thrown as Error).message}.`, { file })
  }
  const nodes = Array.isArray(json) ? json : (json as { flows?: unknown } | null)?.flows
  if (!Array.isArray(nodes)) throw new CommandFailed(`${file} holds no flows; expected a list of nodes, as the editor exports it.`, { file })
  return nodes as EditorNode[]
}

/** Flow files below a folder: every `flow.json`, and every other `.json` that lies directly in it. Sorted. */
export async function findFlowFiles(folder: string): Promise<string[]> {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) throw new CommandFailed(`${folder} is not a folder.`, { folder }, exitCodes.usage)
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && (entry.name === 'flow.json' || (entry.parentPath === folder && entry.name.endsWith('.json') && !['cases.json', 'package.json'].includes(basename(entry.name)))))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/**
 * An estate with the flows of some files in it: tabs and subflows that the files hold replace those of the
 * same id with all that lies on them, config nodes replace those of the same id, everything else stays.
 */
export function mergeFlows(current: readonly EditorNode[], given: readonly EditorNode[]): EditorNode[] {
  const homes = new Set(given.filter((node) => node.type === 'tab' || node.type === 'subflow').map((node) => node.id))
  const ids = new Set(given.map((node) => node.id))
  const kept = current.filter((node) => !ids.has(node.id) && !(node.z !== undefined && homes.has(node.z)))
  return [...kept, ...given]
}
