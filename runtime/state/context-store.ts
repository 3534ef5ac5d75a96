import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../core/time/clock.ts'
import type { Context, Contexts } from '../core/state/context.ts'
import type { Log } from '../core/log.ts'
import { createLayeredContext } from './layered-context.ts'
import { fromStored, toStored, type StoredValue } from './context-value.ts'
import { createMemoryScope, createRoom, type MemoryScope } from './memory-scope.ts'

export type ContextScope = 'node' | 'flow' | 'global'

/** The context of one gateway: node, flow and global scopes that outlive deploys and restarts. */
export interface ContextStore {
  /** Of flows of an organisation: its own global context, through which that of nobody's flows can be read. */
  contexts(flowId: string, nodeId: string, organisation?: string): Contexts
  /** A value, or all values of the scope when no key is given. */
  get(scope: ContextScope, id: string | undefined, key?: string): unknown
  /** Deletes a value, or the whole scope when no key is given. */
  delete(scope: ContextScope, id: string | undefined, key?: string): void
  /** All scopes with their values, by `global`, `global:<organisation>`, `flow:<id>`, `node:<id>`. */
  snapshot(): Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Writes what has not been written yet. */
  close(): Promise<void>
}

export interface ContextStoreOptions {
  /** Where `context.json` lies; only this process writes there. */
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
  /** What all scopes together may hold, as an estimate (default 64 MB). */
  readonly limitBytes?: number
}

const saveAfterMs = 1000
const defaultLimitBytes = 64 * 1024 * 1024
const runLimitBytes = 16 * 1024 * 1024

/** Opens the file, or begins empty. A folder that cannot be written is logged once; memory goes on. */
export function openContextStore(options: ContextStoreOptions): ContextStore {
  const { folder, clock, log } = options
  const file = join(folder, 'context.json')
  const temporary = `${file}.new`
  const scopes = new Map<string, MemoryScope>()
  const room = createRoom(options.limitBytes ?? defaultLimitBytes)
  let dirty = false
  let complained = false
  let cancel: (() => void) | undefined
  let saving: Promise<void> = Promise.resolve()

  const changed = (): void => {
    dirty = true
    cancel ??= clock.setTimer(() => {
      cancel = undefined
      saving = saving.then(save)
    }, saveAfterMs)
  }
  const scopeOf = (name: string): MemoryScope => {
    let scope = scopes.get(name)
    if (!scope) scopes.set(name, (scope = createMemoryScope(changed, room)))
    return scope
  }
  const nameOf = (scope: ContextScope, id: string | undefined): string => (scope === 'global' ? 'global' : `${scope}:${id ?? ''}`)

  function load(): void {
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log.error({ file, error }, 'the context of earlier runs could not be read; it begins empty')
      return
    }
    try {
      const stored = JSON.parse(text) as { scopes: Record<string, Record<string, StoredValue>> }
      for (const [name, values] of Object.entries(stored.scopes)) {
        scopes.set(name, createMemoryScope(changed, room, Object.entries(values).map(([key, value]) => [key, fromStored(value)] as const)))
      }
    } catch (error) {
      const aside = `${file}.unreadable`
      try {
        renameSync(file, aside)
      } catch {}
      log.error({ file: aside, error }, 'the context of earlier runs is damaged; it was put aside and begins empty')
    }
  }

  function text(): string {
    const all: Record<string, Record<string, StoredValue>> = {}
    for (const [name, scope] of scopes) {
      const values = Object.fromEntries([...scope.entries()].map(([key, value]) => [key, toStored(value)]))
      if (Object.keys(values).length > 0) all[name] = values
    }
    return JSON.stringify({ version: 1, scopes: all })
  }

  async function save(): Promise<void> {
    if (!dirty) return
    dirty = false
    try {
      await writeFile(temporary, text(), { mode: 0o600 })
      await rename(temporary, file)
      complained = false
    } catch (error) {
      dirty = true // the next change tries again
      complain(error)
    }
  }

  function complain(error: unknown): void {
    if (complained) return
    complained = true
    log.error({ file, error }, 'context cannot be written and is kept in memory only')
  }

  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    complain(error)
  }
  load()

  return {
    contexts(flowId, nodeId, organisation) {
      const shared = scopeOf('global')
      const global = organisation === undefined ? shared : createLayeredContext(scopeOf(`global:${organisation}`), shared)
      return { node: scopeOf(`node:${nodeId}`), flow: scopeOf(`flow:${flowId}`), global }
    },
    get(scope, id, key) {
      const values = scopes.get(nameOf(scope, id))
      if (key !== undefined) return values?.get(key)
      return Object.fromEntries(values?.entries() ?? [])
    },
    delete(scope, id, key) {
      const values = scopes.get(nameOf(scope, id))
      if (!values) return
      if (key !== undefined) values.delete(key)
      else values.clear()
    },
    snapshot: () => Object.fromEntries([...scopes].map(([name, scope]) => [name, Object.fromEntries(scope.entries())])),
    async close() {
      cancel?.()
      cancel = undefined
      await saving
      if (!dirty) return
      try {
        writeFileSync(temporary, text(), { mode: 0o600 })
        renameSync(temporary, file)
      } catch (error) {
        complain(error)
      }
    },
  }
}

/** The context that belongs to one run: in memory, gone with the run. */
export function createRunContext(): Context {
  return createMemoryScope(() => {}, createRoom(runLimitBytes))
}
