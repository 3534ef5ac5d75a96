import { hash, timingSafeEqual } from 'node:crypto'
import type { Standing, StandingOf } from '../core/access/admission.ts'
import type { Clients, Credentialed } from '../core/access/clients.ts'
import type { Clock } from '../core/time/clock.ts'
import type { RouteClaim } from '../core/deployment.ts'
import type { Identify, Identities, ProofKind } from '../core/access/identities.ts'
import { defaultPriority, isPriority, lowestPriority, type Priority } from '../core/lines/priority.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'

export interface StandingOfParts {
  readonly clients: Clients
  readonly identities: Identities
  readonly clock: Pick<Clock, 'now'>
}

/**
 * Who calls, and how important it is, by the plan that its application has for the API of the route, once the credential is verified:
 * a key by its hash, a certificate because TLS has verified it, everything else by the nodes that the route's claims name: a signature
 * anew, a password or token as long as the node believes it without verifying it again. Whatever is forged or unknown counts as the
 * least important.
 *
 * Nothing is let in by this: the auth node of the flow still asks.
 */
export function createStandingOf({ clients, identities, clock }: StandingOfParts): StandingOf {
  return (route, request) => {
    const own = route.priority ?? lowestPriority
    if (own === 0 || route.claims === undefined) return { priority: own }
    const asked = new Set<Identify>()
    for (const claim of route.claims) {
      const application = verified(claim, request, asked)
      if (application === undefined) continue
      const priority = Math.min(own, priorityOf(application, route.flow)) as Priority
      return application === '' ? { priority } : ({ priority, application } satisfies Standing)
    }
    return { priority: own }
  }

  /** Id of the application, empty for one that no record knows; `undefined` when nobody is proved. Whoever was asked is not asked again. */
  function verified(claim: RouteClaim, request: RequestFacts, asked: Set<Identify>): string | undefined {
    switch (claim.kind) {
      case 'key': {
        const key = 'header' in claim ? request.headers[claim.header] : request.query[claim.query]
        return typeof key === 'string' && key.length <= 512 ? byKey(key) : undefined
      }
      case 'certificate': {
        const certificate = request.clientCertificate
        return certificate && idOf(clients.byCertificate({ fingerprint: certificate.fingerprint256, sans: certificate.sans ?? [] }))
      }
      default: return byNode(claim.node, claim.kind, request, asked)
    }
  }

  function byNode(node: string, kind: ProofKind, request: RequestFacts, asked: Set<Identify>): string | undefined {
    for (const identify of identities.of(node, kind)) {
      if (asked.has(identify)) continue
      asked.add(identify)
      const proven = identify(request)
      const application = proven && (proven.known ? idOf(proven.known) : '')
      if (application !== undefined) return application
    }
    return undefined
  }

  function byKey(key: string): string | undefined {
    const dot = key.indexOf('.')
    const known = dot > 0 ? clients.byKey(key.slice(0, dot)) : undefined
    if (known?.credential.kind !== 'key') return undefined
    const expected = Buffer.from(known.credential.hash, 'latin1')
    const digest = Buffer.from(hash('sha256', key.slice(dot + 1), 'base64url'), 'latin1')
    return expected.length === digest.length && timingSafeEqual(expected, digest) ? idOf(known) : undefined
  }

  function idOf(known: Credentialed | undefined): string | undefined {
    if (!known?.credential.active) return undefined
    const { expiresAt } = known.credential
    // A time that cannot be read is over.
    return expiresAt === undefined || clock.now() < Date.parse(expiresAt) ? known.application.id : undefined
  }

  function priorityOf(id: string, flow: string): Priority {
    const api = clients.apiOfFlow(flow)
    const application = id === '' ? undefined : clients.application(id)
    if (id !== '' && !application?.active) return lowestPriority
    let best: number | undefined
    for (const { api: of, plan, state } of application?.subscriptions ?? []) {
      if (of !== api?.id || state !== 'approved') continue
      const priority = clients.plan(plan)?.priority
      if (priority !== undefined && (best === undefined || priority < best)) best = priority
    }
    // Who is known and not subscribed will be refused: nobody waits behind that.
    if (best === undefined) return api === undefined || api.lifecycle === 'PROTOTYPED' ? defaultPriority : lowestPriority
    return isPriority(best) ? best : defaultPriority
  }
}
