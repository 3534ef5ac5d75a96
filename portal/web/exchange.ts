import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Actor, FlowRights, User } from '../../control/contract.ts'
import type { Language } from './language.ts'

/** One request of the control port with what the door found out about it. Lives as long as the request. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly method: string
  /** Only path and query are to be trusted; the origin is a placeholder. */
  readonly url: URL
  readonly language: Language
  /** Address of whoever asks: what failed sign-ins are counted against. */
  readonly from: string
  readonly user?: User
  /** What the user may do with flows; for pages only. */
  readonly flows?: FlowRights
  /** The token the user came with; absent for nobody. */
  readonly token?: string
  /** What an access token that the user came with is good for; absent: for all that he may. */
  readonly scopes?: readonly string[]
  /** True when the token came in the session cookie, so that a page of another origin may have sent it. */
  readonly byCookie: boolean
}

/** The user of a request that only comes here signed in, as who does something. */
export function toActor({ user, from, scopes }: Exchange): Actor {
  return { name: user!.name, role: user!.role, from, ...(scopes ? { scopes } : {}) }
}

/** Parts of the path that a route captured, decoded. */
export type Params = Readonly<Record<string, string>>

export type Handler = (exchange: Exchange, params: Params) => Promise<void> | void
