import type { PortalOptions } from '../portal.ts'
import type { PageRoute } from '../web/router.ts'
export function gatewayRoutes(_options: PortalOptions): PageRoute[] { return [] }
