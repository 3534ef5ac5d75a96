import type { Load } from './wrk.ts'

/** A server that is up and can be loaded. */
export interface Running {
  readonly port: number
  /** The process whose core must be busy for a row to count. */
  readonly pid: number
  /** What of the load only this server can say, such as a key that it gave out. */
  readonly load?: Partial<Load>
  /** Faults that it has answered with, counted by code, as far as it writes them down. */
  faults?(): readonly string[]
  stop(): Promise<void>
}

/** Something that answers the same requests as the others of a scenario. */
export interface Contestant {
  readonly name: string
  /** What it is asked for, when that is not what the others are asked for. */
  readonly paths?: readonly string[]
  start(): Promise<Running>
}
