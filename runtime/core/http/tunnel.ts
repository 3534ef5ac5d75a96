import type { Duplex } from 'node:stream'
import { PassesOnce } from './passes-once.ts'

/** A connection to an upstream that speaks another protocol from now on (RFC 9110 §7.8): bytes go both ways. */
export class Tunnel extends PassesOnce<Duplex> {
  /** Neither side may be silent for longer. */
  readonly idleMs: number

  constructor(socket: Duplex, idleMs: number) {
    super(socket)
    this.idleMs = idleMs
  }
}
