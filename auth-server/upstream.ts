import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Artifacts, Authority, Role } from '../control/oauth-contract.ts'
import type { Log } from '../runtime/core/log.ts'
import type { RelyingParty } from '../runtime/core/access/relying-party.ts'
import type { TextKey } from './texts.ts'

/** Another provider at which people may sign in. */
export interface Upstream extends Pick<RelyingParty, 'depart' | 'arrive'> {
  readonly issuer: string
  /** What people call it. */
  readonly name: string
  /** The first that fits gives the role. */
  readonly roles: readonly RoleRule[]
  /** Whoever is not known yet and has a role becomes a user. */
  readonly create: boolean
}

/** Who has this value in this claim of the ID token has this role. */
export interface RoleRule {
  readonly claim: string
  readonly value: string
  readonly role: Role
}

export const upstreamCallback = '/upstream/callback'
const cookie = 'sluice-upstream'
const departureMs = 600_000
const arrivalMs = 60_000

/** The role that claims give; `undefined`: none. A claim is found by its name, else by the path that its dots make. */
export function toRole(claims: Readonly<Record<string, unknown>>, rules: readonly RoleRule[]): Role | undefined {
  return rules.find(({ claim, value }) => {
    const held = Object.hasOwn(claims, claim) ? claims[claim] : claim.split('.').reduce<unknown>((at, part) => (typeof at === 'object' && at !== null && Object.hasOwn(at, part) ? (at as Record<string, unknown>)[part] : undefined), claims)
    return Array.isArray(held) ? held.includes(value) : held === value
  })?.role
}

export interface UpstreamParts {
  readonly upstream: Upstream
  readonly artifacts: Artifacts
  readonly people: Authority['people']
  readonly issuer: string
  readonly log: Log
  readonly from: string
}

/** Leaves an interaction for the other provider; this browser alone can come back to it. */
export async function departUpstream(response: ServerResponse, uid: string, language: string, { upstream, artifacts, issuer }: UpstreamParts): Promise<void> {
  const { url, departure } = await upstream.depart({ redirectUri: `${issuer}${upstreamCallback}`, language })
  await artifacts.put('UpstreamDeparture', departure.state, { uid, ...departure }, { expiresInMs: departureMs })
  response.writeHead(303, { location: url, 'set-cookie': toCookie(departure.state, departureMs / 1000, issuer), 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }).end()
}

/** Comes back from it: to the interaction that was left, with somebody or with what went wrong. False when none was left. */
export async function arriveUpstream(request: IncomingMessage, response: ServerResponse, parts: UpstreamParts): Promise<boolean> {
  const { artifacts, issuer, log } = parts
  const { search, searchParams } = new URL(request.url ?? '/', issuer)
  const state = searchParams.get('state') ?? ''
  const left = await artifacts.get('UpstreamDeparture', state)
  // Somebody may have been led here with another's answer: the browser must be the one that left, and for this.
  if (!left || cookieOf(request) !== state || !(await artifacts.consume('UpstreamDeparture', state))) return false
  const { uid, nonce, verifier } = left.value as Readonly<Record<string, string>>
  if (!uid || !nonce || !verifier) return false
  const arrived = await admit(search, { state, nonce, verifier }, parts)
  if ('failed' in arrived) log.info({ reason: arrived.reason }, 'a sign-in at the other provider came to nothing')
  await artifacts.put('UpstreamArrival', uid, arrived, { expiresInMs: arrivalMs })
  response.writeHead(303, { location: `${issuer}/interaction/${uid}`, 'set-cookie': toCookie('', 0, issuer), 'cache-control': 'no-store' }).end()
  return true
}

/** What came back to an interaction, once. */
export async function takeArrival(uid: string, artifacts: Artifacts): Promise<Arrival | undefined> {
  const found = await artifacts.get('UpstreamArrival', uid)
  if (!found || found.consumedAtMs !== undefined || !(await artifacts.consume('UpstreamArrival', uid))) return undefined
  await artifacts.remove('UpstreamArrival', uid)
  return found.value as unknown as Arrival
}

type Arrival = { readonly user: string } | { readonly failed: TextKey; readonly reason: string }

async function admit(search: string, departure: { readonly state: string; readonly nonce: string; readonly verifier: string }, { upstream, people, issuer, from }: UpstreamParts): Promise<Arrival> {
  try {
    const { claims } = await upstream.arrive({ redirectUri: `${issuer}${upstreamCallback}`, search, departure })
    const role = toRole(claims, upstream.roles)
    const user = await people.signInFrom({ issuer: upstream.issuer, subject: String(claims['sub']), names: [claims['preferred_username'], claims['email'], claims['name']].filter((name) => typeof name === 'string'), ...(role ? { role } : {}), create: upstream.create }, from)
    return { user: user.name }
  } catch (thrown) {
    const { code, message } = thrown as { code?: unknown; message: string }
    const failed = typeof code === 'string' ? failures[code] : undefined
    if (!failed) throw thrown
    return { failed, reason: message }
  }
}

const failures: Readonly<Record<string, TextKey>> = {
  unavailable: 'upstreamAway', denied: 'upstreamDenied', invalid: 'upstreamInvalid', 'signin.unknown': 'upstreamUnknown', 'signin.role': 'upstreamUnknown', 'user.disabled': 'upstreamDisabled', 'user.last_admin': 'upstreamUnknown',
}

function toCookie(value: string, maxAge: number, issuer: string): string {
  return `${cookie}=${value}; Path=/upstream; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${issuer.startsWith('https:') ? '; Secure' : ''}`
}

function cookieOf({ headers }: IncomingMessage): string | undefined {
  return (headers.cookie ?? '').split(/; */).find((one) => one.startsWith(`${cookie}=`))?.slice(cookie.length + 1)
}
