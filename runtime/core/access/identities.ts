import type { Credentialed } from './clients.ts'
import type { RequestFacts } from '../http/request-facts.ts'

/** Ways to prove who calls that take what a node is set to, or what it has seen before. */
export type ProofKind = 'basic' | 'bearer' | 'signature' | 'sign code'

/** Whose a request is: its record; absent for a good token whose client no record knows. */
export interface Proven {
  readonly known?: Credentialed
}

/**
 * Whose a request is by one way to prove it, as far as that can be said at once: nobody is waited for, no password is computed, and what
 * may be used once is not used. `undefined`: nobody's, as far as is known.
 */
export type Identify = (request: RequestFacts) => Proven | undefined

/**
 * Who calls, for whoever has to know before the flow begins: the nodes that know callers are asked, each for the routes whose
 * claims name it. It decides who waits in front of whom and nothing else: each request still meets its node.
 */
export interface Identities {
  /**
   * A way of a node, by its id, to know callers; the result takes it away. Two of one id, while a deploy replaces one, are both asked.
   * Nodes that would say the same give the same function, so that no request is asked about twice.
   */
  add(node: string, kind: ProofKind, identify: Identify): () => void
  of(node: string, kind: ProofKind): Iterable<Identify>
}
