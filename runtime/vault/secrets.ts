import type { SecretsReply, SecretsRequest } from '../../vault/contract.ts'
import type { Clock } from '../core/time/clock.ts'
import { Fault } from '../core/fault.ts'
import type { Log } from '../core/log.ts'
import type { FoundSecrets, HeldSecret, Secrets } from '../core/secrets/vault.ts'

export interface GatewaySecretsParts {
  /** @throws when no vault answers */
  ask(request: SecretsRequest): Promise<SecretsReply>
  readonly clock: Pick<Clock, 'setTimer'>
  readonly log: Log
  /** How often it is asked whether what is in use has changed. */
  readonly everyMs?: number
  /** How long a deploy waits for values. */
  readonly waitMs?: number
}

export interface GatewaySecrets extends Secrets {
  close(): void
}

/** Names of one request: their values have to fit an answer. */
const mostAtOnce = 100

/**
 * The secrets that flows of a gateway use. They are held in memory; as long as some are in use the vault is asked again and again, with the
 * versions that are held, and answers with what has changed.
 */
export function createGatewaySecrets({ ask, clock, log, everyMs = 1000, waitMs = 15_000 }: GatewaySecretsParts): GatewaySecrets {
  /** What is asked for; without a value while there is none to be had. */
  const held = new Map<string, HeldSecret | undefined>()
  const unknown = new Set<string>()
  const listeners = new Set<(names: readonly string[]) => void>()
  let away = false
  let closed = false
  let stopTimer: (() => void) | undefined
  /** Looks go one after the other, so that no older answer comes last. */
  let last: Promise<unknown> = Promise.resolve()

  function look(names: readonly string[]): Promise<void> {
    const mine = last.then(async () => {
      const changed: string[] = []
      try {
        for (let at = 0; at < names.length; at += mostAtOnce) changed.push(...(await lookAt(names.slice(at, at + mostAtOnce))))
        noteAway(false)
      } catch (thrown) {
        noteAway(true, thrown)
      }
      if (changed.length > 0 && !closed) for (const tell of listeners) tell(changed)
    })
    last = mine
    return mine
  }

  /** Names that have another value than before. */
  async function lookAt(names: readonly string[]): Promise<string[]> {
    const known = Object.fromEntries(names.flatMap((name) => (held.get(name) ? [[name, (held.get(name) as HeldSecret).version]] : [])))
    const reply = await within(ask({ names, known }), waitMs)
    const changed: string[] = []
    for (const name of names) {
      if (!held.has(name)) continue // nobody uses it any more
      const fresh = Object.hasOwn(reply.secrets, name) ? reply.secrets[name] : undefined
      const gone = reply.unknown.includes(name)
      if (gone && !unknown.has(name) && held.get(name)) log.warn({ secret: name }, 'a secret that is in use is gone from the vault; flows that use it go on with what they have')
      if (gone) unknown.add(name)
      else unknown.delete(name)
      if (!fresh) continue
      held.set(name, { value: fresh.value, version: fresh.version })
      changed.push(name)
    }
    return changed
  }

  function noteAway(now: boolean, thrown?: unknown): void {
    if (now && !away) log.warn({ reason: thrown instanceof Fault ? thrown.code : 'no answer' }, 'secrets cannot be asked for; flows that have theirs go on')
    if (!now && away) log.info({}, 'secrets can be asked for again')
    away = now
  }

  function keepLooking(): void {
    if (closed || stopTimer || held.size === 0) return
    stopTimer = clock.setTimer(() => {
      const names = [...held.keys()]
      void look(names).finally(() => {
        stopTimer = undefined
        keepLooking()
      })
    }, everyMs)
  }

  /** A vault that is being started may never come. */
  async function within<T>(work: Promise<T>, limitMs: number): Promise<T> {
    let stop = () => {}
    const late = new Promise<never>((_, reject) => (stop = clock.setTimer(() => reject(new Error('no answer in time')), limitMs)))
    try {
      return await Promise.race([work, late])
    } finally {
      stop()
    }
  }

  return {
    async find(names): Promise<FoundSecrets> {
      const wanted = [...new Set(names)]
      for (const name of wanted) if (!held.has(name)) held.set(name, undefined)
      if (wanted.length > 0 && !closed) await look(wanted)
      keepLooking()
      return {
        values: new Map(wanted.flatMap((name) => (held.get(name) ? [[name, held.get(name) as HeldSecret]] : []))),
        unknown: new Set(wanted.filter((name) => unknown.has(name))),
        away,
      }
    },
    onChanged(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    keepOnly(names) {
      const wanted = new Set(names)
      for (const name of held.keys()) if (!wanted.has(name)) held.delete(name)
      for (const name of unknown) if (!wanted.has(name)) unknown.delete(name)
      for (const name of wanted) if (!held.has(name)) held.set(name, undefined)
      keepLooking()
    },
    close() {
      closed = true
      stopTimer?.()
      held.clear()
      listeners.clear()
    },
  }
}

/** For gateways whose callouts are answered by cases: there is nobody to prove anything to. */
export function createPlayedSecrets(): Secrets {
  return {
    find: (names) => Promise.resolve({ values: new Map([...names].map((name) => [name, { value: `played secret ${name}`, version: 1 }])), unknown: new Set(), away: false }),
    onChanged: () => () => {},
    keepOnly: () => {},
  }
}
