import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { FlowCase, PlayedUpstream } from '../core/cases.ts'
import { flawOfCase } from '../core/flaw-of-case.ts'
import { CommandFailed } from './outcome.ts'

export type { FlowCase, PlayedUpstream } from '../core/cases.ts'

/**
 * The cases of a file, with the files they name read in.
 * @throws CommandFailed naming the file, the case and what is missing
 */
export async function readCases(file: string): Promise<FlowCase[]> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(file, 'utf8'))
  } catch (thrown) {
    throw new CommandFailed(`${file} cannot be read: ${(thrown as Error).message}.`, { file })
  }
  if (!Array.isArray(json)) throw new CommandFailed(`${file} holds no list of cases.`, { file })
  return Promise.all(json.map(async (one: FlowCase, index) => {
    const reason = flawOfCase(one)
    if (reason) throw new CommandFailed(`${file}, case ${index + 1}${one?.name ? ` “${one.name}”` : ''}: ${reason}.`, { file })
    const upstreams = await Promise.all((one.upstreams ?? []).map(async (upstream) => ({ ...upstream, reply: await withFile(upstream.reply, dirname(file)) })))
    return { ...one, upstreams }
  }))
}

async function withFile(reply: PlayedUpstream['reply'], folder: string): Promise<PlayedUpstream['reply']> {
  if (reply.file === undefined) return reply
  const path = resolve(folder, reply.file)
  try {
    const bytes = await readFile(path)
    return { ...reply, ...(isUtf8(bytes) ? { body: bytes.toString() } : { base64: bytes.toString('base64') }) }
  } catch (thrown) {
    throw new CommandFailed(`${path}, which a case names, cannot be read (${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}).`)
  }
}

/** Where an answer departs from what is expected, one line each: place, expected, got. */
export function differences(expected: unknown, actual: unknown, at = 'body'): string[] {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return [`${at}: expected a list, got ${shown(actual)}`]
    const length = expected.length === actual.length ? [] : [`${at}: expected ${expected.length} items, got ${actual.length}`]
    return [...length, ...expected.slice(0, actual.length).flatMap((item, index) => differences(item, actual[index], `${at}[${index}]`))]
  }
  if (expected !== null && typeof expected === 'object') {
    if (actual === null || typeof actual !== 'object' || Array.isArray(actual)) return [`${at}: expected an object, got ${shown(actual)}`]
    return Object.entries(expected).flatMap(([key, value]) =>
      Object.hasOwn(actual, key) ? differences(value, (actual as Record<string, unknown>)[key], `${at}.${key}`) : [`${at}.${key}: expected ${shown(value)}, it is not there`])
  }
  return Object.is(expected, actual) ? [] : [`${at}: expected ${shown(expected)}, got ${shown(actual)}`]
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}
