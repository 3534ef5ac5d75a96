import type { PortalOptions } from '../../portal.ts'
import type { PageRoute } from '../../web/router.ts'
import { apiPageRoutes } from './apis.ts'
import { applicationRoutes } from './applications.ts'
import { auditRoutes } from './audit.ts'
import { ledgerRoutes } from './ledgers.ts'
import { connectorRoutes } from './connectors.ts'
import { decisionRoutes } from './decisions.ts'
import { organisationRoutes } from './organisations.ts'
import { registerRoutes } from './register.ts'
import { planRoutes } from './plans.ts'
import { setRoutes } from './sets.ts'
import { subscriptionRoutes } from './subscriptions.ts'

/** The pages of who may call what, how much. What one sees and may do there is decided by the records, per organisation. */
export function consumerRoutes(options: PortalOptions): PageRoute[] {
  return [applicationRoutes, subscriptionRoutes, planRoutes, apiPageRoutes, registerRoutes, setRoutes, organisationRoutes, connectorRoutes, decisionRoutes, auditRoutes, ledgerRoutes].flatMap((routes) => routes(options))
}
