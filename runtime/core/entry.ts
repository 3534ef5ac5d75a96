/** Methods an HTTP entry can have; `ALL` answers every method that has no entry of its own on that path. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS' | 'ALL'

/** Cross-origin rules of one API (Fetch standard, CORS protocol). */
export interface Cors {
  /** `*` or exact origins. */
  readonly origins: '*' | readonly string[]
  readonly methods?: readonly string[]
  readonly headers?: readonly string[]
  readonly exposed?: readonly string[]
  readonly credentials?: boolean
  readonly maxAgeSeconds?: number
}

/** An HTTP route. `path` is a find-my-way pattern (`/users/:id`, `/files/*`); `host` is exact when given. */
export interface HttpEntry {
  readonly on: 'http'
  readonly method: Method
  readonly path: string
  readonly host?: string
  readonly cors?: Cors
  /** Overrides the gateway's body limit. */
  readonly bodyLimitBytes?: number
  /** Content types taken (`application/json`, `image/*`); absent: all. Others get 415. */
  readonly accepts?: readonly string[]
  /** Give the body as bytes and do not look inside (Node-RED: "raw body"). */
  readonly rawBody?: boolean
  /** Give the body as a stream that passes once: nothing of it is held or looked at. */
  readonly streamBody?: boolean
  /** Overrides the flow's deadline for runs that enter here. */
  readonly deadlineMs?: number
  /** Take multipart file uploads (Node-RED: "accept file uploads"). */
  readonly upload?: boolean
}

/** How the outside, or another node, reaches a flow. Data, so that a node never imports Fastify or BullMQ. */
export type Entry =
  | HttpEntry
  /** Once, `delayMs` after the pipeline went live. */
  | { readonly on: 'start'; readonly delayMs: number }
  | { readonly on: 'interval'; readonly everyMs: number }
  /** Five- or six-field cron; `zone` is an IANA name. */
  | { readonly on: 'cron'; readonly cron: string; readonly zone?: string }
  /** Attempts at accepted work begin here, and may take so long each. */
  | { readonly on: 'job'; readonly deadlineMs: number }
  /** A button in the editor. */
  | { readonly on: 'manual' }
  /** A Catch node: faults of the flow, of its group, or of the nodes named. */
  | { readonly on: 'fault'; readonly of: 'flow' | 'group' | readonly string[]; readonly uncaught: boolean }
  | { readonly on: 'status'; readonly of: 'flow' | 'group' | readonly string[] }
  | { readonly on: 'complete'; readonly of: readonly string[] }

/** Starts what makes an entry fire by itself; the result stops it. Entries that wait for others start nothing. */
export type StartTimer = (entry: Entry, fire: () => void, at?: { readonly flow: string; readonly node: string }) => () => void
