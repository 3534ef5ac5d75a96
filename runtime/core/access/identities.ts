import type { Credentialed } from './clients.ts'
import type { RequestFacts } from '../http/request-facts.ts'

/** Whose a request is by its signature, without using up its number used once; `undefined`: nobody's. */
export type VerifySignature = (request: RequestFacts) => Credentialed | undefined

/**
 * Who proved to be whom a moment ago: auth nodes write it down when they have let somebody in, so that whoever has to know how
 * important a caller is before the flow begins can look it up. It decides who waits in front of whom and nothing else: each
 * request still meets its auth node.
 */
export interface Identities {
  /** `credential`: what the request carried, as it came; kept as a hash only. `application`: empty for a caller that no record knows. */
  proved(credential: string, application: string): void
  /** It was refused: it proves nothing any more. */
  refused(credential: string): void
  /** The application that the credential proved to be of; empty for one that no record knows, `undefined` when it has proved nothing lately. */
  find(credential: string): string | undefined
  /** A way to check signatures that are made anew for each request; the result takes it away. */
  addVerifier(kind: 'signature' | 'sign code', verify: VerifySignature): () => void
  /** Whose a signed request is, by all ways there are. */
  verify(kind: 'signature' | 'sign code', request: RequestFacts): Credentialed | undefined
}
