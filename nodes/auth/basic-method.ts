import { hash, randomBytes } from 'node:crypto'
import { credentialsOf } from '../../runtime/core/access/authorization.ts'
import type { Clients, Credentialed } from '../../runtime/core/access/clients.ts'
import { customerNetwork } from '../../runtime/core/access/customer-network.ts'
import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import { createFairLine } from './fair-line.ts'
import { checkPassword, nobody, parseVerifier } from './scrypt-verifier.ts'
import { absent, type Method, noScopes, refused, type Verdict } from './verdict.ts'

const rememberedMs = 60_000
const longest = 1024

/** What all auth nodes of a gateway share of Basic sign-ins. */
export interface BasicMemory {
  /** Whether name and password fit the verifier (`undefined`: there is no such name). Comes to `undefined` when too many wait. */
  check(name: string, password: string, verifier: string | undefined, address: string, nowMs: number): boolean | Promise<boolean | undefined>
  /** Whether they have been checked lately, and fitted. */
  knows(name: string, password: string, verifier: string | undefined, nowMs: number): boolean
}

/**
 * Checks passwords off the serving thread and remembers success for a minute, as a hash under a key that lives in
 * this process only.
 */
export function createBasicMemory(): BasicMemory {
  const key = randomBytes(32).toString('hex')
  const right = new BoundedMap<number>(10_000)
  /** Checks under way or in line, by address, name and password: as many as the line holds. */
  const checking = new Map<string, Promise<boolean | undefined>>()
  // What a name that is not there costs: as much as the names that are.
  let decoy = nobody
  const line = createFairLine({ atOnce: 2, perAddress: 16, waiting: 512 })
  // The verifier is part of it: a password that was changed is forgotten at once.
  const markOf = (name: string, password: string, verifier: string | undefined) => hash('sha256', JSON.stringify([key, name, password, verifier ?? '']), 'base64')

  function isRight(mark: string, nowMs: number): boolean {
    const untilMs = right.get(mark)
    if (untilMs === undefined) return false
    if (nowMs < untilMs) return true
    right.delete(mark)
    return false
  }

  return {
    knows: (name, password, verifier, nowMs) => isRight(markOf(name, password, verifier), nowMs),
    check(name, password, verifier, address, nowMs) {
      const mark = markOf(name, password, verifier)
      if (isRight(mark, nowMs)) return true
      // A client that begins with many requests at once is checked once, not refused for waiting behind itself.
      const same = `${customerNetwork(address)} ${mark}`
      const going = checking.get(same)
      if (going) return going
      const parsed = verifier === undefined ? undefined : parseVerifier(verifier)
      if (parsed) decoy = { ...nobody, n: parsed.n, r: parsed.r, p: parsed.p }
      const checked = line
        .run(customerNetwork(address), async () => {
          const equal = await checkPassword(password, parsed ?? decoy)
          if (!equal || !parsed) return false
          right.set(mark, nowMs + rememberedMs)
          return true
        })
        .finally(() => checking.delete(same))
      checking.set(same, checked)
      return checked
    },
  }
}

/** HTTP Basic (RFC 7617): user name and password in UTF-8. */
export function createBasicMethod(clients: Clients, memory: BasicMemory): Method {
  /** What the records have under a name. */
  function recordOf(name: string): { readonly known: Credentialed | undefined; readonly verifier: string | undefined } {
    const known = clients.byBasicName(name)
    return { known, verifier: known?.credential.kind === 'basic' ? known.credential.verifier : undefined }
  }

  return {
    kind: 'basic',
    scheme: 'Basic',
    parameters: 'charset="UTF-8"',
    carries: { header: 'authorization' },
    proof: 'basic',
    alike: '',
    identify(request, nowMs) {
      const [name, password] = decodePair(credentialsOf(request, 'basic') ?? '') ?? []
      if (name === undefined || password === undefined) return undefined
      const { known, verifier } = recordOf(name)
      return known && memory.knows(name, password, verifier, nowMs) ? { known } : undefined
    },
    verify({ request, nowMs }) {
      const credentials = credentialsOf(request, 'basic')
      if (credentials === undefined) return absent
      const pair = decodePair(credentials)
      if (!pair) return refused('auth.invalid_login', 'malformed', { guess: true })
      const [name, password] = pair
      const { known, verifier } = recordOf(name)
      const wrong = () => refused('auth.invalid_login', known ? 'wrong password' : 'unknown name', { guess: true, ...(known ? { application: known.application.id } : {}) })
      const right = (equal: boolean | undefined): Verdict => {
        if (equal === undefined) return refused('auth.too_many_attempts', 'too many sign-ins wait to be checked', { retryAfterSeconds: 5 })
        return equal && known ? { kind: 'known', who: { known, scopes: noScopes } } : wrong()
      }
      const equal = memory.check(name, password, verifier, request.ip, nowMs)
      return typeof equal === 'boolean' ? right(equal) : equal.then(right)
    },
  }
}

function decodePair(text: string): [name: string, password: string] | undefined {
  if (text.length > longest || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  const pair = Buffer.from(text, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  return colon === -1 ? undefined : [pair.slice(0, colon), pair.slice(colon + 1)]
}
