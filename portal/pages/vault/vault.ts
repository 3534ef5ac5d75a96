import type { PortalOptions } from '../../portal.ts'
import type { PageRoute } from '../../web/router.ts'
import { certificateRoutes } from './certificates.ts'
import { domainRoutes } from './domains.ts'
import { grantRoutes } from './grants.ts'
import { keyRoutes } from './keys.ts'
import { overviewRoutes } from './overview.ts'
import { revealRoutes } from './reveals.ts'
import { secretRoutes } from './secrets.ts'

/** The pages of data protection. Who sees and does what there is decided by control. */
export function vaultRoutes(options: PortalOptions): PageRoute[] {
  return [overviewRoutes, domainRoutes, grantRoutes, keyRoutes, certificateRoutes, secretRoutes, revealRoutes].flatMap((routes) => routes(options))
}
