import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { CryptoAsk, VaultAnswer } from '../../runtime/core/secrets/vault.ts'
import type { KeyUse } from '../contract.ts'
import type { VaultStore } from '../store/vault-store.ts'

/** So much may be lost when a vault is killed. */
const flushMs = 2000
/** Counts held before they are written without waiting. */
const heldLimit = 10_000
/** Characters of what a gateway says that are kept. */
const wordLimit = 200
const hourMs = 3_600_000
const keptMs = 400 * 24 * hourMs

/** Who did what with which version of a key, counted by the hour: a row for each use would be as much as the traffic. */
export interface KeyUses {
  count(ask: CryptoAsk, answer: VaultAnswer): void
  /** The newest hours first, with what this vault has not written yet. */
  list(key: string, limit: number): Promise<readonly KeyUse[]>
  close(): Promise<void>
}

export function createKeyUses({ store, clock, log }: { readonly store: Pick<VaultStore, 'keyUses'>; readonly clock: Clock; readonly log: Log }): KeyUses {
  let held = new Map<string, KeyUse>()
  let writing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let forgottenAt = 0

  function add(use: KeyUse): void {
    const { count, ...place } = use
    const name = JSON.stringify(Object.values(place))
    const before = held.get(name)
    held.set(name, before ? { ...before, count: before.count + count } : use)
  }

  async function write(): Promise<void> {
    const uses = [...held.values()]
    if (uses.length === 0) return
    held = new Map()
    try {
      await store.keyUses.add(uses)
    } catch (thrown) {
      // Until the next time; only the oldest are given up when the database stays away.
      for (const use of uses.slice(-heldLimit)) add(use)
      throw thrown
    }
    if (clock.now() - forgottenAt < hourMs) return
    forgottenAt = clock.now()
    await store.keyUses.forget(toHour(clock.now() - keptMs))
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const mine = (writing ?? Promise.resolve()).then(write, write)
    const done = mine.finally(() => {
      if (writing === done) writing = undefined
    })
    writing = done
    return done
  }

  const flushQuietly = () => void flush().catch((thrown: unknown) => log.error({ reason: (thrown as Error).name }, 'How keys were used could not be written; it is tried again with the next use.'))

  return {
    count(ask, answer) {
      if ('fault' in answer && answer.fault === 'key.unknown') return
      const outcome = toOutcome(answer)
      add({ hour: toHour(clock.now()), key: toWord(ask.key), version: 'version' in answer && answer.version !== undefined ? answer.version : null, do: ask.do, outcome, client: ask.viewer?.client ? toWord(ask.viewer.client) : null, flow: toWord(ask.viewer?.flow), count: 1 })
      if (held.size >= heldLimit && !writing) return flushQuietly()
      timer ??= setTimeout(flushQuietly, flushMs).unref()
    },
    async list(key, limit) {
      await flush()
      return store.keyUses.list(key, limit)
    },
    async close() {
      await flush().catch((thrown: unknown) => log.error({ reason: (thrown as Error).name }, 'How keys were used lately could not be written.'))
    },
  }
}

function toOutcome(answer: VaultAnswer): KeyUse['outcome'] {
  if ('valid' in answer) return answer.valid ? 'done' : 'invalid'
  if (!('fault' in answer)) return 'done'
  if (answer.fault === 'key.disabled') return 'disabled'
  if (answer.fault === 'key.unfit' || answer.fault === 'key.foreign') return 'unfit'
  return answer.fault === 'crypto.invalid' ? 'invalid' : 'failed'
}

function toHour(ms: number): string {
  return new Date(Math.floor(ms / hourMs) * hourMs).toISOString()
}

/** As a database takes it. */
function toWord(text: unknown): string {
  return String(text ?? '').slice(0, wordLimit).toWellFormed().replaceAll('\0', ' ')
}
