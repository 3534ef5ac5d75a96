import { setFlagsFromString } from 'node:v8'
import ivm from 'isolated-vm'
import type { GuestSource } from './guest-source.ts'
import type { Limit } from './limits.ts'

/** Entry into one context: `(op, …)` of strings and numbers. */
export type Enter = ivm.Reference<(...args: (string | number)[]) => string>

/** Called by guest code while it runs; only primitives cross, and whatever it throws is an error inside the guest. */
export type HostCall = (...args: (string | number | undefined)[]) => string | undefined

/** What a context is made of. */
export interface ContextParts {
  readonly code: string
  readonly initialize?: string | undefined
  readonly finalize?: string | undefined
  readonly async: boolean
  /** It needs no context of its own: all that are closed share one. */
  readonly closed: boolean
  readonly meta: string
  readonly host: HostCall
  /** Events of an asynchronous function, in order. */
  tell(call: number, kind: string, text: string): void
}

export interface GuestContext {
  readonly guest: Guest
  readonly enter: Enter
  release(): void
}

/** One isolate with what is in it. When it has died, `dead` is true and whoever needs it makes another. */
export interface Guest {
  readonly isolate: ivm.Isolate
  readonly dead: boolean
  /** Contexts that live here; each closed function is {@link shareOf} one. */
  load: number
  /** Called once each when the isolate has died by itself. */
  readonly onDeath: Set<() => void>
  /** Makes an entry that stands in no lane. */
  beside<T>(entry: () => Promise<T>): Promise<T>
  /** @returns tells whether nobody was inside beside the lane since */
  watch(): () => boolean
  makeContext(parts: ContextParts): Promise<GuestContext>
  /** The JSONata context, made at first use. */
  expressions(host: HostCall): Promise<Enter>
  dispose(): void
}

interface Opened {
  readonly context: ivm.Context
  readonly setup: ivm.Reference
}

/** What a script adds to the load of its isolate: a context of its own takes some 300 KB, a place in the shared one far less. */
export function shareOf({ closed }: ContextParts): number {
  return closed ? 1 / 4 : 1
}

/** A heap grows with the contexts in it; this much each is not the script's own. */
const contextShareMb = 16

export function createGuest(source: GuestSource, heapMb: number): Guest {
  // The process runs with a larger young generation (node-flags.mjs). The flag would lift the limit of every isolate,
  // too: the process's own heap is set up by now, so from here on it counts for nobody.
  setFlagsFromString('--max-semi-space-size=0')
  // Contexts alone fill a new isolate past V8's first limit: without this each is marked several times while it starts.
  setFlagsFromString(`--initial-old-space-size=${contextShareMb * 2}`)
  const isolate = new ivm.Isolate({ memoryLimit: heapMb + contextShareMb, onCatastrophicError: () => {} })
  let prelude: Promise<ivm.Script> | undefined
  let shared: Promise<Opened> | undefined
  let expressions: Promise<Enter> | undefined
  let besideNow = 0
  let besideEver = 0

  async function beside<T>(entry: () => Promise<T>): Promise<T> {
    besideNow++
    besideEver++
    try {
      return await entry()
    } finally {
      besideNow--
    }
  }

  /** A context, and in it the function that makes an entry for a script. */
  async function open(): Promise<Opened> {
    prelude ??= isolate.compileScript(source.prelude, { filename: 'sluice' })
    prelude.catch(() => {})
    const script = await prelude
    const context = await isolate.createContext()
    return { context, setup: (await script.run(context, { reference: true })) as ivm.Reference }
  }

  function openShared(): Promise<Opened> {
    shared ??= open()
    shared.catch(() => (shared = undefined))
    return shared
  }

  async function makeContext(guest: Guest, parts: ContextParts): Promise<GuestContext> {
    const { context, setup } = await (parts.closed ? openShared() : open())
    const fn = await compile(context, `${parts.async ? 'async ' : ''}function (msg, node)`, parts.code, 'function')
    const start = parts.initialize ? await compile(context, 'async function (node)', parts.initialize, 'on start') : undefined
    const stop = parts.finalize ? await compile(context, 'function (node)', parts.finalize, 'on stop') : undefined
    const enter = (await setup.apply(
      undefined,
      [new ivm.Callback(parts.host), new ivm.Callback(parts.tell, { ignored: true }), fn.derefInto(), start?.derefInto(), stop?.derefInto(), parts.meta],
      { result: { reference: true } },
    )) as Enter
    for (const reference of [fn, start, stop]) reference?.release()
    if (!parts.closed) setup.release()
    return {
      guest,
      enter,
      release() {
        if (isolate.isDisposed) return
        enter.release()
        if (!parts.closed) context.release()
      },
    }
  }

  function compile(context: ivm.Context, head: string, code: string, filename: string): Promise<ivm.Reference> {
    return context.eval(`(${head} {\n${code}\n})`, { filename, lineOffset: -1, reference: true }) as Promise<ivm.Reference>
  }

  return {
    isolate,
    load: 0,
    onDeath: new Set(),
    get dead() {
      return isolate.isDisposed
    },
    beside,
    watch() {
      const before = besideEver
      const undisturbed = besideNow === 0
      return () => undisturbed && besideEver === before
    },
    makeContext(parts) {
      return beside(() => makeContext(this, parts))
    },
    expressions(host) {
      return (expressions ??= beside(async () => {
        const context = await isolate.createContext()
        const setup = (await context.eval(source.expressions, { filename: 'sluice', reference: true })) as ivm.Reference
        return (await setup.apply(undefined, [new ivm.Callback(host), source.jsonata()], { result: { reference: true } })) as Enter
      }))
    },
    dispose() {
      if (!isolate.isDisposed) isolate.dispose()
    },
  }
}

/** How an entry into an isolate ended, told from isolated-vm's errors. */
export function limitOf(guest: Guest, error: unknown): Limit | undefined {
  if (guest.dead) return 'memory'
  return error instanceof Error && error.message === 'Script execution timed out.' ? 'timeout' : undefined
}
