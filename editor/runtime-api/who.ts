import type { Actor } from '../../control/contract.ts'
import type { EditorUser } from '../node-red.ts'

/** What the stock application says of a request to its runtime API. */
export interface Asked {
  readonly user?: EditorUser
  readonly req?: { readonly ip?: string }
}

/** Who asks. @throws when nobody signed in does */
export type ActorOf = (asked: Asked) => Actor
