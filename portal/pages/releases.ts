import type { PortalOptions } from '../portal.ts'
import type { PageRoute } from '../web/router.ts'
export function releaseRoutes(_options: PortalOptions): PageRoute[] { return [] }
