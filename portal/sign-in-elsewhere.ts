import type { RelyingParty } from '../runtime/core/access/relying-party.ts'

/** How the pages send people to the authorization server to sign in. */
export interface SignInElsewhere extends RelyingParty {
  /** Whether passwords are taken on the pages too. */
  readonly passwords: boolean
  /** Origins at which browsers may come back. */
  readonly origins: readonly string[]
}
