/** How the pages send people to the authorization server to sign in; runtime/openid has one. */
export interface SignInElsewhere {
  /** Whether passwords are taken on the pages too. */
  readonly passwords: boolean
  /** Origins at which browsers may come back. */
  readonly origins: readonly string[]
  /** Keep `departure` where only the same browser reaches it. @throws with `code` `unavailable` */
  depart(options: { readonly redirectUri: string; readonly language: string }): Promise<{ readonly url: string; readonly departure: Departure }>
  /** @throws with `code` `unavailable`, `denied` or `invalid` */
  arrive(options: { readonly redirectUri: string; readonly search: string; readonly departure: Departure }): Promise<{ readonly claims: Readonly<Record<string, unknown>>; readonly idToken: string }>
  /** Where its own session ends. */
  leaveUrl(options: { readonly idToken: string; readonly returnTo: string }): Promise<string | undefined>
}

export interface Departure {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}
