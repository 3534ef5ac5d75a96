/** What has to be kept between leaving and coming back, in a place that only the same browser reaches. */
export interface Departure {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** Sends people to an issuer to sign in (OpenID Connect), and checks what they bring back; runtime/openid has one. */
export interface RelyingParty {
  /** @throws with `code` `unavailable` when the issuer is not to be reached */
  depart(options: { readonly redirectUri: string; readonly language?: string }): Promise<{ readonly url: string; readonly departure: Departure }>
  /** @throws with `code` `unavailable`, `denied` (the person, or the issuer, said no), or `invalid` when what came back is not as it must be */
  arrive(options: { readonly redirectUri: string; readonly search: string; readonly departure: Departure }): Promise<{ readonly claims: Readonly<Record<string, unknown>>; readonly idToken: string }>
  /** Where the issuer ends its own session; `undefined` when it says of no such place. */
  leaveUrl(options: { readonly idToken: string; readonly returnTo: string }): Promise<string | undefined>
}
