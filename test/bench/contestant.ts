/** A server that is up and can be loaded. */
export interface Running {
  readonly port: number
  /** The process whose core must be busy for a row to count. */
  readonly pid: number
  stop(): Promise<void>
}

/** Something that answers the same requests as the others of a scenario. */
export interface Contestant {
  readonly name: string
  /** What it is asked for, when that is not what the others are asked for. */
  readonly paths?: readonly string[]
  start(): Promise<Running>
}
