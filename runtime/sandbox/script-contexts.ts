import { shareOf, type ContextParts, type Guest, type GuestContext } from './guest.ts'

/** The contexts of one script, one in each isolate where it runs. */
export interface ScriptContexts {
  /** The one in this isolate; made when there is none. `begin` runs in a new one before anybody else enters. */
  in(guest: Guest, begin?: (made: GuestContext) => Promise<void>): Promise<GuestContext>
  /** The same, as soon as it can be entered: On Start code may still be running. */
  entry(guest: Guest): GuestContext | undefined
  /** Any of them; none when there is none yet. */
  any(): Promise<GuestContext> | undefined
  /** Of the load of an isolate. */
  readonly share: number
  /** The one in this isolate is no longer one of them; whoever takes it out releases it and takes its share off. */
  take(guest: Guest): Promise<GuestContext> | undefined
  /** The one in this isolate, if there is one, is released. */
  leave(guest: Guest): void
  close(): void
}

export function createScriptContexts(parts: ContextParts): ScriptContexts {
  const contexts = new Map<Guest, Promise<GuestContext>>()
  const share = shareOf(parts)
  const entries = new WeakMap<Guest, GuestContext>()

  function take(guest: Guest): Promise<GuestContext> | undefined {
    const context = contexts.get(guest)
    contexts.delete(guest)
    return context
  }

  function leave(guest: Guest): void {
    const context = take(guest)
    if (!context) return
    guest.load -= share
    release(context)
  }

  return {
    share,
    in(guest, begin) {
      let context = contexts.get(guest)
      if (context) return context
      for (const other of contexts.keys()) if (other.dead) contexts.delete(other)
      guest.load += share
      context = guest.makeContext(parts).then(async (made) => {
        entries.set(guest, made)
        await begin?.(made)
        return made
      })
      contexts.set(guest, context)
      context.catch(() => contexts.delete(guest))
      return context
    },
    entry: (guest) => entries.get(guest),
    any: () => contexts.values().next().value,
    take,
    leave,
    close() {
      for (const guest of contexts.keys()) leave(guest)
    },
  }
}

/** Releases a context when it is there; one that could not be made needs none. */
export function release(context: Promise<GuestContext>): void {
  void context.then((made) => made.release(), () => {})
}
